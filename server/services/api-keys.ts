import { uuidv7 } from "uuidv7";
import type { ApiKey, apiKeyEndpoints } from "@simpletuner-cloud/contract/api-keys.ts";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import { isoOrNull } from "@simpletuner-cloud/contract/instants.ts";
import { callerMay } from "@simpletuner-cloud/contract/permissions.ts";
import type { ApiKeysTable } from "../db/account-tables.ts";
import type { Stores } from "../db/stores/open-stores.ts";
import { apiKeyPrefix, newApiKey, tokenHash } from "../domain/secret-token.ts";
import { actorOf, grantable } from "./accounts.ts";
import type { Credentials } from "./credentials.ts";
import type { Handlers } from "./handler.ts";

/** More keys than this are forgotten ones. */
const keysPerUser = 50;
const dayMs = 24 * 3_600_000;

/** What API keys need. */
export interface ApiKeyServiceOptions {
  stores: Stores;
  credentials: Credentials;
  now: () => number;
}

type KeyHandlers = Handlers<typeof apiKeyEndpoints>;

/** Keys with which programs call. */
export function apiKeyService(options: ApiKeyServiceOptions): KeyHandlers {
  const { stores, now } = options;
  const { access, apiKeys } = stores;
  return {
    async listApiKeys({ query }, { caller }) {
      const all = query.all === true && callerMay(caller, "api.keys.all");
      const rows = await apiKeys.list(all ? null : caller.userId);
      return { api_keys: rows.map((row) => shownKey(row, now())) };
    },
    createApiKey: keyCreation(options),
    async revokeApiKey({ params }, context) {
      const { caller } = context;
      await access.change(async (transaction) => {
        const key = await apiKeys.find(params.api_key_id, transaction);
        if (!key || (key.user_id !== caller.userId && !callerMay(caller, "api.keys.all")))
          throw fail("api_key_not_found", { api_key: params.api_key_id });
        await apiKeys.remove(transaction, key.id);
        const target = { id: key.user_id, name: key.user_id === caller.userId ? caller.username : "" };
        const details = { key_prefix: key.key_prefix };
        return {
          answer: undefined,
          events: [{ type: "api_key.revoked", actor: actorOf(context), target, details }],
        };
      });
      return { success: true };
    },
  };
}

function keyCreation({ stores, credentials, now }: ApiKeyServiceOptions): KeyHandlers["createApiKey"] {
  const { access, apiKeys } = stores;
  return async ({ body }, context) => {
    if (!(await credentials.hasAccounts())) throw fail("not_set_up");
    const { caller } = context;
    // A key of limited scope cannot make one that holds more than itself.
    const given = body.scoped_permissions ?? (caller.credential?.scoped ? caller.grants : null);
    const scopes = given === null ? null : grantable(caller, given, "scoped_permissions");
    const key = newApiKey();
    const nowMs = now();
    const row: ApiKeysTable = {
      id: uuidv7(),
      key_hash: tokenHash(key),
      key_prefix: apiKeyPrefix(key),
      user_id: caller.userId,
      name: body.name,
      scopes: scopes === null ? null : JSON.stringify(scopes),
      created_at: nowMs,
      last_used_at: null,
      expires_at: body.expires_days ? nowMs + body.expires_days * dayMs : null,
    };
    const key_info = shownKey(row, nowMs);
    const { key_prefix, expires_at } = key_info;
    const details = { key_prefix, scopes, expires_at };
    const target = { id: caller.userId, name: caller.username };
    await access.change(async (transaction) => {
      if ((await apiKeys.list(caller.userId, transaction)).length >= keysPerUser)
        throw fail("too_many_api_keys", { limit: keysPerUser });
      await apiKeys.insert(transaction, row);
      return {
        answer: undefined,
        events: [{ type: "api_key.created", actor: actorOf(context), target, details }],
      };
    });
    return { key, key_info };
  };
}

function shownKey(row: ApiKeysTable, nowMs: number): ApiKey {
  const expiresAtMs = row.expires_at === null ? null : Number(row.expires_at);
  return {
    id: row.id,
    user_id: row.user_id,
    name: row.name,
    key_prefix: row.key_prefix,
    created_at: new Date(Number(row.created_at)).toISOString(),
    last_used_at: isoOrNull(row.last_used_at === null ? null : Number(row.last_used_at)),
    expires_at: isoOrNull(expiresAtMs),
    is_active: expiresAtMs === null || expiresAtMs > nowMs,
    scoped_permissions: row.scopes === null ? null : (JSON.parse(row.scopes) as string[]),
  };
}
