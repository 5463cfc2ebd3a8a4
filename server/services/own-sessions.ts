import type { authEndpoints } from "@simpletuner-cloud/contract/auth.ts";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { AuditDraft } from "../db/stores/access.ts";
import { actorOf } from "./accounts.ts";
import type { AuthServiceOptions } from "./auth.ts";
import type { Handlers, RequestContext } from "./handler.ts";
import { ownAccount } from "./own-account.ts";

/** What people do with their own sign-ins. */
export function ownSessionHandlers(options: AuthServiceOptions) {
  const { access, sessions } = options.stores;
  const account = ownAccount(options);
  const revoked = (context: RequestContext, count: number): AuditDraft[] => {
    if (count === 0) return [];
    const target = { id: context.caller.userId, name: context.caller.username };
    return [{ type: "auth.session.revoked", actor: actorOf(context), target, details: { sessions: count } }];
  };
  return {
    whoAmI: async (_input, { caller }) => account.show(caller),
    changePassword: ({ body }, context) => account.changePassword(body, context),
    async listSessions(_input, { caller }) {
      const rows = await sessions.ofUser(caller.userId, options.now());
      return {
        sessions: rows.map((row) => ({
          id: row.id,
          is_current: row.id === caller.credential?.id,
          created_at: new Date(Number(row.created_at)).toISOString(),
          last_seen_at: new Date(Number(row.last_seen_at)).toISOString(),
          expires_at: new Date(Number(row.expires_at)).toISOString(),
          address: row.address,
          user_agent: row.user_agent,
        })),
      };
    },
    async revokeSession({ params }, context) {
      const { caller } = context;
      await access.change(async (transaction) => {
        const ended = await sessions.end(transaction, caller.userId, { only: params.session_id });
        if (ended === 0) throw fail("session_not_found", { session: params.session_id });
        return { answer: undefined, events: revoked(context, ended) };
      });
      if (caller.credential?.id === params.session_id) context.setSession(null);
      return { success: true };
    },
    async revokeOtherSessions(_input, context) {
      const { caller } = context;
      const ended = await access.change(async (transaction) => {
        const count = await sessions.end(transaction, caller.userId, { except: caller.credential?.id });
        return { answer: count, events: revoked(context, count) };
      });
      return { success: true, ended };
    },
  } satisfies Partial<Handlers<typeof authEndpoints>>;
}
