import { type Caller, callerMay } from "@simpletuner-cloud/contract/permissions.ts";
import type { ApiKeyStore } from "../db/stores/api-keys.ts";
import type { SessionStore } from "../db/stores/sessions.ts";
import type { UserRightsStore } from "../db/stores/user-rights.ts";
import type { UserStore } from "../db/stores/users.ts";
import { looksLikeApiKey, tokenHash } from "../domain/secret-token.ts";
import { effectivePermissions } from "../domain/user-rights.ts";

/** The user of a server without accounts, and the id that its first administrator takes over with all it made. */
export const firstUserId = "local";

/** The one user of a server that has no accounts: everything is its own. */
export const singleUser: Caller = { userId: firstUserId, username: "local", grants: ["*"] };

/** What finding out who calls needs. */
export interface CredentialOptions {
  users: UserStore;
  rights: UserRightsStore;
  sessions: SessionStore;
  apiKeys: ApiKeyStore;
  now: () => number;
}

/** Who calls, by what they prove it with; asked anew at each request, so whatever changes holds at once. */
export function credentials({ users, rights, sessions, apiKeys, now }: CredentialOptions) {
  let accounts = false;
  const hasAccounts = async (): Promise<boolean> => {
    // There is no way back: the last administrator cannot be removed.
    accounts ||= await users.any();
    return accounts;
  };
  const bySession = async (token: string, isSignOfLife: boolean): Promise<Caller | null> => {
    const session = await sessions.findLive(tokenHash(token), now());
    if (!session) return null;
    if (isSignOfLife) await sessions.markSeen(session, now());
    return {
      userId: session.user_id,
      username: session.username,
      grants: effectivePermissions(await rights.ofUser(session.user_id)),
      credential: { kind: "session", id: session.id, scoped: false },
    };
  };
  const byApiKey = async (key: string, isSignOfLife: boolean): Promise<Caller | null> => {
    const found = await apiKeys.findLive(tokenHash(key), now());
    if (!found) return null;
    const held = await rights.ofUser(found.user_id);
    // Whoever may not use the API any more cannot do it with an old key either.
    if (!callerMay({ grants: effectivePermissions(held) }, "api.access")) return null;
    if (isSignOfLife) await apiKeys.markUsed(found, now());
    const scopes = found.scopes === null ? null : (JSON.parse(found.scopes) as string[]);
    return {
      userId: found.user_id,
      username: found.username,
      grants: effectivePermissions(held, scopes),
      credential: { kind: "api_key", id: found.id, scoped: scopes !== null },
    };
  };
  return {
    hasAccounts,
    bySession,
    /** An API key or a session's token, as programs send them in a header. */
    byHeader: (secret: string, isSignOfLife: boolean) =>
      looksLikeApiKey(secret) ? byApiKey(secret, isSignOfLife) : bySession(secret, isSignOfLife),
    /** A user as of now, by id; null when there is none or it is switched off. */
    async findCaller(userId: string): Promise<Caller | null> {
      if (!(await hasAccounts())) return userId === firstUserId ? singleUser : null;
      const user = await users.find(userId);
      if (!user || Number(user.is_active) !== 1) return null;
      return {
        userId,
        username: user.username,
        grants: effectivePermissions(await rights.ofUser(userId)),
      };
    },
  };
}

/** See {@link credentials}. */
export type Credentials = ReturnType<typeof credentials>;
