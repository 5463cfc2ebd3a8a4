import { fail } from "@simpletuner-cloud/contract/errors.ts";
import { callerMay } from "@simpletuner-cloud/contract/permissions.ts";
import type { Health, systemEndpoints } from "@simpletuner-cloud/contract/system.ts";
import type { Handlers } from "./handler.ts";
import {
  databaseHealth,
  type HealthCheck,
  type HealthOptions,
  loopIsWell,
  type LoopView,
  worstOf,
} from "./health.ts";
import type { Readiness } from "./readiness.ts";

/** What the server tells of itself needs. */
export interface SystemServiceOptions extends Pick<HealthOptions, "pingDatabase" | "databaseName" | "loops"> {
  readiness: Pick<Readiness, "reason">;
  health: HealthCheck;
  version: string;
  publicUrl: () => string;
  /** Seconds since the server was started. */
  uptimeSeconds: () => number;
  now: () => number;
  /** Whether anybody has an account. */
  hasAccounts: () => Promise<boolean>;
  /** The name on screen of a user; null when it has none. */
  displayName: (userId: string) => Promise<string | null>;
}

/** Liveness, readiness, health, and who the caller is. */
export function systemService(options: SystemServiceOptions): Handlers<typeof systemEndpoints> {
  return {
    async root() {
      return { status: "healthy", mode: "unified" };
    },
    async live() {
      return { status: "ok" };
    },
    async ready() {
      const { reason } = options.readiness;
      if (reason !== null) throw fail("not_ready", { reason });
      const { status } = await databaseHealth(options);
      if (status !== "healthy") throw fail("not_ready", { reason: "the database does not answer" });
      return { status: "ready" };
    },
    async health({ query }) {
      const includeProviders = query.include_providers ?? query.include_replicate ?? false;
      const components = await options.health({ includeProviders });
      return {
        status: worstOf(components),
        version: options.version,
        uptime_seconds: Math.round(options.uptimeSeconds() * 10) / 10,
        timestamp: new Date(options.now()).toISOString(),
        components,
        loops: Object.entries(options.loops()).map(([name, view]) => shownLoop(name, view)),
      };
    },
    async session(_, { caller }) {
      const known = caller.userId !== "";
      return {
        authenticated: known,
        user_id: known ? caller.userId : null,
        username: known ? caller.username : null,
        display_name: known ? await options.displayName(caller.userId) : null,
        is_admin: callerMay(caller, "admin.users"),
        grants: [...caller.grants],
        mode: (await options.hasAccounts()) ? "multi-user" : "single-user",
        credential: caller.credential?.kind ?? null,
        version: options.version,
        public_url: options.publicUrl(),
      };
    },
  };
}

const seconds = (ms: number | null): number | null => (ms === null ? null : Math.round(ms / 100) / 10);

function shownLoop(name: string, view: LoopView): Health["loops"][number] {
  return {
    name,
    status: loopIsWell(view) ? "healthy" : "degraded",
    every_seconds: view.everyMs / 1_000,
    last_round_seconds_ago: seconds(view.sinceEndMs),
    last_success_seconds_ago: seconds(view.sinceSuccessMs),
    running_seconds: seconds(view.runningMs),
    failures_in_row: view.failuresInRow,
  };
}
