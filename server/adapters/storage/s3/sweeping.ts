import {
  AbortMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
} from "@aws-sdk/client-s3";
import { decodeName } from "./connection.ts";
import { isUnknownUpload } from "./external-errors.ts";
import { completionName } from "./upload-completion.ts";
import { abortState, listStates } from "./uploads.ts";
import type { ReadingParts } from "./versions.ts";

const dayMs = 24 * 3_600_000;
/** An upload that nobody continued for so long is aborted. */
const abandonedMs = 7 * dayMs;
/** The result of a completed upload is kept for so long. */
const completedMs = dayMs;

interface ExternalUpload {
  key: string;
  uploadId: string;
}

/**
 * Aborts forgotten uploads, ours and those of the service that a crash left without a state of ours, and drops
 * results that nobody will ask for again. Any server may do it at any time.
 */
export async function sweep(parts: ReadingParts, buckets: readonly string[], nowMs: number): Promise<void> {
  for (const bucket of buckets) {
    for (const state of await listStates(parts, bucket, "")) {
      if (nowMs - state.info.createdMs <= abandonedMs) continue;
      const external = { key: parts.nameOf(bucket, state.info.key), uploadId: state.externalId };
      if (await isAbandoned(parts, external, nowMs)) await abortState(parts, state);
    }
  }
  for await (const { key, uploadId, startedMs } of externalUploads(parts)) {
    if (nowMs - startedMs > abandonedMs && (await isAbandoned(parts, { key, uploadId }, nowMs)))
      await abortExternal(parts, { key, uploadId });
  }
  const old: string[] = [];
  for await (const { name, lastModifiedMs } of parts.connection.list(completionName(parts, "")))
    if (nowMs - lastModifiedMs > completedMs) old.push(name);
  await parts.connection.remove(old);
}

/** True when no part came lately, and when the service does not know the upload any more. */
async function isAbandoned(
  { connection }: ReadingParts,
  { key, uploadId }: ExternalUpload,
  nowMs: number,
): Promise<boolean> {
  let newestMs = 0;
  let marker: string | undefined;
  do {
    const page = await connection.call((client, Bucket) =>
      client
        .send(new ListPartsCommand({ Bucket, Key: key, UploadId: uploadId, PartNumberMarker: marker }))
        .catch((error: unknown) => {
          if (isUnknownUpload(error)) return null;
          throw error;
        }),
    );
    for (const { LastModified } of page?.Parts ?? [])
      newestMs = Math.max(newestMs, LastModified?.getTime() ?? 0);
    marker = page?.IsTruncated === true ? page.NextPartNumberMarker : undefined;
  } while (marker !== undefined);
  return nowMs - newestMs > abandonedMs;
}

async function* externalUploads({
  connection,
}: ReadingParts): AsyncGenerator<ExternalUpload & { startedMs: number }> {
  let position: { KeyMarker?: string; UploadIdMarker?: string } | null = {};
  while (position !== null) {
    const from: { KeyMarker?: string; UploadIdMarker?: string } = position;
    const page = await connection.call((client, Bucket) =>
      client.send(
        new ListMultipartUploadsCommand({ Bucket, Prefix: connection.root, EncodingType: "url", ...from }),
      ),
    );
    for (const { Key = "", UploadId = "", Initiated } of page.Uploads ?? [])
      yield {
        key: decodeName(Key, page.EncodingType),
        uploadId: UploadId,
        startedMs: Initiated?.getTime() ?? 0,
      };
    position =
      page.IsTruncated === true
        ? {
            KeyMarker: decodeName(page.NextKeyMarker ?? "", page.EncodingType),
            ...(page.NextUploadIdMarker !== undefined && { UploadIdMarker: page.NextUploadIdMarker }),
          }
        : null;
  }
}

async function abortExternal({ connection }: ReadingParts, { key, uploadId }: ExternalUpload): Promise<void> {
  await connection.call((client, Bucket) =>
    client
      .send(new AbortMultipartUploadCommand({ Bucket, Key: key, UploadId: uploadId }))
      .catch((error: unknown) => {
        if (!isUnknownUpload(error)) throw error;
      }),
  );
}
