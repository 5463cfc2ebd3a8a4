import { Readable } from "node:stream";
import type { OutboundRequest, OutboundService } from "../../outbound/outbound-http.ts";

/** A request of the SDK as its handlers get it. */
interface SdkRequest {
  method: string;
  protocol: string;
  hostname: string;
  port?: number;
  path: string;
  query?: Record<string, string | string[] | null>;
  headers: Record<string, string>;
  body?: unknown;
}

/** Completing an upload of many parts may take a service minutes. */
const patienceMs = 5 * 60_000;

/**
 * Sends the SDK's requests the way every call to a service outside goes: through the proxy, with the certificates and
 * retries of the settings. Each of them may be repeated: S3's are made for that.
 */
export function sdkRequestHandler(http: OutboundService) {
  return {
    async handle(request: SdkRequest, options: { abortSignal?: AbortSignal } = {}) {
      const answer = await http.text({
        method: methodOf(request.method),
        url: urlOf(request),
        headers: headersOf(request),
        ...bodyOf(request.body),
        repeat: "safe",
        patienceMs,
        ...(options.abortSignal && { signal: options.abortSignal }),
      });
      const body = Readable.from(answer.body === "" ? [] : [Buffer.from(answer.body)]);
      return { response: { statusCode: answer.status, headers: { ...answer.headers }, body } };
    },
    destroy() {},
  };
}

function methodOf(method: string): OutboundRequest["method"] {
  const known = (["GET", "HEAD", "POST", "PUT", "DELETE"] as const).find((each) => each === method);
  if (known === undefined) throw new Error(`${method} is no request of a delivery`);
  return known;
}

function urlOf({ protocol, hostname, port, path, query = {} }: SdkRequest): string {
  const parts = Object.entries(query).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((each) =>
      each === null ? encoded(name) : `${encoded(name)}=${encoded(each)}`,
    ),
  );
  const host = port === undefined ? hostname : `${hostname}:${port}`;
  return `${protocol}//${host}${path}${parts.length === 0 ? "" : `?${parts.join("&")}`}`;
}

/** As the SDK signs it: RFC 3986. */
function encoded(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** Without what the connection decides itself. */
function headersOf({ headers }: SdkRequest): Record<string, string> {
  const left = Object.entries(headers)
    .map(([name, value]) => [name.toLowerCase(), value] as const)
    .filter(([name]) => name !== "expect" && name !== "content-length");
  return Object.fromEntries(left);
}

function bodyOf(body: unknown): Pick<OutboundRequest, "body"> {
  if (body === undefined || body === null) return {};
  if (typeof body === "string") return { body };
  if (!(body instanceof Uint8Array)) throw new Error("a delivery's bodies are texts and bytes");
  return {
    body: {
      sizeBytes: body.byteLength,
      async *open() {
        yield body;
      },
    },
  };
}
