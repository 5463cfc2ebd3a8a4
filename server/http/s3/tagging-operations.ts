import { readSmallBody } from "./request-body.ts";
import { S3Error } from "./s3-errors.ts";
import { bodyOf, requireBucket, type S3Exchange } from "./s3-exchange.ts";
import { sendEmpty, sendXml } from "./s3-response.ts";
import { parseXml } from "./s3-xml.ts";
import type { Tags } from "../../adapters/storage/storage.ts";
import { maxBucketTags, maxObjectTags, tagsContent, tagsFromXml } from "./tags.ts";

/** 50 tags of the longest names and values, each character written as a reference, fit. */
const maxTaggingBytes = 512 * 1024;

/** GetObjectTagging. */
export async function getObjectTagging(exchange: S3Exchange): Promise<void> {
  const { request, response, access, storage } = exchange;
  const key = await access.storedKey(request.bucket, request.key, "read");
  const info = await storage.headObject(request.bucket, key);
  if (info === null) throw new S3Error("NoSuchKey");
  sendXml(response, 200, "Tagging", tagsContent(info.tags ?? []));
}

/** PutObjectTagging. */
export async function putObjectTagging(exchange: S3Exchange): Promise<void> {
  await changeObjectTags(exchange, await readTags(exchange, maxObjectTags));
  sendEmpty(exchange.response, 200);
}

/** DeleteObjectTagging. */
export async function deleteObjectTagging(exchange: S3Exchange): Promise<void> {
  await changeObjectTags(exchange, []);
  sendEmpty(exchange.response, 204);
}

async function changeObjectTags(exchange: S3Exchange, tags: Tags): Promise<void> {
  const { request, access, storage } = exchange;
  const key = await access.storedKey(request.bucket, request.key, "write");
  await storage.changeObject(request.bucket, key, { tags });
}

/** GetBucketTagging. */
export async function getBucketTagging(exchange: S3Exchange): Promise<void> {
  const { tags = [] } = await requireBucket(exchange);
  if (tags.length === 0) throw new S3Error("NoSuchTagSet");
  sendXml(exchange.response, 200, "Tagging", tagsContent(tags));
}

/** PutBucketTagging. */
export async function putBucketTagging(exchange: S3Exchange): Promise<void> {
  const { request, access, storage } = exchange;
  access.assertWholeBucket(request.bucket);
  const tags = await readTags(exchange, maxBucketTags);
  await storage.changeBucket(request.bucket, { tags });
  sendEmpty(exchange.response, 204);
}

/** DeleteBucketTagging. */
export async function deleteBucketTagging(exchange: S3Exchange): Promise<void> {
  const { request, access, storage } = exchange;
  access.assertWholeBucket(request.bucket);
  await storage.changeBucket(request.bucket, { tags: [] });
  sendEmpty(exchange.response, 204);
}

async function readTags(exchange: S3Exchange, limit: number): Promise<Tags> {
  const body = bodyOf(exchange);
  exchange.sendContinue();
  return tagsFromXml(parseXml(await readSmallBody(body, maxTaggingBytes)), limit);
}
