import { createHash, createHmac } from "node:crypto";
import { type IncomingHttpHeaders, request } from "node:http";
import { testPathPrefix } from "./s3-test-server.ts";

/** A request as a test wants it on the wire; everything has a default that a good client would send. */
export interface RawRequest {
  port: number;
  method?: string;
  /** Path and query after the mount point, sent as it is: `/outputs/k?x=1`. */
  resource: string;
  /** Full path instead of the mount point and the resource's path. */
  path?: string;
  headers?: Record<string, string>;
  body?: Buffer | string;
  /** Credentials; null sends no signature at all. */
  accessKeyId?: string | null;
  secret?: string;
  dateMs?: number;
  payloadHash?: string;
  /** What is signed instead of what is sent. */
  signed?: { path?: string; host?: string; headers?: Record<string, string> };
  /** Headers that are sent but not signed. */
  unsignedHeaders?: Record<string, string>;
}

/** A whole answer. */
export interface RawResponse {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
  text: string;
  /** `Code` of an XML error. */
  code: string | undefined;
}

/** Signs with its own implementation of Signature Version 4 and sends; the answer is read whole. */
export function sendRaw(raw: RawRequest): Promise<RawResponse> {
  const [resourcePath = "", query = ""] = raw.resource.split("?");
  const path = raw.path ?? testPathPrefix + resourcePath;
  const body = Buffer.from(raw.body ?? "");
  const headers = signedHeaders(raw, path, query, body);
  const fullPath = query === "" ? path : `${path}?${query}`;
  return new Promise((resolve, reject) => {
    const { port, method = "GET" } = raw;
    const outgoing = request(
      { host: "127.0.0.1", port, method, path: fullPath, headers, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject).on("end", () => {
          const whole = Buffer.concat(chunks);
          const text = whole.toString();
          const code = /<Code>(\w+)<\/Code>/.exec(text)?.[1];
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: whole, text, code });
        });
      },
    );
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

/** All headers of a request, with its Authorization. */
export function signedHeaders(
  raw: RawRequest,
  path: string,
  query: string,
  body: Buffer,
): Record<string, string> {
  const method = raw.method ?? "GET";
  const host = `127.0.0.1:${raw.port}`;
  const sizes: Record<string, string> =
    method === "GET" || method === "HEAD" ? {} : { "content-length": String(body.length) };
  const dateTime = new Date(raw.dateMs ?? Date.now()).toISOString().replace(/[-:]|\.\d+/g, "");
  const payloadHash = raw.payloadHash ?? createHash("sha256").update(body).digest("hex");
  if (raw.accessKeyId === null) return { host, ...sizes, ...raw.headers, ...raw.unsignedHeaders };
  const signed: Record<string, string> = {
    host,
    "x-amz-content-sha256": payloadHash,
    "x-amz-date": dateTime,
    ...raw.headers,
  };
  const canonicalHeaders: Record<string, string> = {
    ...signed,
    host: raw.signed?.host ?? host,
    ...raw.signed?.headers,
  };
  const names = Object.keys(canonicalHeaders)
    .map((name) => name.toLowerCase())
    .sort();
  const values = new Map(
    Object.entries(canonicalHeaders).map(([name, value]) => [name.toLowerCase(), value.trim()]),
  );
  const pairs = query === "" ? [] : query.split("&").map((pair) => (pair.includes("=") ? pair : `${pair}=`));
  const canonical = [
    method,
    raw.signed?.path ?? path,
    pairs.sort().join("&"),
    ...names.map((name) => `${name}:${values.get(name) ?? ""}`),
    "",
    names.join(";"),
    payloadHash,
  ].join("\n");
  const scope = `${dateTime.slice(0, 8)}/auto/s3/aws4_request`;
  const digest = createHash("sha256").update(canonical).digest("hex");
  const signature = hmac(
    signingKey(raw.secret ?? "job1-secret", scope),
    ["AWS4-HMAC-SHA256", dateTime, scope, digest].join("\n"),
  );
  const credential = `${raw.accessKeyId ?? "job1-key"}/${scope}`;
  const authorization = `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${names.join(";")}, Signature=${signature.toString("hex")}`;
  return { ...signed, ...sizes, ...raw.unsignedHeaders, authorization };
}

function signingKey(secret: string, scope: string): Buffer {
  const [day = "", region = "", service = "", end = ""] = scope.split("/");
  return hmac(hmac(hmac(hmac(`AWS4${secret}`, day), region), service), end);
}

function hmac(key: Buffer | string, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

/** `data` in aws-chunked framing without signatures, with trailers. */
export function framed(chunks: readonly (Buffer | string)[], trailers: Record<string, string> = {}): Buffer {
  const pieces: Buffer[] = [];
  for (const chunk of chunks) {
    const data = Buffer.from(chunk);
    pieces.push(Buffer.from(`${data.length.toString(16)}\r\n`), data, Buffer.from("\r\n"));
  }
  const lines = Object.entries(trailers).map(([name, value]) => `${name}:${value}\r\n`);
  pieces.push(Buffer.from(`0\r\n${lines.join("")}\r\n`));
  return Buffer.concat(pieces);
}
