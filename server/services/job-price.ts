import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import type { Provider as ProviderDescription } from "@simpletuner-cloud/contract/providers.ts";
import type { JobListStore } from "../db/stores/job-list.ts";
import { hardwareId } from "../domain/hardware-id.ts";
import { type Estimate, estimateJob, familyOf, microsOfUsd, type PastRun, stepsOf } from "../domain/cost.ts";

/** Finished jobs looked at for an estimate. */
const historyLooked = 200;

/** What a job runs on, what an hour of it costs, and what the job will probably take. */
export interface JobPrice {
  hardware: { id: string; name: string } | null;
  /** Null: the provider does not tell. */
  rateMicrosPerHour: number | null;
  estimate: Estimate;
}

/**
 * Prices jobs: the chosen hardware's price (without a choice the provider's first) and an estimate from the provider's
 * own history. Throws `unknown_hardware` naming the known ones.
 */
export function jobPricing({ list }: { list: JobListStore }) {
  return async (
    provider: ProviderDescription,
    hardwareName: string | undefined,
    config: Readonly<Record<string, unknown>>,
    purpose: "to tell" | "to charge",
  ): Promise<JobPrice> => {
    const hardware = chosen(provider, hardwareName);
    const usd = hardware?.cost_per_hour_usd ?? null;
    const rate = usd === null ? null : microsOfUsd(usd);
    // Where nothing has a price, the hardware is whatever this machine has.
    const told = rate === null || rate === 0 ? null : (hardware?.id ?? null);
    const shape = { hardware: told, modelFamily: familyOf(config), steps: stepsOf(config) };
    // What nobody is charged for need not be worked out; how long it takes is still worth telling.
    const wanted = shape.steps !== null && (purpose === "to tell" || told !== null);
    const past = wanted ? await pastRuns(list, provider.id, told !== null) : [];
    return {
      hardware: hardware ? { id: hardware.id, name: hardware.name } : null,
      rateMicrosPerHour: rate,
      estimate: estimateJob(past, shape, rate),
    };
  };
}

/** See {@link jobPricing}. */
export type JobPricing = ReturnType<typeof jobPricing>;

function chosen(provider: ProviderDescription, name: string | undefined) {
  if (name === undefined) return provider.hardware[0] ?? null;
  const found =
    provider.hardware.find(({ id }) => id === name) ??
    provider.hardware.find(({ id }) => id === hardwareId(name));
  if (!found)
    throw fail("unknown_hardware", {
      hardware: name,
      known: provider.hardware.map(({ id }) => id),
    });
  return found;
}

async function pastRuns(list: JobListStore, provider: string, withHardware: boolean): Promise<PastRun[]> {
  const rows = await list.page({ statuses: ["completed"], provider }, { from: "first" }, historyLooked);
  return rows.flatMap(({ wire }) => {
    const job = JSON.parse(wire) as Job;
    const steps = job.progress?.total_steps;
    if (!steps || job.duration_seconds === null) return [];
    return {
      hardware: withHardware ? job.hardware_type : null,
      modelFamily: job.model_family,
      durationMs: job.duration_seconds * 1_000,
      steps,
    };
  });
}
