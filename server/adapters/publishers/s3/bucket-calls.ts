import { createHash } from "node:crypto";
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import type { S3Settings } from "@simpletuner-cloud/contract/destinations.ts";
import {
  acts,
  isAbsent,
  isRefusal,
  isUnexplained,
  isUnknownUpload,
  type S3Act,
  type S3Place,
  s3Failure,
} from "./failures.ts";

/** Name of the metadata that says which version of a file an object holds. */
const versionName = "simpletuner-version";

/** A part that lies at the service. */
export interface SentPart {
  partNumber: number;
  sizeBytes: number;
  etag: string;
}

/** The calls of a delivery to one bucket. Failures are the contract's. */
export function bucketCalls(client: S3Client, settings: Pick<S3Settings, "endpoint" | "region" | "bucket">) {
  const Bucket = settings.bucket;
  const place: S3Place = {
    name: settings.endpoint === null ? `Amazon S3 ${settings.region}` : new URL(settings.endpoint).host,
    bucket: Bucket,
  };
  const call = async <Output>(act: S3Act, request: () => Promise<Output>): Promise<Output> =>
    request().catch((error: unknown) => {
      throw s3Failure(error, act, place);
    });
  return { place, ...objectCalls(client, Bucket, call), ...uploadCalls(client, Bucket, call) };
}

/** See {@link bucketCalls}. */
export type BucketCalls = ReturnType<typeof bucketCalls>;

type Call = <Output>(act: S3Act, request: () => Promise<Output>) => Promise<Output>;

function objectCalls(client: S3Client, Bucket: string, call: Call) {
  return {
    /** Size and version of an object; null when it is absent, or may not be looked at. */
    async find(
      Key: string,
      abortSignal: AbortSignal,
    ): Promise<{ sizeBytes: number; version: string } | null> {
      return call(acts.read, async () =>
        client.send(new HeadObjectCommand({ Bucket, Key }), { abortSignal }).then(
          (answer) => ({
            sizeBytes: answer.ContentLength ?? 0,
            version: answer.Metadata?.[versionName] ?? "",
          }),
          (error: unknown) => {
            // A refusal of this call has no body that says why; without the right to list, a missing object is one, too.
            // Sending once more does no harm, and tells.
            if (isAbsent(error) || isUnexplained(error)) return null;
            throw error;
          },
        ),
      );
    },
    async put(Key: string, body: Uint8Array, version: string, abortSignal: AbortSignal): Promise<void> {
      const input = { Bucket, Key, Body: body, ContentMD5: md5(body), Metadata: { [versionName]: version } };
      await call(acts.write, () => client.send(new PutObjectCommand(input), { abortSignal }));
    },
    async readText(Key: string, abortSignal: AbortSignal): Promise<string> {
      return call(acts.read, async () => {
        const answer = await client.send(new GetObjectCommand({ Bucket, Key }), { abortSignal });
        return (await answer.Body?.transformToString()) ?? "";
      });
    },
    async remove(Key: string, abortSignal: AbortSignal): Promise<void> {
      await call(acts.delete, () => client.send(new DeleteObjectCommand({ Bucket, Key }), { abortSignal }));
    },
    /** Whether something lies below a prefix; for the right to list alone. */
    async list(Prefix: string, abortSignal: AbortSignal): Promise<void> {
      const input = { Bucket, Prefix, MaxKeys: 1 };
      await call(acts.list, () => client.send(new ListObjectsV2Command(input), { abortSignal }));
    },
    /** Sizes by key below a prefix; null when the access key may not list. */
    async sizesBelow(Prefix: string, abortSignal: AbortSignal): Promise<Map<string, number> | null> {
      const sizes = new Map<string, number>();
      let ContinuationToken: string | undefined;
      try {
        do {
          const input = { Bucket, Prefix, EncodingType: "url" as const, ContinuationToken };
          const page = await client.send(new ListObjectsV2Command(input), { abortSignal });
          for (const { Key = "", Size = 0 } of page.Contents ?? [])
            sizes.set(page.EncodingType === "url" ? decodeURIComponent(Key.replaceAll("+", " ")) : Key, Size);
          ContinuationToken = page.IsTruncated === true ? page.NextContinuationToken : undefined;
        } while (ContinuationToken !== undefined);
        return sizes;
      } catch (error) {
        if (isRefusal(error)) return null;
        return call(acts.list, () => Promise.reject(error));
      }
    },
  };
}

function uploadCalls(client: S3Client, Bucket: string, call: Call) {
  return {
    async openUpload(Key: string, version: string, abortSignal: AbortSignal): Promise<string> {
      const input = { Bucket, Key, Metadata: { [versionName]: version } };
      const { UploadId } = await call(acts.write, () =>
        client.send(new CreateMultipartUploadCommand(input), { abortSignal }),
      );
      if (UploadId === undefined) throw new Error("The service gave no upload id.");
      return UploadId;
    },
    /** What of an upload is there already; null when the service does not know it, or does not tell. */
    partsOf: (Key: string, UploadId: string, abortSignal: AbortSignal) =>
      listParts(client, { Bucket, Key, UploadId }, abortSignal).catch((error: unknown) => {
        if (isUnknownUpload(error) || isAbsent(error) || isRefusal(error)) return null;
        return call(acts.write, () => Promise.reject(error));
      }),
    async putPart(
      Key: string,
      UploadId: string,
      PartNumber: number,
      body: Uint8Array,
      abortSignal: AbortSignal,
    ): Promise<SentPart> {
      const input = { Bucket, Key, UploadId, PartNumber, Body: body, ContentMD5: md5(body) };
      const { ETag = "" } = await call(acts.write, () =>
        client.send(new UploadPartCommand(input), { abortSignal }),
      );
      return { partNumber: PartNumber, sizeBytes: body.byteLength, etag: ETag };
    },
    /** False when the service does not know the upload any more, as after a completion whose answer was lost. */
    async complete(
      Key: string,
      UploadId: string,
      parts: readonly SentPart[],
      abortSignal: AbortSignal,
    ): Promise<boolean> {
      const Parts = parts.map(({ partNumber, etag }) => ({ PartNumber: partNumber, ETag: etag }));
      const input = { Bucket, Key, UploadId, MultipartUpload: { Parts } };
      return call(acts.write, () =>
        client.send(new CompleteMultipartUploadCommand(input), { abortSignal }).then(
          () => true,
          (error: unknown) => {
            if (isUnknownUpload(error)) return false;
            throw error;
          },
        ),
      );
    },
    /** Frees what an upload holds; what cannot be freed now, the service's own rule removes. */
    async abort(Key: string, UploadId: string): Promise<void> {
      await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId })).catch(() => undefined);
    },
  };
}

function md5(body: Uint8Array): string {
  return createHash("md5").update(body).digest("base64");
}

async function listParts(
  client: S3Client,
  upload: { Bucket: string; Key: string; UploadId: string },
  abortSignal: AbortSignal,
): Promise<SentPart[]> {
  const parts: SentPart[] = [];
  let PartNumberMarker: string | undefined;
  do {
    const page = await client.send(new ListPartsCommand({ ...upload, PartNumberMarker }), { abortSignal });
    for (const { PartNumber = 0, Size = 0, ETag = "" } of page.Parts ?? [])
      parts.push({ partNumber: PartNumber, sizeBytes: Size, etag: ETag });
    PartNumberMarker = page.IsTruncated === true ? page.NextPartNumberMarker : undefined;
  } while (PartNumberMarker !== undefined);
  return parts;
}
