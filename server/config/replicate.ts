import { modelPattern } from "@simpletuner-cloud/contract/provider-settings.ts";
import { StartError } from "./values.ts";

/** Where Replicate is, and what runs there. */
export interface ReplicateConfig {
  /** REPLICATE_BASE_URL without a slash at its end, default Replicate's own. */
  baseUrl: string;
  /** REPLICATE_MODEL: `owner/name` for its newest version, or `owner/name:version`. */
  model: string;
  /** REPLICATE_STATUS_URL: the summary of its status page. */
  statusUrl: string;
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
  return { baseUrl, model, statusUrl };
}
