import { type AwsCredentials, awsCredentialsOf } from "./aws-credentials.ts";
import { oneOf, StartError } from "./values.ts";

/**
 * `s3://bucket/prefix?endpoint=https://host&region=auto&path_style=true`, with its access key from
 * SIMPLETUNER_STORAGE_ACCESS_KEY_ID and SIMPLETUNER_STORAGE_SECRET_ACCESS_KEY, or AWS_ACCESS_KEY_ID,
 * AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN; without any, what the SDK finds by itself.
 */
export interface ExternalStorageConfig {
  bucket: string;
  /** Without slashes at its ends; may be empty. */
  prefix: string;
  /** Null: Amazon's own. */
  endpoint: string | null;
  /** Default: AWS_REGION, else `auto` with an endpoint and us-east-1 without. */
  region: string;
  /** Default: with an endpoint. */
  pathStyle: boolean;
  credentials: AwsCredentials | null;
  /** SIMPLETUNER_STORAGE_DOWNLOADS: `redirect` sends readers to the external bucket; default `proxy`. */
  downloads: "proxy" | "redirect";
}

/**
 * Reads the {@link ExternalStorageConfig} of the outputs, the backups or the archives that providers fetch, from the variables that begin with `purpose`;
 * null without a bucket.
 */
export function externalStorageOf(
  env: NodeJS.ProcessEnv,
  purpose: "SIMPLETUNER_STORAGE" | "SIMPLETUNER_BACKUP" | "SIMPLETUNER_STAGING",
): ExternalStorageConfig | null {
  const variable = `${purpose}_URL`;
  const text = env[variable];
  if (!text) return null;
  const url = URL.canParse(text) ? new URL(text) : null;
  // The text itself is not repeated: somebody may have written the secret key into it.
  if (url?.protocol !== "s3:" || url.hostname === "")
    throw new StartError(`${variable}: this is not of the form s3://bucket/prefix?endpoint=https://host.`);
  if (url.username !== "" || url.password !== "")
    throw new StartError(
      `${variable}: take the access key out of it and set ${purpose}_ACCESS_KEY_ID and ${purpose}_SECRET_ACCESS_KEY.`,
    );
  const query = url.searchParams;
  for (const name of query.keys())
    if (!["endpoint", "region", "path_style"].includes(name))
      throw new StartError(`${variable}: "${name}" is not one of endpoint, region, path_style.`);
  const endpoint = query.get("endpoint");
  if (endpoint !== null && !/^https?:\/\/[^/@?#]+(\/[^@?#]*)?$/.test(endpoint))
    throw new StartError(`${variable}: its endpoint is not an http or https address.`);
  const pathStyle = query.get("path_style") ?? String(endpoint !== null);
  if (pathStyle !== "true" && pathStyle !== "false")
    throw new StartError(`${variable}: path_style is neither true nor false.`);
  const awsRegion = env["AWS_REGION"] || env["AWS_DEFAULT_REGION"];
  return {
    bucket: url.hostname,
    prefix: prefixOf(url, variable),
    endpoint,
    region: query.get("region") ?? (awsRegion || (endpoint === null ? "us-east-1" : "auto")),
    pathStyle: pathStyle === "true",
    credentials: awsCredentialsOf(env, purpose) ?? awsCredentialsOf(env, "AWS"),
    downloads: oneOf(env, "SIMPLETUNER_STORAGE_DOWNLOADS", ["proxy", "redirect"], "proxy"),
  };
}

function prefixOf({ pathname }: URL, variable: string): string {
  try {
    return decodeURIComponent(pathname).replaceAll(/^\/+|\/+$/g, "");
  } catch {
    throw new StartError(`${variable}: its prefix is not valid percent-encoding.`);
  }
}
