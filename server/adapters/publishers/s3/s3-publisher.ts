import { S3Client } from "@aws-sdk/client-s3";
import type { S3Settings } from "@simpletuner-cloud/contract/destinations.ts";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import { filledPattern } from "../../../domain/delivery-names.ts";
import type { OutboundService } from "../../outbound/outbound-http.ts";
import type { Publication, PublishedFile, Publisher } from "../publisher.ts";
import { type BucketCalls, bucketCalls } from "./bucket-calls.ts";
import { probeBucket } from "./probe.ts";
import { sdkRequestHandler } from "./request-handler.ts";
import { sendFile } from "./send-file.ts";

/** What the publisher needs. */
export interface S3PublisherOptions {
  settings: S3Settings;
  secretAccessKey: string;
  http: OutboundService;
}

/** Delivers to a bucket: each file whole or not at all, each under the job's folder. */
export function s3Publisher({ settings, secretAccessKey, http }: S3PublisherOptions): Publisher {
  const calls = bucketCalls(clientOf(settings, secretAccessKey, http), settings);
  return {
    test: (signal) => probeBucket(calls, joined(settings.prefix, ".simpletuner-probe"), signal),
    async publish(publication, keeping, watch, signal) {
      // Whatever the pattern becomes later, a job keeps the folder it has.
      const folder = folderOf(settings, publication, keeping.memory);
      if (keeping.memory["folder"] !== folder) await keeping.remember({ folder });
      for (const file of publication.files) {
        signal.throwIfAborted();
        watch.begins(file.path);
        await sendFile({ calls, keeping, watch, signal }, file, joined(folder, file.path));
      }
      await confirm(calls, folder, publication.files, signal);
      return { target: `s3://${settings.bucket}/${folder}/`, url: urlOf(settings, folder) };
    },
  };
}

function clientOf(settings: S3Settings, secretAccessKey: string, http: OutboundService): S3Client {
  return new S3Client({
    region: settings.region,
    forcePathStyle: settings.path_style,
    ...(settings.endpoint !== null && { endpoint: settings.endpoint }),
    credentials: { accessKeyId: settings.access_key_id, secretAccessKey },
    // The calls underneath are repeated already.
    maxAttempts: 1,
    // Many services do not know the newer checksums; the MD5 of each request does the same.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    // What it would write to the console is told by the errors.
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    requestHandler: sdkRequestHandler(http),
  });
}

function folderOf(
  settings: S3Settings,
  { job }: Publication,
  memory: Readonly<Record<string, unknown>>,
): string {
  const kept = memory["folder"];
  return typeof kept === "string"
    ? kept
    : joined(settings.prefix, filledPattern(settings.folder, job) || job.job_id);
}

function joined(...parts: readonly string[]): string {
  return parts
    .map((part) => part.replaceAll(/^\/+|\/+$/g, ""))
    .filter((part) => part !== "")
    .join("/");
}

/** Looks once more at what lies there; a key that may not list has the answer to each upload as its proof. */
async function confirm(
  calls: BucketCalls,
  folder: string,
  files: readonly PublishedFile[],
  signal: AbortSignal,
): Promise<void> {
  const sizes = await calls.sizesBelow(`${folder}/`, signal);
  if (sizes === null) return;
  for (const { path, sizeBytes } of files)
    if (sizes.get(`${folder}/${path}`) !== sizeBytes)
      throw fail("destination_incomplete", { place: calls.place.name, file: path });
}

function urlOf(settings: S3Settings, folder: string): string | null {
  if (settings.public_base_url === null) return null;
  const path = folder.split("/").map(encodeURIComponent).join("/");
  return `${settings.public_base_url.replace(/\/+$/, "")}/${path}/`;
}
