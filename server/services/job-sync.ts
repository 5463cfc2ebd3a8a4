import { randomBytes } from "node:crypto";
import { uuidv7 } from "uuidv7";
import type { Caller } from "@simpletuner-cloud/contract/permissions.ts";
import type { ListedRun, Provider } from "../adapters/providers/provider.ts";
import type { ExternalRunStore } from "../db/stores/external-runs.ts";
import { rememberRun } from "../db/stores/external-runs.ts";
import type { JobStore } from "../db/stores/jobs.ts";
import { costMicros, microsOfUsd, usdOfMicros } from "../domain/cost.ts";
import { type JobRecord, newJobRecord, withChange } from "../domain/job-record.ts";
import { normalizeConfig } from "../domain/config-rules.ts";
import { mapSecretFields, type SecretBox } from "../domain/sealed-secret.ts";

/** What taking over runs needs. */
export interface JobSyncOptions {
  providers: { readonly all: readonly Provider[] };
  externalRuns: ExternalRunStore;
  jobs: JobStore;
  secrets: SecretBox;
  /** Follows a job that is under way. */
  drive: (jobId: string) => Promise<void>;
  now: () => number;
}

/** Runs older than this are not looked for (CONTRACT 1.1: the newest of the account). */
const lookBackMs = 30 * 24 * 3_600_000;
const mostLookedAt = 1_000;

/**
 * Takes over the runs of our models that somebody started elsewhere with the same account, as jobs of the caller; answers
 * how many. A run that any job of this server is or was is left alone.
 */
export function jobSync(options: JobSyncOptions) {
  return async (caller: Caller): Promise<number> => {
    let synced = 0;
    for (const provider of options.providers.all) {
      if (!provider.runs) continue;
      const { hardware, configured } = await provider.describe();
      if (!configured) continue;
      let looked = 0;
      for await (const run of provider.runs.list(options.now() - lookBackMs)) {
        if (++looked > mostLookedAt) break;
        // Its own start is just being written down, or was cut off and will be found again.
        if (run.runToken !== null) continue;
        if ((await options.externalRuns.jobOf(provider.id, run.externalId)) !== null) continue;
        const price = hardware.find(({ id }) => id === run.hardware)?.cost_per_hour_usd ?? null;
        if (await takeOver(options, provider.id, run, price, caller)) synced++;
      }
    }
    return synced;
  };
}

/** See {@link jobSync}. */
export type JobSync = ReturnType<typeof jobSync>;

/** Two syncs at once: the run belongs to the job that was written first, and no other is. */
class KnownRun extends Error {}

async function takeOver(
  options: JobSyncOptions,
  provider: string,
  run: ListedRun,
  usdPerHour: number | null,
  caller: Caller,
): Promise<boolean> {
  const job = recordOf(provider, run, usdPerHour, caller);
  const { job_id: jobId, status } = job.wire;
  const config = mapSecretFields(normalizeConfig(run.config), (secret) => options.secrets.seal(secret));
  const snapshot = { config: JSON.stringify(config), dataloader: "[]", plan: "null" };
  const events = [
    { type: "job.created", data: { status, name: job.wire.name, provider, found: run.externalId } },
  ] as const;
  try {
    await options.jobs.insert(job, snapshot, events, null, async (transaction) => {
      const owner = await rememberRun(transaction, { provider, externalId: run.externalId, jobId });
      if (owner !== jobId) throw new KnownRun();
    });
  } catch (error) {
    if (error instanceof KnownRun) return false;
    throw error;
  }
  if (job.wire.is_active) await options.drive(jobId);
  return true;
}

function recordOf(provider: string, run: ListedRun, usdPerHour: number | null, caller: Caller): JobRecord {
  const iso = (atMs: number | null): string | null => (atMs === null ? null : new Date(atMs).toISOString());
  const family = run.config["model_family"];
  const fresh = newJobRecord(
    {
      jobId: uuidv7(),
      userId: caller.userId,
      provider,
      jobType: "cloud",
      name: run.name ?? `Run ${run.externalId.slice(0, 10)}`,
      configName: null,
      modelFamily: typeof family === "string" ? family : null,
      transfer: "package",
      consentedFingerprint: null,
      retryOf: null,
      hardwareType: run.hardware,
      metadata: { found_at_provider: true, prediction_id: run.externalId },
    },
    run.createdAtMs,
  );
  const over = run.status !== "queued" && run.status !== "running";
  const rate = usdPerHour === null ? null : microsOfUsd(usdPerHour);
  const cost =
    rate === null || run.billedSeconds === null
      ? null
      : usdOfMicros(costMicros(rate, run.billedSeconds * 1_000));
  return withChange(
    fresh,
    {
      wire: {
        // What a provider holds counts as running here, as this server's own runs do.
        status: over ? run.status : "running",
        attempt: 1,
        // A run of somebody else is not begun again here.
        max_attempts: 1,
        started_at: iso(run.startedAtMs ?? (over ? null : run.createdAtMs)),
        completed_at: over ? iso(run.completedAtMs ?? run.createdAtMs) : null,
        cost_usd: cost,
      },
      private: {
        runToken: over ? null : randomBytes(9).toString("hex"),
        handedOver: true,
        externalId: run.externalId,
        ...(rate !== null && { foundRateMicrosPerHour: rate }),
      },
    },
    run.completedAtMs ?? run.createdAtMs,
  );
}
