import type { providerEndpoints } from "@simpletuner-cloud/contract/providers.ts";
import type { Provider } from "../adapters/providers/provider.ts";
import type { JobListStore } from "../db/stores/job-list.ts";
import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import { isBundledModel } from "../domain/bundled-models.ts";
import type { ConfigFiles } from "./config-files.ts";
import type { Handlers } from "./handler.ts";

/** Finished jobs looked at for an estimate. */
const historyLooked = 200;

/** What the provider use cases need. */
export interface ProviderServiceOptions {
  providers: readonly Provider[];
  findProvider: (id: string) => Provider;
  list: JobListStore;
  files: ConfigFiles;
}

/** Where jobs can run, and what one would cost there. */
export function providerService(options: ProviderServiceOptions): Handlers<typeof providerEndpoints> {
  return {
    async listProviders() {
      return {
        providers: await Promise.all(options.providers.map((provider) => provider.describe())),
        default_provider: "local",
      };
    },
    async estimateCost({ body }) {
      const provider = options.findProvider(body.provider ?? "local");
      const config =
        body.config ??
        (body.config_name_to_load === undefined
          ? {}
          : (await options.files.load(body.config_name_to_load)).config);
      const description = await provider.describe();
      const costPerHour = description.hardware[0]?.cost_per_hour_usd ?? null;
      const seconds = await pastSeconds(options.list, provider.id, config);
      const low = seconds.at(0) ?? null;
      const high = seconds.at(-1) ?? null;
      return {
        provider: provider.id,
        estimated_cost_usd:
          costPerHour === null || high === null
            ? costPerHour === 0
              ? 0
              : null
            : Math.round(((costPerHour * high) / 3_600) * 100) / 100,
        cost_per_hour_usd: costPerHour,
        duration_seconds_low: low,
        duration_seconds_high: high,
        basis: seconds.length > 0 ? "history" : costPerHour === 0 ? "free" : "none",
        past_runs: seconds.length,
        message: [standInWarning(description.trainer?.kind, config), messageOf(costPerHour, seconds.length)]
          .join(" ")
          .trim(),
      };
    },
  };
}

/** Expected durations in seconds, ascending: those of finished runs of the same model, scaled to this one's steps. */
async function pastSeconds(
  list: JobListStore,
  provider: string,
  config: Record<string, unknown>,
): Promise<number[]> {
  const family = config["model_family"] ?? config["--model_family"] ?? null;
  const steps = Number(config["max_train_steps"] ?? config["--max_train_steps"]);
  if (!(steps > 0)) return [];
  const rows = await list.page({ statuses: ["completed"], provider }, { from: "first" }, historyLooked);
  const seconds = rows
    .map((row) => JSON.parse(row.wire) as Job)
    .filter(
      (job) => job.model_family === family && job.duration_seconds !== null && job.progress?.total_steps,
    )
    .map((job) => Math.round(((job.duration_seconds ?? 0) / (job.progress?.total_steps ?? 1)) * steps));
  return seconds.sort((a, b) => a - b);
}

/** A person who asks for a real model must know before submitting that only the stand-in is there to train it. */
function standInWarning(trainer: string | undefined, config: Record<string, unknown>): string {
  const family = config["model_family"] ?? config["--model_family"];
  if (trainer !== "bundled" || isBundledModel(family)) return "";
  return `SimpleTuner is not installed on this machine: the bundled trainer would train its own small model instead of ${String(family ?? "yours")}.`;
}

function messageOf(costPerHour: number | null, pastRuns: number): string {
  const basis =
    pastRuns === 0
      ? "There is no finished run of this model yet to tell the time from."
      : `The time is that of ${pastRuns} past ${pastRuns === 1 ? "run" : "runs"} of this model.`;
  return costPerHour === 0 ? `Free: it runs on this machine. ${basis}` : basis;
}
