import { listBuckets, listObjects, listVersions } from "./list-operations.ts";
import { listParts, listUploads } from "./multipart-lists.ts";
import { abortUpload, completeUpload, createUpload, putPart } from "./multipart-operations.ts";
import { getObject } from "./object-download.ts";
import { deleteObject, deleteObjects, putObject } from "./object-operations.ts";
import { S3Error } from "./s3-errors.ts";
import type { S3Exchange } from "./s3-exchange.ts";
import type { S3Request } from "./s3-request.ts";
import { sendEmpty, sendXml } from "./s3-response.ts";

/** One operation of S3. */
export type S3Operation = (exchange: S3Exchange) => Promise<void>;

/**
 * Parameters that ask for another operation than the plain one of their method. One that is not offered must not
 * fall through: `PUT /key?tagging` would replace the object.
 */
const subresources = new Set(
  `accelerate acl analytics append attributes cors encryption intelligent-tiering inventory legal-hold lifecycle
  logging metadataConfiguration metadataTable metrics notification object-lock ownershipControls policy policyStatus
  publicAccessBlock rename renameObject replication requestPayment restore retention select select-type session
  tagging torrent versioning website`.split(/\s+/),
);

/** The operation that a request asks for; throws NotImplemented or MethodNotAllowed. */
export function findOperation(request: S3Request): S3Operation {
  const { method, bucket, key, query } = request;
  for (const name of query.keys()) if (subresources.has(name)) throw notOffered(name);
  if (method === "OPTIONS") throw new S3Error("InvalidRequest", "CORS is not enabled for this bucket.");
  const version = query.get("versionId");
  if (version !== undefined && version !== "null") throw notOffered("versionId");
  const operation =
    bucket === ""
      ? rootOperation(method)
      : key === ""
        ? bucketOperation(method, query)
        : objectOperation(method, query);
  if (operation === undefined) throw new S3Error("MethodNotAllowed");
  return operation;
}

function notOffered(name: string): S3Error {
  return new S3Error("NotImplemented", `This server does not offer ?${name}.`);
}

function rootOperation(method: string): S3Operation | undefined {
  return method === "GET" ? listBuckets : undefined;
}

function bucketOperation(method: string, query: ReadonlyMap<string, string>): S3Operation | undefined {
  switch (method) {
    case "GET":
      if (query.has("location")) return getBucketLocation;
      if (query.has("versions")) return listVersions;
      return query.has("uploads") ? listUploads : listObjects;
    case "HEAD":
      return headBucket;
    case "PUT":
      return createBucket;
    case "DELETE":
      return deleteBucket;
    case "POST":
      return query.has("delete") ? deleteObjects : undefined;
    default:
      return undefined;
  }
}

function objectOperation(method: string, query: ReadonlyMap<string, string>): S3Operation | undefined {
  const isMultipart = query.has("uploadId");
  switch (method) {
    case "GET":
      return isMultipart ? listParts : getObject;
    case "HEAD":
      return getObject;
    case "PUT":
      return isMultipart || query.has("partNumber") ? putPart : putObject;
    case "DELETE":
      return isMultipart ? abortUpload : deleteObject;
    case "POST":
      if (query.has("uploads")) return createUpload;
      return isMultipart ? completeUpload : undefined;
    default:
      return undefined;
  }
}

async function headBucket(exchange: S3Exchange): Promise<void> {
  await assertBucket(exchange);
  sendEmpty(exchange.response, 200);
}

async function getBucketLocation(exchange: S3Exchange): Promise<void> {
  await assertBucket(exchange);
  sendXml(exchange.response, 200, "LocationConstraint", null);
}

async function assertBucket({ access, storage, request }: S3Exchange): Promise<void> {
  if (!(await access.canSeeBucket(request.bucket))) throw new S3Error("AccessDenied");
  if ((await storage.findBucket(request.bucket)) === null) throw new S3Error("NoSuchBucket");
}

/** Creating a bucket that is there is a success, since rclone does it before every copy. */
async function createBucket({ access, storage, request, response }: S3Exchange): Promise<void> {
  access.assertBucketWritable(request.bucket);
  await storage.createBucket(request.bucket);
  sendEmpty(response, 200, { Location: `/${request.bucket}` });
}

/** Only for keys that reach everything: no job may remove what it shares with others. */
async function deleteBucket({ access, storage, request, response }: S3Exchange): Promise<void> {
  access.assertBucketWritable(request.bucket);
  const { storedPrefix } = await access.listView(request.bucket, "");
  if (storedPrefix !== "") throw new S3Error("AccessDenied");
  await storage.deleteBucket(request.bucket);
  sendEmpty(response, 204);
}
