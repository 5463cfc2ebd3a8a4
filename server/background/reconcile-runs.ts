import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import type { ListedRun, Provider } from "../adapters/providers/provider.ts";
import type { JobStore } from "../db/stores/jobs.ts";
import type { ServerEventStore } from "../db/stores/server-events.ts";
import { type Loop, type LoopOptions, startLoop } from "./loop.ts";

const everyMs = 25_000;
/** A job that is just being written has so long to turn up. */
const settleMs = 5_000;
/** A run is not looked for longer than it may last. */
const lookBackMs = 48 * 3_600_000;
const mostActiveJobs = 100_000;

/** What reconciling needs. */
export interface ReconcileOptions {
  providers: { readonly all: readonly Provider[] };
  jobs: Pick<JobStore, "inStatus">;
  serverEvents: ServerEventStore;
  now: () => number;
  log: Pick<Logger, "warn">;
  stopping: AbortSignal;
  traces?: LoopOptions["traces"];
  /** For tests: see {@link settleMs}. */
  settleMs?: number;
}

/**
 * Compares the runs that providers have under way with the jobs that own them, and stops what this server started and no
 * live job owns: such a run costs money and delivers to nobody. Runs of others are never touched.
 */
export function reconcileRuns(options: ReconcileOptions): Loop {
  const round = async (): Promise<void> => {
    for (const provider of options.providers.all) {
      if (!provider.runs || !(await provider.describe()).configured) continue;
      const suspects = await withoutOwner(options, await runsUnderWay(options, provider));
      if (suspects.length === 0) continue;
      await delay(options.settleMs ?? settleMs, undefined, { signal: options.stopping });
      for (const run of await withoutOwner(options, suspects)) await stop(options, provider, run.externalId);
    }
  };
  return startLoop({ ...options, name: "comparing the providers' runs with the jobs", everyMs, round });
}

async function runsUnderWay({ now }: ReconcileOptions, { runs }: Provider): Promise<ListedRun[]> {
  const found: ListedRun[] = [];
  for await (const run of runs?.list(now() - lookBackMs) ?? [])
    if (run.runToken !== null && (run.status === "queued" || run.status === "running")) found.push(run);
  return found;
}

/** Those of the runs that no live job owns; jobs are read after the runs, so that one that was started is known. */
async function withoutOwner({ jobs }: ReconcileOptions, runs: readonly ListedRun[]): Promise<ListedRun[]> {
  if (runs.length === 0) return [];
  const owned = new Set<string | null>();
  for (const { private: own } of await jobs.inStatus(["uploading", "queued", "running"], mostActiveJobs)) {
    owned.add(own.runToken);
    owned.add(own.externalId);
  }
  return runs.filter((run) => !owned.has(run.runToken) && !owned.has(run.externalId));
}

async function stop(
  { serverEvents, log }: ReconcileOptions,
  { id, runs }: Provider,
  externalId: string,
): Promise<void> {
  // It may have ended meanwhile, with its job.
  if (!(await runs?.stop(externalId))) return;
  const reason = "no job owned it";
  log.warn({ provider: id, external_id: externalId }, "stopped a run that no job owned");
  await serverEvents.append("provider.run_cancelled", { provider: id, external_id: externalId, reason });
}
