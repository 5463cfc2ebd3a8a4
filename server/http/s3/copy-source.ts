import type { ObjectInfo, ReadableObject } from "../../adapters/storage/storage.ts";
import { etagsOf } from "./object-headers.ts";
import { S3Error } from "./s3-errors.ts";
import type { S3Exchange } from "./s3-exchange.ts";
import { headerOf, percentDecode } from "./s3-request.ts";

/** The stored object that a request names in x-amz-copy-source, as far as its credentials reach. */
export interface CopySource {
  bucket: string;
  /** The stored key. */
  key: string;
}

/** Reads `[/]<bucket>/<key>[?versionId=null]`, percent-encoded; the caller must be allowed to read it. */
export async function findCopySource({ request, access }: S3Exchange): Promise<CopySource> {
  const header = headerOf(request.message, "x-amz-copy-source") ?? "";
  const [path = "", query] = header.split("?", 2);
  if (query !== undefined && query !== "versionId=null") throw new S3Error("NoSuchVersion");
  const resource = percentDecode(path).replace(/^\//, "");
  const bucketEnd = resource.indexOf("/");
  const bucket = resource.slice(0, Math.max(0, bucketEnd));
  const key = resource.slice(bucketEnd + 1);
  if (bucket === "" || key === "")
    throw new S3Error("InvalidArgument", "x-amz-copy-source must be <bucket>/<key>, percent-encoded.");
  return { bucket, key: await access.storedKey(bucket, key, "read") };
}

/** Runs `task` with the source opened; throws NoSuchKey, or PreconditionFailed where its conditions do not hold. */
export async function withCopySource<Result>(
  exchange: S3Exchange,
  source: CopySource,
  task: (object: ReadableObject) => Promise<Result>,
): Promise<Result> {
  const object = await exchange.storage.getObject(source.bucket, source.key);
  if (object === null) throw new S3Error("NoSuchKey");
  try {
    assertSourceConditions(exchange, object.info);
    return await task(object);
  } finally {
    await object.close();
  }
}

/** The conditions of a read in headers of their own; unlike there, every one that fails is PreconditionFailed. */
function assertSourceConditions({ request }: S3Exchange, info: ObjectInfo): void {
  const { message } = request;
  const matches = (etags: readonly string[]): boolean => etags.includes("*") || etags.includes(info.etag);
  const timeOf = (name: string): number => Date.parse(headerOf(message, `x-amz-copy-source-${name}`) ?? "");
  const modifiedMs = Math.floor(info.lastModifiedMs / 1000) * 1000;
  const ifMatch = etagsOf(message, "x-amz-copy-source-if-match");
  const ifNoneMatch = etagsOf(message, "x-amz-copy-source-if-none-match");
  const isRefused =
    (ifMatch === undefined ? modifiedMs > timeOf("if-unmodified-since") : !matches(ifMatch)) ||
    (ifNoneMatch === undefined ? modifiedMs <= timeOf("if-modified-since") : matches(ifNoneMatch));
  if (isRefused) throw new S3Error("PreconditionFailed");
}

/** The bytes [start, end) that x-amz-copy-source-range asks for; the whole object without it. */
export function copyRangeOf({ request }: S3Exchange, info: ObjectInfo): { start: number; end: number } {
  const header = headerOf(request.message, "x-amz-copy-source-range");
  if (header === undefined) return { start: 0, end: info.sizeBytes };
  const [, first = "", last = ""] = /^bytes=(\d{1,15})-(\d{1,15})$/.exec(header) ?? [];
  if (first === "" || Number(last) < Number(first))
    throw new S3Error("InvalidArgument", "x-amz-copy-source-range must be bytes=<first>-<last>.");
  if (Number(last) >= info.sizeBytes) throw new S3Error("InvalidRange");
  return { start: Number(first), end: Number(last) + 1 };
}
