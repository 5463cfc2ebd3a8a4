import { statfs } from "node:fs/promises";
import { Failure, fail } from "@simpletuner-cloud/contract/errors.ts";
import { callerMay } from "@simpletuner-cloud/contract/permissions.ts";
import type { Health, systemEndpoints } from "@simpletuner-cloud/contract/system.ts";
import type { Handlers } from "./handler.ts";

/** Free space below which the server calls itself degraded. */
const lowDiskBytes = 1 << 30;

type Component = Health["components"][number];

/** What the server tells of itself needs. */
export interface SystemServiceOptions {
  /** Resolves when the database answers; rejects with a `Failure` that says why it does not. */
  pingDatabase: () => Promise<void>;
  /** As people call it: `SQLite`, `PostgreSQL`. */
  databaseName: string;
  /** Components beside the database and the disk. */
  otherHealth: () => Promise<Component[]>;
  version: string;
  publicUrl: () => string;
  stateDir: string;
  now: () => number;
  stopping: AbortSignal;
  /** Whether anybody has an account. */
  hasAccounts: () => Promise<boolean>;
  /** The name on screen of a user; null when it has none. */
  displayName: (userId: string) => Promise<string | null>;
}

/** Liveness, readiness, health, and who the caller is. */
export function systemService(options: SystemServiceOptions): Handlers<typeof systemEndpoints> {
  const startedAtMs = options.now();
  return {
    async root() {
      return { status: "healthy", mode: "unified" };
    },
    async live() {
      return { status: "ok" };
    },
    async ready() {
      const database = await databaseHealth(options);
      if (options.stopping.aborted || database.status !== "healthy") {
        throw fail("not_ready", {
          reason: options.stopping.aborted ? "the server is stopping" : "the database does not answer",
        });
      }
      return { status: "ready" };
    },
    async health() {
      const components = [
        await databaseHealth(options),
        await diskHealth(options.stateDir),
        // What lies in the database is not asked for when that does not answer.
        ...(await options.otherHealth().catch(() => [])),
      ];
      const worst = components.some((part) => part.status === "unhealthy")
        ? "unhealthy"
        : components.some((part) => part.status === "degraded")
          ? "degraded"
          : "healthy";
      const now = options.now();
      return {
        status: worst,
        version: options.version,
        uptime_seconds: Math.round((now - startedAtMs) / 100) / 10,
        timestamp: new Date(now).toISOString(),
        components,
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

async function databaseHealth({
  pingDatabase,
  databaseName,
}: Pick<SystemServiceOptions, "pingDatabase" | "databaseName">): Promise<Component> {
  const startedAt = performance.now();
  const trouble = await pingDatabase().then(
    () => null,
    (error: unknown) =>
      (error instanceof Failure ? error : null) ?? fail("database_unavailable", { reason: "unknown" }),
  );
  const latency_ms = Math.round((performance.now() - startedAt) * 100) / 100;
  if (trouble === null)
    return {
      name: "database",
      status: "healthy",
      latency_ms,
      message: `${databaseName} database accessible`,
    };
  const { reason } = trouble.details;
  // Anybody may read it: where the database lies is not said.
  const message =
    typeof reason === "string" ? `The database does not answer: ${reason}` : "The database does not answer";
  return { name: "database", status: "unhealthy", latency_ms, message };
}

async function diskHealth(folder: string): Promise<Component> {
  const { bavail, bsize } = await statfs(folder);
  const low = bavail * bsize < lowDiskBytes;
  return {
    name: "disk",
    status: low ? "degraded" : "healthy",
    latency_ms: null,
    message: `${((bavail * bsize) / 2 ** 30).toFixed(1)} GiB free`,
  };
}
