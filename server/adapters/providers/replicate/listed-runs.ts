import type { TrainerConfig } from "../../../domain/config-rules.ts";
import type { ListedRun, ProviderRuns } from "../provider.ts";
import type { Prediction } from "./answers.ts";
import { billedSecondsOf } from "./billed-seconds.ts";
import type { CallBudget } from "./call-budget.ts";
import type { ReplicateClient } from "./client.ts";
import { asFailure } from "./failures.ts";
import { type HardwareSettings, profilesOf } from "./hardware.ts";
import { tagIn } from "./prediction-input.ts";
import type { PredictionWatch } from "./prediction-watch.ts";
import { isOver } from "./watched-runs.ts";

/** What listing needs. */
export interface ListedRunOptions {
  settings: () => Promise<HardwareSettings>;
  /** Tells this server's runs from those of another with the same account. */
  installation: () => Promise<string>;
  budget: CallBudget;
  watch: Pick<PredictionWatch, "refresh">;
}

const statuses: Readonly<Record<string, ListedRun["status"]>> = {
  starting: "queued",
  processing: "running",
  succeeded: "completed",
  failed: "failed",
  canceled: "cancelled",
  aborted: "failed",
};

/** The account's predictions of the models that train. */
export function listedRuns(
  client: ReplicateClient,
  { settings, installation, budget, watch }: ListedRunOptions,
): ProviderRuns {
  return {
    async *list(sinceMs) {
      const known = profilesOf(await settings());
      const here = await installation();
      for await (const prediction of told(client.predictionsSince(sinceMs, { beforePage: budget.take }))) {
        const profile = known.find(({ model }) => model.split(":")[0] === prediction.model);
        const tag = tagIn(prediction);
        if (profile || tag)
          yield runOf(prediction, profile?.id ?? null, tag?.installation === here ? tag.runToken : null);
      }
    },
    async stop(externalId) {
      const before = await client.prediction(externalId);
      if (before === null || isOver(before)) return false;
      await client.cancel(externalId);
      return true;
    },
    refresh: watch.refresh,
  };
}

function runOf(prediction: Prediction, hardware: string | null, runToken: string | null): ListedRun {
  const config = configIn(prediction);
  const name = config["tracker_run_name"];
  return {
    externalId: prediction.id,
    runToken,
    status: statuses[prediction.status] ?? "queued",
    createdAtMs: atMs(prediction.created_at) ?? 0,
    startedAtMs: atMs(prediction.started_at),
    completedAtMs: atMs(prediction.completed_at),
    billedSeconds: billedSecondsOf(prediction),
    hardware,
    name: typeof name === "string" && name !== "" ? name : null,
    config,
  };
}

function atMs(text: string | null | undefined): number | null {
  const value = Date.parse(text ?? "");
  return Number.isNaN(value) ? null : value;
}

/** The same rows, with failures as people are told them. */
async function* told(rows: AsyncIterable<Prediction>): AsyncGenerator<Prediction> {
  try {
    yield* rows;
  } catch (error) {
    throw asFailure(error);
  }
}

/** The configuration that it was asked with; empty when its input was removed or is none. */
function configIn({ input }: Prediction): TrainerConfig {
  try {
    const config: unknown = JSON.parse(String(input?.["config_json"] ?? "{}"));
    return typeof config === "object" && config !== null && !Array.isArray(config)
      ? (config as TrainerConfig)
      : {};
  } catch {
    return {};
  }
}
