import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { RequestSource } from "../request-source.ts";
import { noteInWork } from "../../services/handler.ts";
import type { ObjectStorage } from "../../adapters/storage/storage.ts";
import { allowOrigin, answerPreflight } from "./cross-origin.ts";
import { authenticate, type AuthenticationDeps } from "./s3-authentication.ts";
import { authenticateForm } from "./form-authentication.ts";
import { isFormUpload, uploadForm } from "./form-upload.ts";
import type { PayloadMode } from "./request-body.ts";
import type { S3Access } from "./s3-access.ts";
import { expectedS3Error, S3Error } from "./s3-errors.ts";
import { type StorageListeners, uploadSlots } from "./s3-exchange.ts";
import { bucketOfHost, parseS3Request, requestId, type S3Request } from "./s3-request.ts";
import { sendError } from "./s3-response.ts";
import { findOperation } from "./s3-routes.ts";
import { signingKeys } from "./sig-v4.ts";

/** Uploads taken in at the same time, when not set. */
const defaultUploads = 64;

/** A connection on which no byte moves is given up after this time, when not set. */
const defaultIdleMs = 60_000;

/** Where the endpoint is found on its server. */
export interface S3Mount {
  /** Path without a slash at the end: `/api/cloud/storage`. */
  pathPrefix: string;
  /** Host name below which `<bucket>.<base domain>` names a bucket; without it only paths name buckets. */
  baseDomain?: string | null;
}

/** Counts requests before they are answered; each method throws SlowDown for one that is over its limit. */
export interface S3Rates {
  /** A request that proves nothing: without a credential, or with one that is not live. */
  onStranger(message: IncomingMessage, response: ServerResponse): Promise<void>;
  /** An object that a client with a live credential begins to upload. Its parts, and reading, are not counted. */
  onUpload(
    message: IncomingMessage,
    response: ServerResponse,
    by: { client: string; jobId: string | null },
  ): Promise<void>;
}

/** Everything the endpoint needs. */
export interface S3HandlerDeps extends S3Mount, AuthenticationDeps, StorageListeners {
  storage: ObjectStorage;
  /** Off by default: then every access list but `private` is refused, and nobody reads without credentials. */
  allowPublicAcls?: boolean;
  /** More uploads at the same time are answered with SlowDown. */
  maxConcurrentUploads?: number;
  /** Connections on which no byte of a body moves for so long are closed. */
  idleTimeoutMs?: number;
  rates?: S3Rates;
  /** Told about failures that are the server's. */
  logger?: { error(details: object, text: string): void };
}

/**
 * Answers one request. `expectsContinue` says that the client waits for `100 Continue` and that nobody has sent
 * it: see {@link mountS3}. Never rejects.
 */
export type S3Handler = (
  message: IncomingMessage,
  response: ServerResponse,
  expectsContinue?: boolean,
) => Promise<void>;

/** The S3 endpoint on raw `node:http`: no body is parsed or held, no other middleware may have touched it. */
export function createS3Handler(deps: S3HandlerDeps): S3Handler {
  const keys = signingKeys();
  const slots = uploadSlots(deps.maxConcurrentUploads ?? defaultUploads);
  return async (message, response, expectsContinue = false) => {
    let isAwaitingContinue = expectsContinue;
    let request: S3Request | null = null;
    let isAuthenticated = false;
    try {
      request = parseS3Request(message, response, deps);
      response.setHeader("x-amz-request-id", request.id);
      response.setHeader("X-Content-Type-Options", "nosniff");
      // Not only where an origin was sent: what a cache keeps without one must not answer a page of another site.
      response.setHeader("Vary", "Origin");
      const { storage, idleTimeoutMs: idleMs = defaultIdleMs } = deps;
      const base = {
        storage,
        listeners: deps,
        slots,
        request,
        response,
        idleMs,
        allowPublicAcls: deps.allowPublicAcls === true,
        onUnexpected: (error: unknown) => logUnexpected(deps, message, request?.id, error),
        sendContinue: (): void => {
          if (isAwaitingContinue) response.writeContinue();
          isAwaitingContinue = false;
        },
      };
      const subject = request;
      if (subject.method === "OPTIONS") return await answerPreflight(storage, subject, response);
      const onStranger = (): Promise<void> => allowOrigin(storage, subject, response);
      if (isFormUpload(subject)) {
        // No cookie ever decides about a form.
        await onStranger();
        noteInWork({ storageOperation: "PostObject" });
        const payload: PayloadMode = { kind: "plain", sha256: null };
        await uploadForm({ ...base, payload }, (fields) =>
          counted(deps, subject, response, () => authenticateForm(deps, keys, fields)),
        );
        return;
      }
      const { operation, name } = findOperation(subject);
      noteInWork({ storageOperation: name });
      const { access, payload } = await counted(deps, subject, response, () =>
        authenticate(deps, keys, subject, onStranger),
      );
      isAuthenticated = true;
      if (access.jobId !== null) noteInWork({ jobId: access.jobId });
      await operation({ ...base, access, payload });
    } catch (error) {
      const isMisread = isAuthenticated && request !== null && (await isBucketInHost(deps, request, error));
      const told = isMisread ? bucketInHostError() : error;
      await answerFailure(deps, message, response, request, told, isAwaitingContinue);
    }
  };
}

/** Finds out who sent a request, and counts it by that. */
async function counted<Result extends { access: S3Access }>(
  { rates }: S3HandlerDeps,
  request: S3Request,
  response: ServerResponse,
  check: () => Promise<Result>,
): Promise<Result> {
  const { message } = request;
  let known: Result;
  try {
    known = await check();
  } catch (error) {
    if (error instanceof S3Error) await rates?.onStranger(message, response);
    throw error;
  }
  const { client, jobId } = known.access;
  if (client === null) await rates?.onStranger(message, response);
  else if (beginsUpload(request)) await rates?.onUpload(message, response, { client, jobId });
  return known;
}

/** Whether a request is the first of an object: a whole one, a form, or the begin of one in parts. */
function beginsUpload({ method, query }: S3Request): boolean {
  if (method === "PUT") return !query.has("uploadId");
  return method === "POST" && !query.has("uploadId") && !query.has("delete");
}

/**
 * True when the first label of the host is a bucket that the request most likely means. SDKs put it there unless
 * told otherwise; without a base domain the path's first segment is taken for the bucket, and nothing is found.
 */
async function isBucketInHost(
  { storage, baseDomain }: S3HandlerDeps,
  { message, bucket }: S3Request,
  error: unknown,
): Promise<boolean> {
  const code = expectedS3Error(error)?.code ?? "";
  if (baseDomain || !["AccessDenied", "NoSuchBucket", "MethodNotAllowed"].includes(code)) return false;
  const host = message.headers.host ?? "";
  const [label = "", ...others] = host.split(".");
  const isAddress = /^[\d.:[\]]+$/.test(host);
  if (others.length === 0 || isAddress || label === bucket) return false;
  return (await storage.findBucket(label).catch(() => null)) !== null;
}

function bucketInHostError(): S3Error {
  return new S3Error(
    "InvalidRequest",
    "The request names its bucket in the host name. This server takes it in the path: set forcePathStyle, or addressing_style = path.",
  );
}

function logUnexpected(
  { logger }: S3HandlerDeps,
  { method }: IncomingMessage,
  id: string | undefined,
  error: unknown,
): void {
  logger?.error({ err: error, request_id: id, method }, "The storage endpoint failed.");
}

async function answerFailure(
  deps: S3HandlerDeps,
  message: IncomingMessage,
  response: ServerResponse,
  request: S3Request | null,
  error: unknown,
  isAwaitingContinue: boolean,
): Promise<void> {
  // A client that went away is no failure, and nobody is left to read an answer.
  if (response.destroyed || message.errored !== null) {
    response.destroy();
    return;
  }
  const id = request?.id ?? requestId(response);
  const expected = expectedS3Error(error);
  if (expected === null) logUnexpected(deps, message, id, error);
  if (response.headersSent) {
    // Only a broken connection tells the client that the rest will not come.
    response.destroy();
    return;
  }
  for (const name of response.getHeaderNames()) if (isObjectHeader(name)) response.removeHeader(name);
  response.setHeader("x-amz-request-id", id);
  const subject = request ?? { id, rawPath: message.url ?? "", wantsJson: false, message };
  await sendError(subject, response, expected ?? new S3Error("InternalError"), isAwaitingContinue).catch(() =>
    response.destroy(),
  );
}

/** Headers of an answer that was prepared and then not sent. */
function isObjectHeader(name: string): boolean {
  return /^(etag|last-modified|accept-ranges|cache-control|expires|content-|x-amz-)/.test(name);
}

/**
 * Puts the endpoint in front of `others` on a server: requests under the prefix go to it, those to a bucket's host,
 * and those with an S3 signature, whose prefix a proxy has taken away; `Expect` headers are answered when their time
 * has come. The server needs `requestTimeout = 0`, since uploads may take hours; the endpoint drops connections that
 * bring nothing for a minute itself.
 */
export function mountS3(
  server: RequestSource,
  { pathPrefix, baseDomain }: S3Mount,
  handler: S3Handler,
  others: RequestListener,
): void {
  const isOurs = (message: IncomingMessage): boolean => {
    const [path = "", query = ""] = (message.url ?? "").replace(/^https?:\/\/[^/?]*/i, "").split("?", 2);
    if (path === pathPrefix || path.startsWith(`${pathPrefix}/`)) return true;
    if (bucketOfHost(message.headers.host, baseDomain) !== null) return true;
    return (
      /^AWS[ 4]/.test(message.headers.authorization ?? "") ||
      /(^|&)(X-Amz-Signature|AWSAccessKeyId)=/.test(query)
    );
  };
  server.on("request", (message, response) => {
    if (isOurs(message)) void handler(message, response);
    else others(message, response);
  });
  server.on("checkContinue", (message: IncomingMessage, response: ServerResponse) => {
    if (isOurs(message)) return void handler(message, response, true);
    response.writeContinue();
    others(message, response);
  });
  // S3 clients send other expectations too, and S3 ignores them.
  server.on("checkExpectation", (message: IncomingMessage, response: ServerResponse) => {
    if (isOurs(message)) return void handler(message, response);
    response.writeHead(417).end();
  });
}
