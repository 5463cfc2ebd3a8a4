import { cannedAclOf } from "./canned-acl.ts";
import { readSmallBody } from "./request-body.ts";
import { S3Error } from "./s3-errors.ts";
import { bodyOf, requireBucket, type S3Exchange } from "./s3-exchange.ts";
import { sendEmpty, sendXml } from "./s3-response.ts";
import { childText, parseXml } from "./s3-xml.ts";

/** CreateBucketConfiguration holds one word. */
const maxConfigurationBytes = 64 * 1024;

/** HeadBucket. */
export async function headBucket(exchange: S3Exchange): Promise<void> {
  await requireBucket(exchange);
  sendEmpty(exchange.response, 200);
}

/** GetBucketLocation: the word that the bucket was created with, empty as for S3's first region without one. */
export async function getBucketLocation(exchange: S3Exchange): Promise<void> {
  const { location } = await requireBucket(exchange);
  sendXml(exchange.response, 200, "LocationConstraint", location);
}

/**
 * CreateBucket. Creating one's own bucket again is a success, since rclone does it before every copy, unless it
 * asks for another access list than the bucket has.
 */
export async function createBucket(exchange: S3Exchange): Promise<void> {
  const { access, storage, request, response, allowPublicAcls } = exchange;
  const { bucket } = request;
  const acl = cannedAclOf(request.message, allowPublicAcls) ?? "private";
  const existing = await storage.findBucket(bucket);
  if (!access.canCreateBucket(bucket)) {
    // A job's key learns nothing about the buckets of others.
    const isForeign = existing !== null && access.jobId === null && !(await access.canSeeBucket(bucket));
    throw new S3Error(isForeign ? "BucketAlreadyExists" : "AccessDenied");
  }
  const location = await readLocation(exchange);
  if (existing !== null && (existing.acl ?? "private") !== acl) throw new S3Error("BucketAlreadyExists");
  await storage.createBucket(bucket);
  if (existing === null && (acl !== "private" || location !== undefined))
    await storage.changeBucket(bucket, { acl, location });
  sendEmpty(response, 200, { Location: `/${bucket}` });
}

async function readLocation(exchange: S3Exchange): Promise<string | undefined> {
  const body = bodyOf(exchange);
  exchange.sendContinue();
  const text = await readSmallBody(body, maxConfigurationBytes);
  if (text.trim() === "") return undefined;
  const location = childText(parseXml(text), "LocationConstraint")?.trim();
  if (location === undefined || location === "") return undefined;
  if (!/^[A-Za-z0-9-]{1,64}$/.test(location)) throw new S3Error("InvalidLocationConstraint");
  return location;
}

/** DeleteBucket. */
export async function deleteBucket({ access, storage, request, response }: S3Exchange): Promise<void> {
  access.assertWholeBucket(request.bucket);
  await storage.deleteBucket(request.bucket);
  sendEmpty(response, 204);
}
