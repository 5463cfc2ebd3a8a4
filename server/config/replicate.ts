import { modelPattern } from "@simpletuner-cloud/contract/provider-settings.ts";
import { StartError } from "./values.ts";

/** The account at Replicate and what runs there. */
export interface ReplicateConfig {
  /** REPLICATE_API_TOKEN; null: not set up. */
  token: string | null;
  /** REPLICATE_BASE_URL without a slash at its end, default Replicate's own. */
  baseUrl: string;
  /** REPLICATE_MODEL: `owner/name` for its newest version, or `owner/name:version`. */
  model: string;
}

/** Reads {@link ReplicateConfig}. */
export function replicateOf(env: NodeJS.ProcessEnv): ReplicateConfig {
  const token = env["REPLICATE_API_TOKEN"]?.trim() || null;
  if (token !== null && !/^[\x21-\x7e]+$/.test(token))
    throw new StartError(
      "REPLICATE_API_TOKEN: it holds a blank or a letter that no token has. Copy it again.",
    );
  const baseUrl = (env["REPLICATE_BASE_URL"] || "https://api.replicate.com/v1").replace(/\/+$/, "");
  if (!URL.canParse(baseUrl) || !/^https?:$/.test(new URL(baseUrl).protocol))
    throw new StartError(`REPLICATE_BASE_URL: "${baseUrl}" is not an http or https address.`);
  const model = env["REPLICATE_MODEL"] || "simpletuner/advanced-trainer-h100";
  if (!modelPattern.test(model))
    throw new StartError(`REPLICATE_MODEL: "${model}" is not of the form owner/name or owner/name:version.`);
  return { token, baseUrl, model };
}
