import { routeUrl } from "@simpletuner-cloud/contract/client.ts";
import type { Artifact } from "@simpletuner-cloud/contract/results.ts";
import { fileName } from "./artifact-groups.ts";

/** Bucket that training outputs go to. */
export const bucket = "outputs";

/** A shell word: quoted so that no name can do anything but be a name (POSIX single quotes). */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'"'"'`)}'`;
}

/** Where commands find the server, and whether it takes this reader for its user without a key. */
export interface Place {
  /** Scheme, host and port of the page. */
  origin: string;
  /** True on the server's own machine, where single-user mode asks for no key. */
  isLocal: boolean;
}

/** The place of the page at `address`. */
export function placeOf(address: { origin: string; hostname: string }): Place {
  return {
    origin: address.origin,
    isLocal: /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/i.test(address.hostname),
  };
}

/** Address of the built-in S3 endpoint, as clients want it. */
export function endpointUrl({ origin }: Place): string {
  return `${origin}/api/cloud/storage`;
}

/** The same for every file below `prefix` of the job, or all: one zip archive. */
export function archiveUrl(jobId: string, prefix: string | null): string {
  return routeUrl("GET /api/cloud/jobs/{job_id}/artifacts/archive", {
    params: { job_id: jobId },
    query: prefix === null ? {} : { prefix },
  });
}

/** Downloads one file with curl into the current folder; run again, it continues a broken download. */
export function curlCommand(place: Place, artifact: Artifact): string {
  return curl(place, "--continue-at - ", fileName(artifact.key), artifact.url);
}

/** Downloads the zip archive of all files with curl. */
export function curlArchiveCommand(place: Place, jobId: string, name: string): string {
  return curl(place, "", name, archiveUrl(jobId, null));
}

function curl(place: Place, options: string, name: string, url: string): string {
  const key = place.isLocal ? "" : '--header "Authorization: Bearer $SIMPLETUNER_TOKEN" ';
  return `curl --fail ${key}${options}--output ${shellWord(name)} ${shellWord(new URL(url, place.origin).href)}`;
}

/** Copies all files of a job with the AWS command line. */
export function awsCommand(place: Place, jobId: string): string {
  const unsigned = place.isLocal ? " --no-sign-request" : "";
  return `aws s3 sync${unsigned} --endpoint-url ${shellWord(endpointUrl(place))} ${shellWord(`s3://${bucket}/${jobId}/`)} ${shellWord(`./${jobId}/`)}`;
}

/** Copies all files of a job with rclone, which needs no configuration for it. */
export function rcloneCommand(place: Place, jobId: string): string {
  const remote = `:s3,provider=Other,region=auto,endpoint="${endpointUrl(place)}":${bucket}/${jobId}/`;
  return `rclone copy --progress ${shellWord(remote)} ${shellWord(`./${jobId}/`)}`;
}

/** Brings the model, or everything, home with this product's own command line. */
export function ownCommand(place: Place, jobId: string, what: "--model" | "--all"): string {
  return `npx simpletuner-cloud --server ${shellWord(place.origin)} jobs download ${jobId} ${what}`;
}

/** Loads a LoRA from its place on this machine into a diffusers pipeline, as Python. */
export function pythonLine(path: string): string {
  const folder = path.slice(0, Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")));
  return `pipeline.load_lora_weights(${JSON.stringify(folder)}, weight_name=${JSON.stringify(path.slice(folder.length + 1))})`;
}
