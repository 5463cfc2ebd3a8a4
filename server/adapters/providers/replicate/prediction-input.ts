import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { TrainerConfig } from "../../../domain/config-rules.ts";
import type { RunRequest } from "../provider.ts";
import type { Prediction } from "./answers.ts";
import type { CarriedDatasets } from "./carry-datasets.ts";
import { carriedConfig } from "./carried-config.ts";
import { providerName } from "./failures.ts";

/** What an input is made of. */
export interface InputParts {
  request: RunRequest;
  /** What the trainer is told of its datasets. */
  carried: CarriedDatasets;
  /** Tells this server's runs from those of another with the same account. */
  installation: string;
  /** This server can be reached from outside, so the trainer may upload to it. */
  reachable: boolean;
  /** The HuggingFace token of this server, for jobs that push to the hub and bring none. */
  hubToken: string | null;
}

/** The inputs of a prediction, and what the user must not see in its log. */
export interface PredictionInput {
  input: Record<string, unknown>;
  publishes: boolean;
}

/**
 * The declared inputs of SimpleTuner's predictor (CONTRACT 3.1): JSON travels as text, secrets as secret inputs, which
 * Replicate blots out of its answers, and never inside `config_json`, which it does not. The trainer publishes to the
 * user's own bucket, else to this server when it can be reached.
 */
export function predictionInput(parts: InputParts): PredictionInput {
  const { request, carried } = parts;
  const given = request.config;
  const { config, lycoris } = carriedConfig(given);
  const publishing = (
    Array.isArray(given["publishing_config"]) ? given["publishing_config"] : []
  ) as TrainerConfig[];
  const target = publishing.length > 0 ? userTarget(publishing) : parts.reachable ? ownTarget(request) : null;
  const pushes = given["push_to_hub"] === true;
  const hubToken =
    carried.hubToken ?? given["hub_token"] ?? given["hf_token"] ?? (pushes ? parts.hubToken : null);
  return {
    publishes: target !== null || pushes,
    input: {
      ...(carried.images !== null && { images: carried.images }),
      config_json: JSON.stringify({
        ...config,
        tracker_run_name: config["tracker_run_name"] ?? request.name,
        // The predictor puts its own name here in the end; until then it is our tag.
        __job_id__: tagOf(parts.installation, request.runToken),
      }),
      dataloader_json: JSON.stringify(carried.dataloader),
      ...target,
      ...(lycoris !== null && { lycoris_config: lycoris }),
      ...(typeof hubToken === "string" && hubToken !== "" && { hf_token: hubToken }),
      ...(pushes && typeof config["hub_model_id"] === "string" && { hub_model_id: config["hub_model_id"] }),
      return_logs: true,
    },
  };
}

/** What marks a run's prediction among those of the account. */
function tagOf(installation: string, runToken: string): string {
  return `simpletuner-cloud.${installation}.${runToken}`;
}

/** What a prediction's tag says; null for one of others, or whose input has been removed. */
export function tagIn(
  prediction: Pick<Prediction, "input">,
): { installation: string; runToken: string } | null {
  const config = prediction.input?.["config_json"];
  if (typeof config !== "string") return null;
  const [, installation, runToken] =
    /"__job_id__":"simpletuner-cloud\.([\w-]+)\.([\w-]+)"/.exec(config) ?? [];
  return installation === undefined || runToken === undefined ? null : { installation, runToken };
}

/** True for the prediction of this run; false also for one whose input has been removed. */
export function isTagged(prediction: Prediction, runToken: string): boolean {
  return tagIn(prediction)?.runToken === runToken;
}

/** The predictor takes one bucket. */
function userTarget(publishing: readonly TrainerConfig[]): Record<string, string> {
  const [first, ...others] = publishing;
  if (first?.["provider"] !== "s3" || others.length > 0)
    throw fail("provider_refused", {
      provider: providerName,
      reason: 'config.publishing_config: its trainer takes exactly one target, with provider "s3".',
    });
  const given = (...names: string[]): string => {
    const value = names.map((name) => first[name]).find((each) => typeof each === "string");
    return typeof value === "string" ? value : "";
  };
  return withoutEmpty({
    s3_bucket: given("bucket"),
    s3_region: given("region", "region_name"),
    s3_endpoint_url: given("endpoint_url"),
    s3_base_path: given("base_path"),
    s3_public_base_url: given("public_base_url"),
    s3_access_key: given("access_key", "aws_access_key_id"),
    s3_secret_key: given("secret_key", "aws_secret_access_key"),
  });
}

function ownTarget({ upload, jobId }: RunRequest): Record<string, string> {
  return {
    s3_bucket: upload.bucket,
    s3_region: "auto",
    s3_endpoint_url: upload.endpointUrl,
    s3_base_path: jobId,
    s3_access_key: upload.accessKeyId,
    s3_secret_key: upload.secretAccessKey,
  };
}

function withoutEmpty(values: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== ""));
}
