import type { CannedAcl } from "../../adapters/storage/storage.ts";
import { aclContent, aclFromPolicy, allowedAcl, cannedAclOf } from "./canned-acl.ts";
import { readSmallBody } from "./request-body.ts";
import { S3Error } from "./s3-errors.ts";
import { bodyOf, requireBucket, type S3Exchange } from "./s3-exchange.ts";
import { sendEmpty, sendXml } from "./s3-response.ts";
import { parseXml } from "./s3-xml.ts";

/** Far more than every canned list spelled out. */
const maxPolicyBytes = 64 * 1024;

/** GetBucketAcl. */
export async function getBucketAcl(exchange: S3Exchange): Promise<void> {
  const { acl } = await requireBucket(exchange);
  sendAcl(exchange, acl);
}

/** PutBucketAcl, from the header or the body. */
export async function putBucketAcl(exchange: S3Exchange): Promise<void> {
  const { request, response, access, storage } = exchange;
  access.assertWholeBucket(request.bucket);
  await storage.changeBucket(request.bucket, { acl: await wantedAcl(exchange) });
  sendEmpty(response, 200);
}

/** GetObjectAcl. */
export async function getObjectAcl(exchange: S3Exchange): Promise<void> {
  const { request, access, storage } = exchange;
  const key = await access.storedKey(request.bucket, request.key, "read");
  const info = await storage.headObject(request.bucket, key);
  if (info === null) throw new S3Error("NoSuchKey");
  sendAcl(exchange, info.acl);
}

/** PutObjectAcl, from the header or the body. */
export async function putObjectAcl(exchange: S3Exchange): Promise<void> {
  const { request, response, access, storage } = exchange;
  const key = await access.storedKey(request.bucket, request.key, "write");
  await storage.changeObject(request.bucket, key, { acl: await wantedAcl(exchange) });
  sendEmpty(response, 200);
}

function sendAcl({ response }: S3Exchange, acl: CannedAcl = "private"): void {
  sendXml(response, 200, "AccessControlPolicy", aclContent(acl));
}

async function wantedAcl(exchange: S3Exchange): Promise<CannedAcl> {
  const { request, allowPublicAcls } = exchange;
  const acl = cannedAclOf(request.message, allowPublicAcls);
  const body = bodyOf(exchange);
  exchange.sendContinue();
  const text = await readSmallBody(body, maxPolicyBytes);
  if (acl !== undefined) return acl;
  if (text.trim() === "") throw new S3Error("MalformedACLError");
  return allowedAcl(aclFromPolicy(parseXml(text)), allowPublicAcls);
}
