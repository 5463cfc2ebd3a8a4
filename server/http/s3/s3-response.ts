import { type ServerResponse, STATUS_CODES } from "node:http";
import type { S3Error } from "./s3-errors.ts";
import type { S3Request } from "./s3-request.ts";
import { type Content, element, xmlDocument } from "./s3-xml.ts";

/** An unread body is taken in after an early error up to these limits, so that the client sees the error. */
const drainBytes = 16 * 1024 * 1024;
const drainMs = 5_000;

/** Headers of an answer; undefined ones are left out. */
export type ResponseHeaders = Record<string, string | number | undefined>;

/** Writes status and headers; nothing is sent before the body or the end. */
export function writeHead(response: ServerResponse, status: number, headers: ResponseHeaders): void {
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined) response.setHeader(name, value);
  response.writeHead(status);
}

/** An answer without a body. */
export function sendEmpty(response: ServerResponse, status: number, headers: ResponseHeaders = {}): void {
  // 204 and 304 have no length; everything else says that nothing follows.
  const length = status === 204 || status === 304 ? {} : { "Content-Length": 0 };
  writeHead(response, status, { ...length, ...headers });
  response.end();
}

/** An XML answer with the given root element. */
export function sendXml(
  response: ServerResponse,
  status: number,
  root: string,
  content: Content,
  headers: ResponseHeaders = {},
): void {
  sendText(response, status, "application/xml", xmlDocument(root, content), headers);
}

/** A JSON answer. */
export function sendJson(
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: ResponseHeaders = {},
): void {
  sendText(response, status, "application/json", JSON.stringify(value), headers);
}

function sendText(
  response: ServerResponse,
  status: number,
  type: string,
  text: string,
  headers: ResponseHeaders,
): void {
  const body = Buffer.from(text);
  writeHead(response, status, { "Content-Type": type, "Content-Length": body.length, ...headers });
  response.end(body);
}

/** The body of an error as S3 writes it. */
export function errorContent(request: Pick<S3Request, "id" | "rawPath">, error: S3Error): Content {
  return [
    element("Code", error.code),
    element("Message", error.message),
    element("Resource", request.rawPath),
    element("RequestId", request.id),
  ];
}

/**
 * Answers with an error. A body that was not read is drained before the connection is closed, unless the client
 * still waits for `100 Continue` and sends none.
 */
export async function sendError(
  request: Pick<S3Request, "id" | "rawPath" | "wantsJson" | "message">,
  response: ServerResponse,
  error: S3Error,
  isAwaitingContinue: boolean,
): Promise<void> {
  const body = Buffer.from(errorBody(request, error));
  const isUnread = hasUnreadBody(request.message);
  writeHead(response, error.status, {
    "Content-Type": request.wantsJson ? "application/json" : "application/xml",
    "Content-Length": body.length,
    Connection: isUnread ? "close" : undefined,
    "Retry-After": error.code === "SlowDown" ? 1 : undefined,
    ...error.headers,
  });
  if (!isUnread || isAwaitingContinue) {
    response.end(body);
    return;
  }
  // Ending the answer first would reset the connection under a client that is still sending.
  response.write(body);
  await drain(request.message);
  response.end();
}

function errorBody(request: Pick<S3Request, "id" | "rawPath" | "wantsJson">, error: S3Error): string {
  if (!request.wantsJson) return xmlDocument("Error", errorContent(request, error));
  return JSON.stringify({
    error: error.code.replace(/(?<=[a-z])(?=[A-Z])/g, "_").toLowerCase(),
    message: error.message || STATUS_CODES[error.status],
    details: { code: error.code, resource: request.rawPath },
    correlation_id: request.id,
  });
}

function hasUnreadBody(message: S3Request["message"]): boolean {
  const { "content-length": length, "transfer-encoding": encoding } = message.headers;
  return !message.complete && (encoding !== undefined || Number(length ?? 0) > 0);
}

function drain(message: S3Request["message"]): Promise<void> {
  return new Promise((resolve) => {
    let taken = 0;
    const onData = (chunk: Uint8Array): void => {
      taken += chunk.length;
      if (taken > drainBytes) stop();
    };
    const stop = (): void => {
      clearTimeout(timer);
      message.off("data", onData).off("end", stop).off("close", stop);
      resolve();
    };
    const timer = setTimeout(stop, drainMs);
    message.on("data", onData).on("end", stop).on("close", stop).resume();
    if (message.destroyed || message.readableEnded) stop();
  });
}
