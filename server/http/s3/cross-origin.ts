import type { ServerResponse } from "node:http";
import type { CorsRule, ObjectStorage } from "../../adapters/storage/storage.ts";
import { findCorsRule, headerToken } from "./cors-rules.ts";
import { S3Error } from "./s3-errors.ts";
import { headerOf, type S3Request } from "./s3-request.ts";
import { type ResponseHeaders, sendEmpty } from "./s3-response.ts";

/**
 * Lets the page of another site read the coming answer, also when that is an error, if the bucket's rules say so. Not
 * for a request that a session or the trust in this machine decides about: those belong to pages of this server.
 */
export async function allowOrigin(
  storage: ObjectStorage,
  { message, bucket, method }: S3Request,
  response: ServerResponse,
): Promise<void> {
  const origin = headerOf(message, "origin");
  if (origin === undefined) return;
  const found = findCorsRule(await rulesOf(storage, bucket), {
    origin,
    // S3 lets this header decide on actual requests, too; browsers send it with a preflight only.
    method: headerOf(message, "access-control-request-method") ?? method,
    headers: [],
  });
  if (found === null) return;
  for (const [name, value] of Object.entries(headersOf(found.rule, found.pattern, origin)))
    if (value !== undefined) response.setHeader(name, value);
}

/**
 * Answers a browser's question whether the page of another site may send a request; throws InvalidRequest or
 * AccessForbidden. It has no credentials and tells nothing about objects, nor whether the bucket exists.
 */
export async function answerPreflight(
  storage: ObjectStorage,
  { message, bucket }: S3Request,
  response: ServerResponse,
): Promise<void> {
  const origin = headerOf(message, "origin");
  const method = headerOf(message, "access-control-request-method");
  if (origin === undefined || method === undefined)
    throw new S3Error("InvalidRequest", "Send the headers Origin and Access-Control-Request-Method.");
  const headers = (headerOf(message, "access-control-request-headers") ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  const rules = headers.every((name) => headerToken.test(name)) ? await rulesOf(storage, bucket) : [];
  const found = findCorsRule(rules, { origin, method, headers });
  if (found === null) throw new S3Error("AccessForbidden");
  sendEmpty(response, 200, {
    ...headersOf(found.rule, found.pattern, origin),
    "Access-Control-Allow-Headers": headers.join(", ") || undefined,
    "Access-Control-Max-Age": found.rule.maxAgeSeconds,
  });
}

async function rulesOf(storage: ObjectStorage, bucket: string): Promise<readonly CorsRule[]> {
  return (bucket === "" ? null : await storage.findBucket(bucket))?.cors ?? [];
}

/** Never with Access-Control-Allow-Credentials: no answer is for a page that sends its visitor's cookies along. */
function headersOf(rule: CorsRule, pattern: string, origin: string): ResponseHeaders {
  return {
    "Access-Control-Allow-Origin": pattern === "*" ? "*" : origin,
    "Access-Control-Allow-Methods": rule.allowedMethods.join(", "),
    "Access-Control-Expose-Headers": rule.exposeHeaders.join(", ") || undefined,
  };
}
