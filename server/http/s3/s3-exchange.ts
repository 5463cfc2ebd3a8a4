import type { ServerResponse } from "node:http";
import type { BucketInfo, ObjectStorage } from "../../adapters/storage/storage.ts";
import { type BodyOptions, openRequestBody, type PayloadMode, type RequestBody } from "./request-body.ts";
import type { S3Access } from "./s3-access.ts";
import { S3Error } from "./s3-errors.ts";
import type { S3Request } from "./s3-request.ts";

/** Bytes of an upload that arrived since the last report about the same request. */
export interface UploadProgress {
  jobId: string;
  bucket: string;
  /** The stored key, with the job's prefix. */
  key: string;
  bytes: number;
  /** True once, when the object is complete and in place. */
  done: boolean;
}

/** An object that was just stored; `key` is the stored key, `etag` has no quotes. */
export interface StoredObjectNotice {
  jobId: string | null;
  bucket: string;
  key: string;
  sizeBytes: number;
  etag: string;
}

/** Listeners to what is stored. */
export interface StorageListeners {
  /** At most a few times a second per upload. */
  onUploadProgress?(progress: UploadProgress): void;
  /** Awaited before the client is told: when it rejects, the client sees an error and tries again. */
  onObjectStored?(stored: StoredObjectNotice): Promise<void> | void;
}

/** Limits how many bodies are taken in at the same time. */
export interface UploadSlots {
  /** Throws SlowDown when all are taken; returns what gives the slot back. */
  take(): () => void;
}

/** One request on its way through the endpoint, authenticated. */
export interface S3Exchange {
  readonly storage: ObjectStorage;
  readonly listeners: StorageListeners;
  readonly slots: UploadSlots;
  readonly request: S3Request;
  readonly response: ServerResponse;
  readonly access: S3Access;
  readonly payload: PayloadMode;
  /** A connection on which no byte moves for so long is given up. */
  readonly idleMs: number;
  /** Whether anything but private access lists may be set. */
  readonly allowPublicAcls: boolean;
  /** Reports a failure that is the server's, when the answer has begun already. */
  onUnexpected(error: unknown): void;
  /** Sends `100 Continue` to a client that waits for it; to be called right before the body is read. */
  sendContinue(): void;
}

/** `limit` slots. */
export function uploadSlots(limit: number): UploadSlots {
  let taken = 0;
  return {
    take() {
      if (taken >= limit) throw new S3Error("SlowDown");
      taken++;
      return () => void taken--;
    },
  };
}

/** The body of the request, its declarations checked, nothing read. */
export function bodyOf(
  exchange: Omit<S3Exchange, "access">,
  options?: Omit<BodyOptions, "idleMs">,
): RequestBody {
  const { request, payload, idleMs } = exchange;
  return openRequestBody(request.message, payload, { ...options, idleMs });
}

/** The bucket of the request, or AccessDenied or NoSuchBucket. */
export async function requireBucket({ access, storage, request }: S3Exchange): Promise<BucketInfo> {
  if (!(await access.canSeeBucket(request.bucket))) throw new S3Error("AccessDenied");
  const bucket = await storage.findBucket(request.bucket);
  if (bucket === null) throw new S3Error("NoSuchBucket");
  return bucket;
}

/** Refuses a body of unknown end, which S3 never takes. */
export function assertBodyIsDelimited(exchange: S3Exchange): void {
  const { headers } = exchange.request.message;
  if (headers["content-length"] === undefined && headers["transfer-encoding"] === undefined) {
    throw new S3Error("MissingContentLength");
  }
}

/** Reports of one request: gathers at least 1 MiB or a quarter of a second of bytes each. */
export function uploadReporter(
  exchange: S3Exchange,
  bucket: string,
  key: string,
): { onBytes: (count: number) => void; finish: (isDone: boolean) => void } {
  const { jobId } = exchange.access;
  const { onUploadProgress } = exchange.listeners;
  if (jobId === null || onUploadProgress === undefined) return { onBytes() {}, finish() {} };
  let gathered = 0;
  let reportedAtMs = performance.now();
  const report = (done: boolean): void => {
    onUploadProgress({ jobId, bucket, key, bytes: gathered, done });
    gathered = 0;
    reportedAtMs = performance.now();
  };
  return {
    onBytes(count) {
      gathered += count;
      if (gathered >= reportBytes && performance.now() - reportedAtMs >= reportMs) report(false);
    },
    finish(isDone) {
      if (gathered > 0 || isDone) report(isDone);
    },
  };
}

const reportBytes = 256 * 1024;
const reportMs = 250;
