import type { ListPage, ObjectInfo } from "../../adapters/storage/storage.ts";
import { eachArea, listAreas } from "./area-lists.ts";
import type { ListView } from "./s3-access.ts";
import { ownerContent } from "./owner.ts";
import { expectedS3Error, S3Error } from "./s3-errors.ts";
import type { S3Exchange } from "./s3-exchange.ts";
import { percentEncode, type S3Request } from "./s3-request.ts";
import { sendJson, sendXml } from "./s3-response.ts";
import { type Content, element } from "./s3-xml.ts";

/** S3's page. */
const maxPageKeys = 1000;

/** ListBuckets, all or page by page. As JSON with sizes, newest first. */
export async function listBuckets(exchange: S3Exchange): Promise<void> {
  const { storage, access, request, response } = exchange;
  const buckets = [];
  for (const bucket of await storage.listBuckets())
    if (await access.canSeeBucket(bucket.name)) buckets.push(bucket);
  if (request.wantsJson) {
    const sized = [];
    for (const { name, createdMs } of buckets) {
      const { objects, sizeBytes } = await usageOf(exchange, name, await access.listView(name, ""));
      sized.push({ Name: name, Size: sizeBytes, FileCount: objects, LastModified: createdMs / 1000 });
    }
    sized.sort((left, right) => right.LastModified - left.LastModified);
    sendJson(response, 200, { Buckets: sized, total_size: sized.reduce((sum, { Size }) => sum + Size, 0) });
    return;
  }
  const { query } = request;
  const after = readToken(query.get("continuation-token") ?? "");
  const prefix = query.get("prefix") ?? "";
  const rest = buckets.filter(({ name }) => name > after && name.startsWith(prefix));
  const page = query.has("max-buckets") ? rest.slice(0, bucketPageSize(query.get("max-buckets"))) : rest;
  const last = page.at(-1);
  const entries = page.map(({ name, createdMs }) =>
    element("Bucket", [element("Name", name), element("CreationDate", new Date(createdMs).toISOString())]),
  );
  sendXml(response, 200, "ListAllMyBucketsResult", [
    element("Owner", ownerContent),
    element("Buckets", entries),
    page.length < rest.length && last !== undefined
      ? element("ContinuationToken", Buffer.from(last.name).toString("base64url"))
      : null,
    prefix === "" ? null : element("Prefix", prefix),
  ]);
}

async function usageOf(
  { storage }: S3Exchange,
  bucket: string,
  { storedPrefix, areas }: ListView,
): Promise<{ objects: number; sizeBytes: number }> {
  if (areas === undefined) return storage.usage(bucket, storedPrefix);
  const total = { objects: 0, sizeBytes: 0 };
  for await (const area of eachArea(areas, "")) {
    const { objects, sizeBytes } = await storage.usage(bucket, area);
    total.objects += objects;
    total.sizeBytes += sizeBytes;
  }
  return total;
}

function bucketPageSize(value: string | undefined): number {
  const size = pageSize(value, "max-buckets");
  if (size === 0) throw new S3Error("InvalidArgument", "max-buckets must be a number from 1 to 10000.");
  return size;
}

/** What a list of objects was asked for; keys as the client sees them. */
interface ListRequest {
  prefix: string;
  delimiter: string;
  /** List behind this key: a marker, start-after, or what a continuation token stands for. */
  after: string;
  maxKeys: number;
  encode: (text: string) => string;
}

/** ListObjects in version 1 or 2, as JSON with `Contents`, `CommonPrefixes` and the token of the next page. */
export async function listObjects(exchange: S3Exchange): Promise<void> {
  const { request, response, access } = exchange;
  const isVersion2 = request.query.get("list-type") === "2";
  const list = parseListRequest(request, isVersion2 || request.wantsJson ? "continuation-token" : "marker");
  const view = await access.listView(request.bucket, list.prefix);
  const page = await readPage(exchange, list, view);
  if (request.wantsJson) {
    sendJson(response, 200, jsonPage(request.bucket, page, view));
    return;
  }
  const shown = (stored: string): string => list.encode(stored.slice(view.hiddenPrefix.length));
  const withOwner = !isVersion2 || request.query.get("fetch-owner") === "true";
  sendXml(response, 200, "ListBucketResult", [
    element("Name", request.bucket),
    // Clients decode the prefix of version 2 only.
    element("Prefix", isVersion2 ? list.encode(list.prefix) : list.prefix),
    ...(isVersion2 ? version2Fields(request, list, page, view) : version1Fields(request, list, page, shown)),
    element("MaxKeys", list.maxKeys),
    list.delimiter === "" ? null : element("Delimiter", list.encode(list.delimiter)),
    request.query.has("encoding-type") ? element("EncodingType", "url") : null,
    element("IsTruncated", page.next !== null),
    ...page.objects.map((object) => element("Contents", objectContent(object, shown(object.key), withOwner))),
    ...page.commonPrefixes.map((prefix) => element("CommonPrefixes", element("Prefix", shown(prefix)))),
  ]);
}

/** ListObjectVersions of a bucket without versions: every object is its only version, named `null`. */
export async function listVersions(exchange: S3Exchange): Promise<void> {
  const { request, response, access } = exchange;
  const list = parseListRequest(request, "key-marker");
  const view = await access.listView(request.bucket, list.prefix);
  const page = await readPage(exchange, list, view);
  const shown = (stored: string): string => list.encode(stored.slice(view.hiddenPrefix.length));
  const { next } = page;
  sendXml(response, 200, "ListVersionsResult", [
    element("Name", request.bucket),
    element("Prefix", list.encode(list.prefix)),
    element("KeyMarker", list.encode(list.after)),
    element("VersionIdMarker", request.query.get("version-id-marker") ?? ""),
    next === null ? null : [element("NextKeyMarker", shown(next)), element("NextVersionIdMarker", "null")],
    element("MaxKeys", list.maxKeys),
    list.delimiter === "" ? null : element("Delimiter", list.encode(list.delimiter)),
    request.query.has("encoding-type") ? element("EncodingType", "url") : null,
    element("IsTruncated", next !== null),
    ...page.objects.map((object) =>
      element("Version", [
        ...objectContent(object, shown(object.key), true),
        element("VersionId", "null"),
        element("IsLatest", true),
      ]),
    ),
    ...page.commonPrefixes.map((prefix) => element("CommonPrefixes", element("Prefix", shown(prefix)))),
  ]);
}

/** The mission's documents answer a list of a bucket that was never written with an empty one, in JSON. */
async function readPage(exchange: S3Exchange, list: ListRequest, view: ListView): Promise<ListPage> {
  const { storage, request } = exchange;
  const { delimiter, maxKeys } = list;
  const after = list.after === "" ? "" : view.hiddenPrefix + list.after;
  const query = { bucket: request.bucket, prefix: view.storedPrefix, delimiter, after, maxKeys };
  try {
    return await (view.areas ? listAreas(storage, query, view.areas) : storage.listObjects(query));
  } catch (error) {
    if (!request.wantsJson || expectedS3Error(error)?.code !== "NoSuchBucket") throw error;
    return { objects: [], commonPrefixes: [], next: null };
  }
}

/** `position` is the parameter that says where the list goes on. */
function parseListRequest(
  request: S3Request,
  position: "continuation-token" | "marker" | "key-marker",
): ListRequest {
  const { query } = request;
  const encoding = query.get("encoding-type");
  if (encoding !== undefined && encoding !== "url")
    throw new S3Error("InvalidArgument", "encoding-type must be url.");
  const token = query.get("continuation-token") ?? "";
  const startAfter = query.get("start-after") ?? "";
  return {
    prefix: query.get("prefix") ?? "",
    delimiter: query.get("delimiter") ?? "",
    after:
      position !== "continuation-token"
        ? (query.get(position) ?? "")
        : token === ""
          ? startAfter
          : readToken(token),
    maxKeys: pageSize(query.get("max-keys"), "max-keys"),
    encode: encoding === "url" ? (text) => percentEncode(text, true) : (text) => text,
  };
}

/** A page size of 0 to 1,000; larger ones count as 1,000. */
export function pageSize(value: string | undefined, name: string): number {
  if (value === undefined || value === "") return maxPageKeys;
  if (!/^\d{1,9}$/.test(value))
    throw new S3Error("InvalidArgument", `${name} must be a number from 0 to 2147483647.`);
  return Math.min(maxPageKeys, Number(value));
}

function version2Fields(request: S3Request, list: ListRequest, page: ListPage, view: ListView): Content[] {
  const { query } = request;
  const token = query.get("continuation-token");
  const startAfter = query.get("start-after");
  return [
    element("KeyCount", page.objects.length + page.commonPrefixes.length),
    token === undefined ? null : element("ContinuationToken", token),
    page.next === null ? null : element("NextContinuationToken", writeToken(page.next, view)),
    startAfter === undefined ? null : element("StartAfter", list.encode(startAfter)),
  ];
}

function version1Fields(
  request: S3Request,
  list: ListRequest,
  page: ListPage,
  shown: (stored: string) => string,
): Content[] {
  return [
    element("Marker", list.encode(request.query.get("marker") ?? "")),
    page.next === null ? null : element("NextMarker", shown(page.next)),
  ];
}

function objectContent(object: ObjectInfo, key: string, withOwner: boolean): Content[] {
  const algorithms = Object.keys(object.checksums);
  return [
    element("Key", key),
    element("LastModified", new Date(object.lastModifiedMs).toISOString()),
    element("ETag", `"${object.etag}"`),
    ...algorithms.map((algorithm) => element("ChecksumAlgorithm", algorithm)),
    algorithms.length > 0 ? element("ChecksumType", object.checksumType) : null,
    element("Size", object.sizeBytes),
    withOwner ? element("Owner", ownerContent) : null,
    element("StorageClass", "STANDARD"),
  ];
}

function jsonPage(bucket: string, page: ListPage, view: ListView): object {
  const shown = (stored: string): string => stored.slice(view.hiddenPrefix.length);
  return {
    Name: bucket,
    Contents: page.objects.map((object) => ({
      Key: shown(object.key),
      Size: object.sizeBytes,
      LastModified: object.lastModifiedMs / 1000,
      ETag: `"${object.etag}"`,
    })),
    CommonPrefixes: page.commonPrefixes.map((prefix) => ({ Prefix: shown(prefix) })),
    IsTruncated: page.next !== null,
    NextContinuationToken: page.next === null ? null : writeToken(page.next, view),
  };
}

/** A token is the last key of the page as the client saw it, so it stays valid whatever is written meanwhile. */
function writeToken(next: string, view: ListView): string {
  return Buffer.from(next.slice(view.hiddenPrefix.length)).toString("base64url");
}

function readToken(token: string): string {
  const key = Buffer.from(token, "base64url").toString("utf8");
  if (Buffer.from(key).toString("base64url") !== token) {
    throw new S3Error("InvalidArgument", "The continuation token provided is incorrect");
  }
  return key;
}
