import { Type, type Static } from "typebox";
import { endpoint } from "./endpoint.ts";
import { Instant, MaybeNumber, MaybeString } from "./instants.ts";

const HealthStatus = Type.Union([
  Type.Literal("healthy"),
  Type.Literal("degraded"),
  Type.Literal("unhealthy"),
]);

/** How work that is done again and again goes. */
const BackgroundLoop = Type.Object({
  name: Type.String(),
  status: HealthStatus,
  every_seconds: Type.Number(),
  last_round_seconds_ago: MaybeNumber,
  last_success_seconds_ago: MaybeNumber,
  running_seconds: MaybeNumber,
  failures_in_row: Type.Integer(),
});

/** Health of the server and its parts. `latency_ms` is how long finding out took. */
export const Health = Type.Object({
  status: HealthStatus,
  version: Type.String(),
  uptime_seconds: Type.Number(),
  timestamp: Instant,
  components: Type.Array(
    Type.Object({ name: Type.String(), status: HealthStatus, latency_ms: MaybeNumber, message: MaybeString }),
  ),
  loops: Type.Array(BackgroundLoop),
});
/** See the schema. */
export type Health = Static<typeof Health>;

/** What the web UI needs to know first. */
export const Session = Type.Object({
  authenticated: Type.Boolean(),
  user_id: MaybeString,
  username: MaybeString,
  display_name: MaybeString,
  is_admin: Type.Boolean(),
  grants: Type.Array(Type.String()),
  mode: Type.Union([Type.Literal("single-user"), Type.Literal("multi-user")], {
    description: "single-user until the first administrator is made",
  }),
  credential: Type.Union([Type.Literal("session"), Type.Literal("api_key"), Type.Null()]),
  version: Type.String(),
  public_url: Type.String(),
});
/** See the schema. */
export type Session = Static<typeof Session>;

const tag = "System";

/** Endpoints of the server itself. */
export const systemEndpoints = {
  root: endpoint({
    method: "GET",
    path: "/health",
    access: {
      public: "load balancers and the CLI ask without credentials; tells nothing but that the server lives",
    },
    tag,
    summary: "That the server answers",
    answer: Type.Object({ status: Type.Literal("healthy"), mode: Type.String() }),
    errors: [],
  }),
  live: endpoint({
    method: "GET",
    path: "/api/cloud/health/live",
    access: { public: "liveness probes carry no credentials" },
    tag,
    summary: "Liveness",
    answer: Type.Object({ status: Type.Literal("ok") }),
    errors: [],
  }),
  ready: endpoint({
    method: "GET",
    path: "/api/cloud/health/ready",
    access: { public: "readiness probes carry no credentials" },
    tag,
    summary: "Readiness; 503 while the server starts or stops, and while the database does not answer",
    answer: Type.Object({ status: Type.Literal("ready") }),
    errors: ["not_ready"],
  }),
  health: endpoint({
    method: "GET",
    path: "/api/cloud/health",
    access: { public: "monitoring systems scrape it; messages name no path and no secret" },
    tag,
    summary: "Health by component",
    query: Type.Object({
      include_providers: Type.Optional(
        Type.Boolean({ description: "Asks the providers as well, which takes as long as they do" }),
      ),
      include_replicate: Type.Optional(Type.Boolean({ description: "An older name of include_providers" })),
    }),
    answer: Health,
    errors: [],
  }),
  session: endpoint({
    method: "GET",
    path: "/api/auth/check",
    access: { public: "tells the caller who it is, also when it is nobody" },
    tag,
    summary: "Who the caller is and what it may do",
    answer: Session,
    errors: [],
  }),
} as const;
