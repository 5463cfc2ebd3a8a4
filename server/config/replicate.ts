import { modelPattern } from "@simpletuner-cloud/contract/provider-settings.ts";
import { oneOf, StartError } from "./values.ts";

/** Where Replicate is, and what runs there. */
export interface ReplicateConfig {
  /** REPLICATE_BASE_URL without a slash at its end, default Replicate's own. */
  baseUrl: string;
  /** REPLICATE_MODEL: `owner/name` for its newest version, or `owner/name:version`. */
  model: string;
  /** REPLICATE_STATUS_URL: the summary of its status page. */
  statusUrl: string;
  /** REPLICATE_DATASETS: what its trainer does with datasets of this machine; default `hub`. */
  takes: "hub" | "archive";
  /** HF_ENDPOINT without a slash at its end: where dataset repositories are made, default the Hub's own. */
  hubUrl: string;
}

/** Reads {@link ReplicateConfig}. */
export function replicateOf(env: NodeJS.ProcessEnv): ReplicateConfig {
  const baseUrl = (env["REPLICATE_BASE_URL"] || "https://api.replicate.com/v1").replace(/\/+$/, "");
  if (!URL.canParse(baseUrl) || !/^https?:$/.test(new URL(baseUrl).protocol))
    throw new StartError(`REPLICATE_BASE_URL: "${baseUrl}" is not an http or https address.`);
  const model = env["REPLICATE_MODEL"] || "simpletuner/advanced-trainer-h100";
  if (!modelPattern.test(model))
    throw new StartError(`REPLICATE_MODEL: "${model}" is not of the form owner/name or owner/name:version.`);
  const statusUrl = env["REPLICATE_STATUS_URL"] || "https://www.replicatestatus.com/api/v1/summary";
  if (!URL.canParse(statusUrl) || !/^https?:$/.test(new URL(statusUrl).protocol))
    throw new StartError(`REPLICATE_STATUS_URL: "${statusUrl}" is not an http or https address.`);
  const takes = oneOf(env, "REPLICATE_DATASETS", ["hub", "archive"], "hub");
  const hubUrl = (env["HF_ENDPOINT"] || "https://huggingface.co").replace(/\/+$/, "");
  if (!URL.canParse(hubUrl) || !/^https?:$/.test(new URL(hubUrl).protocol))
    throw new StartError(`HF_ENDPOINT: "${hubUrl}" is not an http or https address.`);
  return { baseUrl, model, statusUrl, takes, hubUrl };
}
