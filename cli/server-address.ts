import { randomUUID } from "node:crypto";
import { apiClient, ApiError, type ApiClient } from "@simpletuner-cloud/contract/client.ts";
import { CommandFailure, usageExitCode, type Io } from "./io.ts";

/** Port the server listens on unless told otherwise. */
export const defaultPort = 8001;

/** A server the CLI talks to. */
export interface ServerConnection {
  /** Without a slash at the end. */
  readonly baseUrl: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly call: ApiClient;
  /** What `call` fetches with: ends at Ctrl-C and after a while without an answer. */
  readonly fetcher: typeof fetch;
  /** Opens a stream; the caller's signal is the only time limit. */
  readonly open: (path: string, headers: Record<string, string>, signal: AbortSignal) => Promise<Response>;
}

/** Longest wait for an ordinary answer. */
const callTimeoutMs = 30_000;
/** Planning and submitting read whole dataset folders first, as a check of the database reads all of it. */
const longTimeoutMs = 15 * 60_000;

/**
 * The server's address: `--server`, else `SIMPLETUNER_HOST` and `SIMPLETUNER_PORT`
 * (127.0.0.1:8001), over https when `SIMPLETUNER_SSL_ENABLED` is true; a server with a certificate answers this machine in plain.
 */
export function serverUrl(option: string | undefined, env: NodeJS.ProcessEnv): string {
  if (option !== undefined) {
    const url = URL.canParse(option) ? new URL(option) : null;
    if (url === null || !/^https?:$/.test(url.protocol)) {
      throw new CommandFailure(
        `--server: "${option}" is not a URL like http://127.0.0.1:8001`,
        usageExitCode,
      );
    }
    return `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
  }
  const port = env["SIMPLETUNER_PORT"] || String(defaultPort);
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) {
    throw new CommandFailure(`SIMPLETUNER_PORT: "${port}" is not a port number`, usageExitCode);
  }
  const scheme = env["SIMPLETUNER_SSL_ENABLED"] === "true" ? "https" : "http";
  return `${scheme}://${reachableHost(env["SIMPLETUNER_HOST"] || "127.0.0.1")}:${port}`;
}

/** An address to connect to for a host to listen on: the wildcard addresses mean this machine. */
export function reachableHost(host: string): string {
  if (host === "0.0.0.0" || host === "::" || host === "[::]") return "127.0.0.1";
  return host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
}

/** Connects to the server at `baseUrl` with the API key of the environment; sends nothing yet. Ctrl-C ends every call. */
export function connectTo(baseUrl: string, io: Pick<Io, "env" | "interrupted">): ServerConnection {
  const key = io.env["SIMPLETUNER_API_KEY"];
  // One id for all that a command does, for finding it in the server's log.
  const headers: Record<string, string> = {
    "x-correlation-id": randomUUID().slice(-12),
    ...(key && { "x-api-key": key }),
  };
  if (io.env["SIMPLETUNER_SSL_NO_VERIFY"] === "true") process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
  const timedFetch: typeof fetch = (input, init) => {
    const slow = /\/(preview|submit|retry|database\/(verify|vacuum)\/\w+)(\?|$)/.test(String(input));
    const limits = [AbortSignal.timeout(slow ? longTimeoutMs : callTimeoutMs), io.interrupted];
    if (init?.signal) limits.push(init.signal);
    return fetch(input, { ...init, signal: AbortSignal.any(limits) });
  };
  return {
    baseUrl,
    headers,
    fetcher: timedFetch,
    call: apiClient(baseUrl, headers, timedFetch),
    open: (path, extra, signal) => fetch(baseUrl + path, { headers: { ...headers, ...extra }, signal }),
  };
}

/** The sentence a person reads for any error of a command. */
export function sentenceOf(error: unknown): string {
  if (error instanceof ApiError) {
    if (error.code === "unreachable") return `${error.message} Start it with: npx simpletuner-cloud server`;
    if (
      error.code === "internal" &&
      error.correlationId !== "" &&
      !error.message.includes(error.correlationId)
    ) {
      return `${error.message} Correlation id: ${error.correlationId}`;
    }
    if (error.code === "authentication_error" || error.code === "credential_refused")
      return `${error.message} The command line sends SIMPLETUNER_API_KEY; make one with: npx simpletuner-cloud auth keys create laptop --username <you>`;
    return error.message;
  }
  return error instanceof Error ? error.message : String(error);
}
