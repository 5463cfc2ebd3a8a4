import type { Readable } from "node:stream";

/** A body that is read from where it lies, from its beginning for each attempt. */
export interface StreamedBody {
  readonly sizeBytes: number;
  open(): AsyncIterable<Uint8Array>;
}

/** One call to a service outside. */
export interface OutboundRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "DELETE";
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | StreamedBody;
  /**
   * `safe`: sent again after any passing failure. `once`: sent again only when the failure proves that nothing was
   * done, for calls that would do their work twice.
   */
  readonly repeat: "safe" | "once";
  /** Goes along as X-Correlation-ID; default: a new one of 12 characters (CONTRACT 0.3). */
  readonly correlationId?: string;
  /** So long the service may think before it answers; default: the settings' time limit. */
  readonly patienceMs?: number;
  readonly signal?: AbortSignal;
}

/** What a service answered; any status, after the retries that were due. */
export interface OutboundAnswer<Body> {
  readonly status: number;
  /** Names in small letters. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Body;
}

/**
 * Calls one service: with the proxy, certificates and time limit of the settings, bounded retries, and a circuit
 * breaker of its own. Throws {@link OutboundError} when no answer came, and the signal's reason.
 */
export interface OutboundService {
  /** The whole answer as text; throws `too_large` beyond `maxBytes` (default 8 MiB). */
  text(request: OutboundRequest, maxBytes?: number): Promise<OutboundAnswer<string>>;
  /** The answer as it comes; of one that is not 2xx the beginning as text. Read or destroy the stream. */
  download(request: OutboundRequest): Promise<OutboundAnswer<Readable | string>>;
}

/** Why no answer came. */
export type OutboundProblem =
  | "not_reached"
  | "untrusted_certificate"
  | "proxy_refused"
  | "cut_off"
  | "silent"
  | "too_large"
  | "address_refused"
  | "circuit_open";

const sentences: Record<OutboundProblem, string> = {
  not_reached: "cannot be reached",
  untrusted_certificate:
    "has a certificate that is not trusted; name your authority's file in SIMPLETUNER_CA_BUNDLE",
  proxy_refused: "is not reachable through the proxy",
  cut_off: "cut the connection",
  silent: "did not answer in time",
  too_large: "answered more than can be taken",
  address_refused:
    "leads to an address that is not on the internet; an administrator can allow it with SIMPLETUNER_ALLOW_PRIVATE_ADDRESSES",
  circuit_open: "failed several times in a row and is left alone for a moment",
};

/** A call without an answer. The message names host and code, never what was sent: that may hold a secret. */
export class OutboundError extends Error {
  readonly problem: OutboundProblem;
  /** False when the service certainly did nothing. */
  readonly mayHaveActed: boolean;

  constructor(host: string, problem: OutboundProblem, code: string | null) {
    super(`${host} ${sentences[problem]}${code === null ? "" : ` (${code})`}.`);
    this.name = "OutboundError";
    this.problem = problem;
    this.mayHaveActed = problem === "cut_off" || problem === "silent" || problem === "too_large";
  }

  /** True for what may be over in a moment, false for what somebody has to set right. */
  get isPassing(): boolean {
    return (
      this.problem !== "untrusted_certificate" &&
      this.problem !== "proxy_refused" &&
      this.problem !== "address_refused" &&
      this.problem !== "too_large"
    );
  }
}
