import { getBucketAcl, getObjectAcl, putBucketAcl, putObjectAcl } from "./acl-operations.ts";
import { createBucket, deleteBucket, getBucketLocation, headBucket } from "./bucket-operations.ts";
import { copyObject, copyPart } from "./copy-operations.ts";
import { deleteBucketCors, getBucketCors, putBucketCors } from "./cors-operations.ts";
import { listBuckets, listObjects, listVersions } from "./list-operations.ts";
import { listParts, listUploads } from "./multipart-lists.ts";
import { abortUpload, completeUpload, createUpload, putPart } from "./multipart-operations.ts";
import { getObjectAttributes } from "./object-attributes.ts";
import { getObject } from "./object-download.ts";
import { deleteObject, deleteObjects, putObject } from "./object-operations.ts";
import { S3Error } from "./s3-errors.ts";
import type { S3Exchange } from "./s3-exchange.ts";
import { headerOf, type S3Request } from "./s3-request.ts";
import {
  deleteBucketTagging,
  deleteObjectTagging,
  getBucketTagging,
  getObjectTagging,
  putBucketTagging,
  putObjectTagging,
} from "./tagging-operations.ts";

/** One operation of S3. */
export type S3Operation = (exchange: S3Exchange) => Promise<void>;

/**
 * Parameters that ask for another operation than the plain one of their method. One that is not offered must not
 * fall through: `PUT /key?legal-hold` would replace the object.
 */
const subresources = new Set(
  `accelerate analytics append encryption intelligent-tiering inventory legal-hold lifecycle
  logging metadataConfiguration metadataTable metrics notification object-lock ownershipControls policy policyStatus
  publicAccessBlock rename renameObject replication requestPayment restore retention select select-type session
  torrent versioning website`.split(/\s+/),
);

/** What S3 calls the operations; the names of functions are a bundler's to change. */
const names: ReadonlyMap<S3Operation, string> = new Map([
  [listBuckets, "ListBuckets"],
  [createBucket, "CreateBucket"],
  [headBucket, "HeadBucket"],
  [deleteBucket, "DeleteBucket"],
  [getBucketLocation, "GetBucketLocation"],
  [getBucketAcl, "GetBucketAcl"],
  [putBucketAcl, "PutBucketAcl"],
  [getBucketCors, "GetBucketCors"],
  [putBucketCors, "PutBucketCors"],
  [deleteBucketCors, "DeleteBucketCors"],
  [getBucketTagging, "GetBucketTagging"],
  [putBucketTagging, "PutBucketTagging"],
  [deleteBucketTagging, "DeleteBucketTagging"],
  [listObjects, "ListObjects"],
  [listVersions, "ListObjectVersions"],
  [getObject, "GetObject"],
  [putObject, "PutObject"],
  [copyObject, "CopyObject"],
  [deleteObject, "DeleteObject"],
  [deleteObjects, "DeleteObjects"],
  [getObjectAcl, "GetObjectAcl"],
  [putObjectAcl, "PutObjectAcl"],
  [getObjectAttributes, "GetObjectAttributes"],
  [getObjectTagging, "GetObjectTagging"],
  [putObjectTagging, "PutObjectTagging"],
  [deleteObjectTagging, "DeleteObjectTagging"],
  [createUpload, "CreateMultipartUpload"],
  [putPart, "UploadPart"],
  [copyPart, "UploadPartCopy"],
  [listParts, "ListParts"],
  [listUploads, "ListMultipartUploads"],
  [completeUpload, "CompleteMultipartUpload"],
  [abortUpload, "AbortMultipartUpload"],
]);

/** What S3 calls the operation of a request. */
function nameOf(operation: S3Operation, { method, query }: S3Request): string {
  if (operation === getObject && method === "HEAD") return "HeadObject";
  if (operation === listObjects && query.get("list-type") === "2") return "ListObjectsV2";
  return names.get(operation) ?? "Other";
}

/** The operation that a request asks for; throws NotImplemented or MethodNotAllowed. */
export function findOperation(request: S3Request): { operation: S3Operation; name: string } {
  const { method, bucket, key, query } = request;
  for (const name of query.keys()) if (subresources.has(name)) throw notOffered(name);
  const version = query.get("versionId");
  if (version !== undefined && version !== "null") throw new S3Error("NoSuchVersion");
  const operation =
    bucket === ""
      ? rootOperation(method)
      : key === ""
        ? bucketOperation(method, query)
        : objectOperation(request);
  if (operation === undefined) throw new S3Error("MethodNotAllowed");
  return { operation, name: nameOf(operation, request) };
}

function notOffered(name: string): S3Error {
  return new S3Error("NotImplemented", `This server does not offer ?${name}.`);
}

function rootOperation(method: string): S3Operation | undefined {
  return method === "GET" ? listBuckets : undefined;
}

/** `?acl`, `?cors` and `?tagging` by method; a method that is missing there is not possible. */
const bucketAcl: Record<string, S3Operation> = { GET: getBucketAcl, PUT: putBucketAcl };
const objectAcl: Record<string, S3Operation> = { GET: getObjectAcl, PUT: putObjectAcl };
const bucketCors: Record<string, S3Operation> = {
  GET: getBucketCors,
  PUT: putBucketCors,
  DELETE: deleteBucketCors,
};
const bucketTags: Record<string, S3Operation> = {
  GET: getBucketTagging,
  PUT: putBucketTagging,
  DELETE: deleteBucketTagging,
};
const objectTags: Record<string, S3Operation> = {
  GET: getObjectTagging,
  PUT: putObjectTagging,
  DELETE: deleteObjectTagging,
};

function bucketOperation(method: string, query: ReadonlyMap<string, string>): S3Operation | undefined {
  if (query.has("attributes")) return undefined;
  if (query.has("acl")) return bucketAcl[method];
  if (query.has("cors")) return bucketCors[method];
  if (query.has("tagging")) return bucketTags[method];
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

function objectOperation({ method, query, message }: S3Request): S3Operation | undefined {
  const isMultipart = query.has("uploadId");
  const isCopy = headerOf(message, "x-amz-copy-source") !== undefined;
  if (query.has("cors")) return undefined;
  if (query.has("acl")) return objectAcl[method];
  if (query.has("tagging")) return objectTags[method];
  if (query.has("attributes")) return method === "GET" ? getObjectAttributes : undefined;
  switch (method) {
    case "GET":
      return isMultipart ? listParts : getObject;
    case "HEAD":
      return getObject;
    case "PUT":
      if (isMultipart || query.has("partNumber")) return isCopy ? copyPart : putPart;
      return isCopy ? copyObject : putObject;
    case "DELETE":
      return isMultipart ? abortUpload : deleteObject;
    case "POST":
      if (query.has("uploads")) return createUpload;
      return isMultipart ? completeUpload : undefined;
    default:
      return undefined;
  }
}
