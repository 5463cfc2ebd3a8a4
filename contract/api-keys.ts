import { Type, type Static } from "typebox";
import { endpoint } from "./endpoint.ts";
import { Instant, MaybeInstant } from "./instants.ts";

/** An API key without its secret. */
export const ApiKey = Type.Object({
  id: Type.String(),
  user_id: Type.String(),
  name: Type.String(),
  key_prefix: Type.String({ description: "How the key begins" }),
  created_at: Instant,
  last_used_at: MaybeInstant,
  expires_at: MaybeInstant,
  is_active: Type.Boolean({ description: "False once it ran out" }),
  scoped_permissions: Type.Union([Type.Array(Type.String()), Type.Null()], {
    description: "What the key holds of its owner's permissions; null is all of them",
  }),
});
/** See the schema. */
export type ApiKey = Static<typeof ApiKey>;

const tag = "API keys";

/** Endpoints of API keys. */
export const apiKeyEndpoints = {
  listApiKeys: endpoint({
    method: "GET",
    path: "/api/auth/api-keys",
    access: "api.keys.own",
    tag,
    summary: "Own API keys, the latest first; everybody's with `all`, for those who may",
    query: Type.Object({ all: Type.Optional(Type.Boolean()) }),
    answer: Type.Object({ api_keys: Type.Array(ApiKey) }),
    errors: [],
  }),
  createApiKey: endpoint({
    method: "POST",
    path: "/api/auth/api-keys",
    access: "api.keys.own",
    tag,
    summary: "A new API key, told this once",
    status: 201,
    body: Type.Object(
      {
        name: Type.String({ minLength: 1, maxLength: 100 }),
        expires_days: Type.Optional(
          Type.Union([Type.Integer({ minimum: 1, maximum: 365 }), Type.Null()], {
            description: "Null or absent: it never runs out",
          }),
        ),
        scoped_permissions: Type.Optional(
          Type.Union([
            Type.Array(Type.String({ maxLength: 64 }), { minItems: 1, maxItems: 200 }),
            Type.Null(),
          ]),
        ),
      },
      { additionalProperties: false },
    ),
    answer: Type.Object({ key: Type.String(), key_info: ApiKey }),
    errors: ["grant_beyond_own", "too_many_api_keys", "not_set_up"],
  }),
  revokeApiKey: endpoint({
    method: "DELETE",
    path: "/api/auth/api-keys/{api_key_id}",
    access: "api.keys.own",
    tag,
    summary: "Make an API key invalid at once",
    params: Type.Object({ api_key_id: Type.String({ maxLength: 64 }) }),
    answer: Type.Object({ success: Type.Literal(true) }),
    errors: ["api_key_not_found"],
  }),
} as const;
