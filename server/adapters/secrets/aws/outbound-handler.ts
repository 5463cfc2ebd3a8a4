import { Readable } from "node:stream";
import type { SecretsManagerClientConfig } from "@aws-sdk/client-secrets-manager";
import type { OutboundService } from "../../outbound/outbound-http.ts";

type Handler = Exclude<SecretsManagerClientConfig["requestHandler"], undefined>;

/** A request of the SDK as far as it is used. */
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

/** An answer longer than this is no secret. */
const longestAnswerBytes = 1 << 20;

/** Sends the SDK's requests the way every call goes out: proxy, certificates, time limit and breaker of the settings. */
export function outboundHandler(http: OutboundService): Handler {
  return {
    async handle(request: SdkRequest) {
      const { body } = request;
      const sent = {
        method: "POST",
        url: urlOf(request),
        headers: sentHeaders(request.headers),
        body: typeof body === "string" ? body : new TextDecoder().decode(body as Uint8Array | undefined),
        repeat: "safe",
      } as const;
      const answer = await http.text(sent, longestAnswerBytes);
      const stream = Readable.from([Buffer.from(answer.body)]);
      return { response: { statusCode: answer.status, headers: answer.headers, body: stream } };
    },
  } as Handler;
}

function urlOf({ protocol, hostname, port, path, query }: SdkRequest): string {
  const url = new URL(`${protocol}//${hostname}${port ? `:${port}` : ""}${path}`);
  for (const [name, value] of Object.entries(query ?? {}))
    for (const each of [value].flat()) url.searchParams.append(name, each ?? "");
  return url.href;
}

/** The host and the length are the connection's own, and equal to what was signed. */
function sentHeaders(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !/^(host|content-length)$/i.test(name)),
  );
}
