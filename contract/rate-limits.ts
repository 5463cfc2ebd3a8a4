import { Type, type Static } from "typebox";
import { endpoint } from "./endpoint.ts";
import { MaybeInstant } from "./instants.ts";

const Count = Type.Integer({ minimum: 0 });

/** One rule that requests are limited by; the first that matches holds. */
export const RateLimitRule = Type.Object({
  name: Type.String(),
  pattern: Type.String({ description: "Regular expression over the decoded path" }),
  methods: Type.Union([Type.Array(Type.String()), Type.Null()], { description: "null: every method" }),
  limit: Type.Integer({ description: "Requests of one address in any window" }),
  signed_in_limit: Type.Integer({ description: "Requests of who proves who it is" }),
  window_seconds: Type.Integer(),
  counted_by: Type.Enum(["address", "client"], {
    description: "client: who proves who it is is counted by that, everybody else by address",
  }),
  when_uncounted: Type.Enum(["open", "closed"], {
    description: "What becomes of requests while the state backend does not answer",
  }),
  requests: Type.Object(
    { allowed: Count, refused: Count, unchecked: Count, closed: Count },
    { description: "By what became of them, on this server since its start" },
  ),
});
/** See the schema. */
export type RateLimitRule = Static<typeof RateLimitRule>;

/** How much of a rule a client has used. */
export const RateLimitUse = Type.Object({
  rule: Type.String(),
  used: Count,
  limit: Type.Integer(),
  window_seconds: Type.Integer(),
  retry_after_seconds: Type.Integer({ description: "Until the next request gets through; 0 while one does" }),
});
/** See the schema. */
export type RateLimitUse = Static<typeof RateLimitUse>;

/** A client and how much of each rule it has used within the rule's window. */
export const RateLimitUsage = Type.Object({
  client: Type.String({ description: "As the audit names it: an address, `user:<id>` or `job:<id>`" }),
  rules: Type.Array(RateLimitUse, { description: "Those of which anything is used" }),
});
/** See the schema. */
export type RateLimitUsage = Static<typeof RateLimitUsage>;

const Client = Type.String({
  minLength: 1,
  maxLength: 100,
  description: "An address, a user's name, or a client as the audit names it: `user:<id>`, `job:<id>`",
});
const tag = "System";
const access = "admin.config";

/** Endpoints of rate limits (CONTRACT 0.4). */
export const rateLimitEndpoints = {
  listRateLimits: endpoint({
    method: "GET",
    path: "/api/cloud/rate-limits",
    access,
    tag,
    summary: "The rules that requests are limited by, and how many each let through",
    answer: Type.Object({
      enabled: Type.Boolean({ description: "false with RATE_LIMIT_CALLS=0" }),
      passes_this_machine: Type.Boolean({
        description: "Requests of the server's own machine are not counted",
      }),
      suspended_since: MaybeInstant,
      rules: Type.Array(RateLimitRule),
      excluded: Type.Array(Type.String(), { description: "Patterns of paths that are read uncounted" }),
      violations: Count,
      tracked_clients: Count,
    }),
    errors: [],
  }),
  rateLimitUsage: endpoint({
    method: "GET",
    path: "/api/cloud/rate-limits/usage",
    access,
    tag,
    summary: "How much of each rule a client has used; counts nothing",
    query: Type.Object({ client: Client }),
    answer: RateLimitUsage,
    errors: ["user_not_found", "state_unavailable"],
  }),
  resetRateLimit: endpoint({
    method: "POST",
    path: "/api/cloud/rate-limits/reset",
    access,
    tag,
    summary:
      "Forgets what a client has used, so that it gets through again; within a second on every replica",
    body: Type.Object(
      {
        client: Client,
        rule: Type.Optional(Type.String({ maxLength: 40, description: "Default: every rule" })),
      },
      { additionalProperties: false },
    ),
    answer: RateLimitUsage,
    errors: ["user_not_found", "unknown_rate_limit", "state_unavailable"],
  }),
} as const;
