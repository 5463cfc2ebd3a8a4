import { statfs } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { Failure } from "@simpletuner-cloud/contract/errors.ts";
import type { Health } from "@simpletuner-cloud/contract/system.ts";
import type { StateStore } from "../adapters/state/state.ts";

/** One part of the server, as the health tells of it. */
export type Component = Health["components"][number];

/** What was found out of a component, apart from how long that took. */
export interface Finding {
  status: Component["status"];
  /** Anybody may read it: it names no path, no address and no secret. */
  message: string;
}

/** How rounds of work that is done again and again went; times by the machine's uptime, so that clocks may jump. */
export interface LoopView {
  everyMs: number;
  /** Since the round under way began; null between rounds. */
  runningMs: number | null;
  /** Since the last round ended, and since the last good one; null before the first. */
  sinceEndMs: number | null;
  sinceSuccessMs: number | null;
  /** Since the loop was started. */
  ageMs: number;
  failuresInRow: number;
  failures: number;
  rounds: number;
}

/** What the health of this machine's parts is found out with. */
export interface HealthOptions {
  /** Resolves when the database answers; rejects with a `Failure` that says why it does not. */
  pingDatabase: () => Promise<void>;
  /** As people call it: `SQLite`, `PostgreSQL`. */
  databaseName: string;
  state: Pick<StateStore, "kind" | "clock">;
  stateDir: string;
  /** Loops by name. */
  loops: () => Readonly<Record<string, LoopView>>;
  /** Secrets, circuit breakers and what else stands between this server and services outside. */
  outside: () => Promise<Component[]>;
  /** Asks the services outside themselves; takes as long as they do, and is asked for only when somebody wants it. */
  services: () => Promise<Component[]>;
}

/** Free space below which the server calls itself degraded, and below which nothing can be written for long. */
const lowDiskBytes = 1 << 30;
const scarceDiskBytes = 64 << 20;
/** Whoever asks for the health waits at most so long for a part of this machine. */
const waitMs = 3_000;

/** Finds out how the parts of the server are. Questions that come at the same moment share an answer. */
export function healthCheck(options: HealthOptions) {
  const parts = shared(async () => {
    const asked = [databaseHealth(options), stateHealth(options), diskHealth(options)];
    const [own, outside] = await Promise.all([Promise.all(asked), options.outside()]);
    return [...own, ...outside, loopHealth(options.loops())];
  });
  const services = shared(options.services);
  return async ({ includeProviders }: { includeProviders: boolean }): Promise<Component[]> => {
    const asked = await Promise.all([parts(), includeProviders ? services() : []]);
    return asked.flat();
  };
}

/** See {@link healthCheck}. */
export type HealthCheck = ReturnType<typeof healthCheck>;

/** The status of all parts together: that of the worst. */
export function worstOf(components: readonly Component[]): Component["status"] {
  return (
    (["unhealthy", "degraded"] as const).find((status) => components.some((one) => one.status === status)) ??
    "healthy"
  );
}

/** A component with the time that finding out took; one that takes longer than `limitMs` is `late`. */
export async function timedComponent(
  name: string,
  look: () => Promise<Finding>,
  { late, limitMs = waitMs }: { late: Finding; limitMs?: number },
): Promise<Component> {
  const startedAt = performance.now();
  const over = new AbortController();
  const found = look().finally(() => over.abort());
  // When it is late, nobody hears of its end any more.
  found.catch(() => undefined);
  const waited = delay(limitMs, late, { ref: false, signal: over.signal }).catch(() => found);
  const finding = await Promise.race([found, waited]).catch(() => late);
  return { name, ...finding, latency_ms: Math.round((performance.now() - startedAt) * 100) / 100 };
}

/** Work that is under way already is joined instead of done twice. */
function shared<Result>(work: () => Promise<Result>): () => Promise<Result> {
  let running: Promise<Result> | null = null;
  return () => (running ??= work().finally(() => (running = null)));
}

/** How the database is. */
export function databaseHealth({
  pingDatabase,
  databaseName,
}: Pick<HealthOptions, "pingDatabase" | "databaseName">): Promise<Component> {
  const look = (): Promise<Finding> =>
    pingDatabase().then(
      () => ({ status: "healthy" as const, message: `${databaseName} database accessible` }),
      (error: unknown) => {
        // Where the database lies is not said.
        const reason = error instanceof Failure ? error.details["reason"] : null;
        const words = typeof reason === "string" ? `: ${reason}` : "";
        return { status: "unhealthy" as const, message: `The database does not answer${words}` };
      },
    );
  const late: Finding = { status: "unhealthy", message: "The database does not answer in time" };
  return timedComponent("database", look, { late, limitMs: waitMs + 1_000 });
}

const stateNames = {
  memory: "Memory of this process",
  sqlite: "SQLite",
  redis: "Redis",
  postgres: "PostgreSQL",
  mysql: "MySQL",
} as const;

function stateHealth({ state }: HealthOptions): Promise<Component> {
  const name = stateNames[state.kind];
  return timedComponent(
    "state_backend",
    async () => {
      await state.clock();
      return { status: "healthy", message: `${name} state backend accessible` };
    },
    { late: { status: "unhealthy", message: `The state backend (${name}) does not answer` } },
  );
}

function diskHealth({ stateDir }: HealthOptions): Promise<Component> {
  return timedComponent(
    "disk",
    async () => {
      const { bavail, bsize } = await statfs(stateDir);
      const free = bavail * bsize;
      const status = free < scarceDiskBytes ? "unhealthy" : free < lowDiskBytes ? "degraded" : "healthy";
      return { status, message: `${(free / 2 ** 30).toFixed(1)} GiB free` };
    },
    { late: { status: "unhealthy", message: "The disk of the state directory does not answer" } },
  );
}

/** A round that takes longer hangs: even the copy of a large database takes less. */
const longestRoundMs = 3_600_000;

/** Whether a loop does its work; one round that fails is made good by the next. */
export function loopIsWell({ everyMs, runningMs, sinceEndMs, ageMs, failuresInRow }: LoopView): boolean {
  if (failuresInRow > 1) return false;
  if (runningMs !== null) return runningMs < longestRoundMs;
  return (sinceEndMs ?? ageMs) < 3 * everyMs + 60_000;
}

function loopHealth(loops: Readonly<Record<string, LoopView>>): Component {
  const names = Object.keys(loops);
  const ill = names.filter((name) => !loopIsWell(loops[name] as LoopView));
  return {
    name: "background_loops",
    status: ill.length === 0 ? "healthy" : "degraded",
    latency_ms: null,
    message:
      ill.length === 0
        ? `${names.length} loops do their rounds`
        : `These loops fail or are late: ${ill.join(", ")}`,
  };
}
