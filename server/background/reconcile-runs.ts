import type { Logger } from "pino";
import type { Provider } from "../adapters/providers/provider.ts";
import type { JobStore } from "../db/stores/jobs.ts";
import type { ServerEventStore } from "../db/stores/server-events.ts";
import { type Loop, startLoop } from "./loop.ts";

/** Two looks find what nobody owns within a minute. */
const everyMs = 25_000;
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
}

/**
 * Compares the runs that providers have under way with the jobs that own them, and stops what this server started and no
 * live job owns: such a run costs money and delivers to nobody. A run is stopped when two looks in a row found it so,
 * since a job may just be being written. Runs of others are never touched.
 */
export function reconcileRuns(options: ReconcileOptions): Loop {
  let suspects = new Set<string>();
  const round = async (): Promise<void> => {
    const found = new Set<string>();
    for (const provider of options.providers.all) {
      if (!provider.runs || !(await provider.describe()).configured) continue;
      for (const run of await ownerless(options, provider)) {
        const key = `${provider.id} ${run.externalId}`;
        if (!suspects.has(key)) found.add(key);
        else await stop(options, provider, run.externalId);
      }
    }
    suspects = found;
  };
  return startLoop({ ...options, name: "comparing the providers' runs with the jobs", everyMs, round });
}

async function ownerless({ jobs, now }: ReconcileOptions, { runs }: Provider) {
  const active = [];
  for await (const run of runs?.list(now() - lookBackMs) ?? [])
    if (run.runToken !== null && (run.status === "queued" || run.status === "running")) active.push(run);
  if (active.length === 0) return [];
  const owned = new Set<string | null>();
  for (const { private: own } of await jobs.inStatus(["uploading", "queued", "running"], mostActiveJobs)) {
    owned.add(own.runToken);
    owned.add(own.externalId);
  }
  return active.filter((run) => !owned.has(run.runToken) && !owned.has(run.externalId));
}

async function stop(
  { serverEvents, log }: ReconcileOptions,
  { id, runs }: Provider,
  externalId: string,
): Promise<void> {
  await runs?.stop(externalId);
  const reason = "no job owned it";
  log.warn({ provider: id, external_id: externalId }, "stopped a run that no job owned");
  await serverEvents.append("provider.run_cancelled", { provider: id, external_id: externalId, reason });
}
