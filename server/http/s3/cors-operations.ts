import { corsContent, corsFromXml } from "./cors-rules.ts";
import { readSmallBody } from "./request-body.ts";
import { S3Error } from "./s3-errors.ts";
import { bodyOf, requireBucket, type S3Exchange } from "./s3-exchange.ts";
import { sendEmpty, sendXml } from "./s3-response.ts";
import { parseXml } from "./s3-xml.ts";

/** S3's limit. */
const maxConfigurationBytes = 64 * 1024;

/** GetBucketCors, for those who may set it. */
export async function getBucketCors(exchange: S3Exchange): Promise<void> {
  exchange.access.assertWholeBucket(exchange.request.bucket);
  const { cors = [] } = await requireBucket(exchange);
  if (cors.length === 0) throw new S3Error("NoSuchCORSConfiguration");
  sendXml(exchange.response, 200, "CORSConfiguration", corsContent(cors));
}

/** PutBucketCors. */
export async function putBucketCors(exchange: S3Exchange): Promise<void> {
  const { request, response, access, storage } = exchange;
  access.assertWholeBucket(request.bucket);
  const body = bodyOf(exchange);
  exchange.sendContinue();
  const cors = corsFromXml(parseXml(await readSmallBody(body, maxConfigurationBytes)));
  await storage.changeBucket(request.bucket, { cors });
  sendEmpty(response, 200);
}

/** DeleteBucketCors. */
export async function deleteBucketCors({ request, response, access, storage }: S3Exchange): Promise<void> {
  access.assertWholeBucket(request.bucket);
  await storage.changeBucket(request.bucket, { cors: [] });
  sendEmpty(response, 204);
}
