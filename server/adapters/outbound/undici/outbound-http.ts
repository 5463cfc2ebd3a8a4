import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import type { OutboundConfig } from "../../../config/outbound.ts";
import type { CallOutcome, CircuitRules } from "../../../domain/circuit.ts";
import {
  type OutboundAnswer,
  OutboundError,
  type OutboundRequest,
  type OutboundService,
} from "../outbound-http.ts";
import { type AddressGuard, addressGuard, AddressRefused } from "../address-guard.ts";
import {
  circuitBreaker,
  type CircuitBreaker,
  type CircuitRecords,
  ownCircuitRecords,
} from "../circuit-breaker.ts";
import { followConnections, type FollowedConnections, type FollowOptions } from "./connections.ts";
import { tracedCall } from "../traced-call.ts";
import { asOutboundError, type RawAnswer, sendRequest } from "./send-request.ts";

/** Retries and breaker (CONTRACT 2.12); tests shorten the waits. */
export interface Resilience extends CircuitRules {
  retries: number;
  firstWaitMs: number;
}

const usual: Resilience = {
  retries: 3,
  firstWaitMs: 1_000,
  failuresToOpen: 5,
  successesToClose: 2,
  openMs: 30_000,
};

/** Statuses after which the same request may go through a moment later. */
const passing = new Set([429, 500, 502, 503, 504]);
/** A service that asks to wait longer than this gets no further attempt now. */
const longestWaitMs = 120_000;
/** Most of an answer that is only read for its reason. */
const reasonBytes = 64 << 10;
const usualAnswerBytes = 8 << 20;

type Answer = OutboundAnswer<Readable | string>;

/** How one service is called. */
export interface ServiceOptions extends Partial<Resilience> {
  /** The name of its circuit breaker; services of one name share it, in every replica. */
  name?: string;
  /** Its own network settings, asked for at each call; default: those that all share. */
  network?: () => Promise<OutboundConfig>;
}

/** What tests put in the place of the usual. */
export interface OutboundHttpOptions {
  guard?: AddressGuard;
  /** Where circuits are remembered; default: in this process alone. */
  circuits?: CircuitRecords;
}

/**
 * Makes callers of outside services, each with a circuit breaker. `resilience` is for tests: it comes before what a
 * service asks for.
 */
export function outboundHttp(
  settings: OutboundConfig,
  resilience: Partial<Resilience> = {},
  {
    guard = addressGuard(settings.allowedAddresses),
    circuits = ownCircuitRecords(),
  }: OutboundHttpOptions = {},
) {
  const opened: FollowedConnections[] = [];
  const breakers = new Map<string, CircuitBreaker>();
  const follow = (network: () => Promise<OutboundConfig>, more: FollowOptions = {}): FollowedConnections => {
    const connections = followConnections(network, more);
    opened.push(connections);
    return connections;
  };
  const shared = follow(async () => settings);
  const breakerOf = (name: string, rules: CircuitRules): CircuitBreaker => {
    const breaker = breakers.get(name) ?? circuitBreaker(name, rules, circuits);
    breakers.set(name, breaker);
    return breaker;
  };
  return {
    service({
      network,
      name = `service-${breakers.size + 1}`,
      ...own
    }: ServiceOptions = {}): OutboundService {
      const rules = { ...usual, ...own, ...resilience };
      const breaker = breakerOf(name, rules);
      // What failed on the old way says nothing of the new one.
      const onChanged = () => breaker.reset().catch(() => undefined);
      const connections = network ? follow(network, { onChanged }) : shared;
      return outboundService(connections, rules, breaker, name);
    },
    /**
     * A caller for addresses that a user names: a webhook to test, somebody's bucket, a callback. It connects only to
     * addresses on the internet, and to those that SIMPLETUNER_ALLOW_PRIVATE_ADDRESSES allows; what the name leads to is
     * decided on the connection that is then used, so that a name that changes its mind gains nothing. Anything else
     * fails with the {@link OutboundError} `address_refused` before a byte is sent. Redirects are answers and never
     * followed. One bad address does not shut out others: there is no circuit breaker.
     */
    guarded({ network = async () => settings, ...own }: Omit<ServiceOptions, "name"> = {}): OutboundService {
      return outboundService(
        follow(network, { guard }),
        { ...usual, ...own, ...resilience },
        null,
        "guarded",
      );
    },
    /**
     * Throws the {@link OutboundError} `address_refused` for an address that `guarded` would not call as things are now,
     * so that somebody who enters it hears of it at once. A name that leads nowhere passes: it may tomorrow.
     */
    async checkAddress(address: string): Promise<void> {
      const { host, hostname } = new URL(address);
      try {
        guard.checkHost(hostname);
        await new Promise<void>((done, failed) =>
          guard.lookup(hostname, {}, (error) => (error instanceof AddressRefused ? failed(error) : done())),
        );
      } catch (error) {
        throw asOutboundError(host, error);
      }
    },
    /** The breakers of the services, by name. */
    breakers: (): readonly CircuitBreaker[] => [...breakers.values()],
    /** Ends the connections; calls under way fail. */
    async close(): Promise<void> {
      await Promise.all(opened.map((connections) => connections.destroy()));
    },
  };
}

function outboundService(
  connections: FollowedConnections,
  resilience: Resilience,
  breaker: CircuitBreaker | null,
  name: string,
): OutboundService {
  const attempt = async <Result extends Answer>(
    request: OutboundRequest,
    read: (raw: RawAnswer) => Promise<Result>,
  ): Promise<Result> => {
    const taken = await connections.take(request.url);
    try {
      return await guardedBy(breaker, request, async () => read(await sendRequest(taken, request)));
    } finally {
      taken.giveBack();
    }
  };
  const call = <Result extends Answer>(request: OutboundRequest, read: (raw: RawAnswer) => Promise<Result>) =>
    withRetries(request, resilience, (made) =>
      tracedCall({ request, name, made }, (traced) => attempt(traced, read)),
    );
  return {
    text: (request, maxBytes = usualAnswerBytes) =>
      call(request, async (raw) => ({ ...raw, body: await readText(request, raw, maxBytes) })),
    download: (request) =>
      call<Answer>(request, async (raw) =>
        raw.status >= 200 && raw.status < 300
          ? raw
          : { ...raw, body: await readText(request, raw, reasonBytes, "cut") },
      ),
  };
}

/** Makes a call if the breaker lets it through, and tells it what became of it. */
async function guardedBy<Result extends Answer>(
  breaker: CircuitBreaker | null,
  request: OutboundRequest,
  work: () => Promise<Result>,
): Promise<Result> {
  if (!breaker) return work();
  const entered = await breaker.enter();
  if (!entered) throw new OutboundError(new URL(request.url).host, "circuit_open", null);
  let outcome: CallOutcome = "neither";
  try {
    const answer = await work();
    outcome = answer.status >= 500 ? "failed" : "worked";
    return answer;
  } catch (error) {
    if (error instanceof OutboundError && error.isPassing) outcome = "failed";
    throw error;
  } finally {
    await entered.leave(outcome);
  }
}

async function withRetries<Result extends Answer>(
  request: OutboundRequest,
  { retries, firstWaitMs }: Resilience,
  attempt: (made: number) => Promise<Result>,
): Promise<Result> {
  for (let made = 0; ; made++) {
    const outcome = await attempt(made).catch((error: unknown) => {
      if (error instanceof OutboundError) return error;
      throw error;
    });
    const asked = mayRepeat(request, outcome) ? waitAskedMs(outcome) : null;
    if (asked === null || made === retries || asked > longestWaitMs) {
      if (outcome instanceof OutboundError) throw outcome;
      return outcome;
    }
    // Up to a quarter more, so that many callers do not come back at the same moment.
    const waitMs = Math.max(firstWaitMs * 2 ** made, asked) * (1 + Math.random() / 4);
    await delay(waitMs, undefined, request.signal ? { signal: request.signal } : {}).catch(() =>
      request.signal?.throwIfAborted(),
    );
  }
}

function mayRepeat({ repeat }: OutboundRequest, outcome: Answer | OutboundError): boolean {
  if (outcome instanceof OutboundError)
    return (
      outcome.isPassing && outcome.problem !== "circuit_open" && (repeat === "safe" || !outcome.mayHaveActed)
    );
  return passing.has(outcome.status) && (repeat === "safe" || outcome.status === 429);
}

/** How long the service asks to wait, 0 when it does not say: Retry-After, or Replicate's body (`retry_after`, "resets in ~5s"). */
function waitAskedMs(outcome: Answer | OutboundError): number {
  if (outcome instanceof OutboundError) return 0;
  const header = outcome.headers["retry-after"];
  if (header !== undefined) {
    const seconds = Number(header);
    return Number.isFinite(seconds) ? seconds * 1_000 : Math.max(0, Date.parse(header) - Date.now()) || 0;
  }
  if (typeof outcome.body !== "string") return 0;
  const found =
    /"retry_after"\s*:\s*(\d+(?:\.\d+)?)/.exec(outcome.body) ??
    /resets in ~?(\d+(?:\.\d+)?)\s*s/.exec(outcome.body);
  return found ? Number(found[1]) * 1_000 : 0;
}

/** Reads a body; one that is too long is refused, or cut where only its beginning matters. */
async function readText(
  request: OutboundRequest,
  raw: RawAnswer,
  maxBytes: number,
  beyond: "refuse" | "cut" = "refuse",
): Promise<string> {
  const { host } = new URL(request.url);
  const pieces: Buffer[] = [];
  let size = 0;
  try {
    for await (const piece of raw.body as AsyncIterable<Buffer>) {
      size += piece.length;
      if (size > maxBytes && beyond === "refuse")
        throw new OutboundError(host, "too_large", `${maxBytes} bytes`);
      pieces.push(piece);
      if (size > maxBytes) break;
    }
  } catch (error) {
    request.signal?.throwIfAborted();
    throw asOutboundError(host, error);
  }
  return Buffer.concat(pieces).toString("utf8");
}

/** See {@link outboundHttp}. */
export type OutboundHttp = ReturnType<typeof outboundHttp>;
