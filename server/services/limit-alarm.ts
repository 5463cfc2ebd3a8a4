import type { Logger } from "pino";
import type { Health } from "@simpletuner-cloud/contract/system.ts";
import type { ServerEventStore } from "../db/stores/server-events.ts";

/** While the store does not answer, one request in this time asks it; the others do not wait for it. */
const askAgainMs = 1_000;
/** A store that comes and goes makes at most one pair of events in this time. */
const tellAgainMs = 60_000;

/** What the alarm needs. */
export interface LimitAlarmOptions {
  log: Logger;
  serverEvents: ServerEventStore;
  monotonicMs?: () => number;
}

/**
 * Knows whether requests can be counted, and raises the alarm when they cannot: in the log, in the health, and as an
 * event that the audit keeps.
 */
export function limitAlarm({ log, serverEvents, monotonicMs = () => performance.now() }: LimitAlarmOptions) {
  let sinceMs: number | null = null;
  let askAtMs = 0;
  let toldAtMs = Number.NEGATIVE_INFINITY;
  let isTold = false;
  let unchecked = 0;
  let silent = "";
  const tell = (type: "rate_limits.suspended" | "rate_limits.resumed", data: Record<string, unknown>): void =>
    void serverEvents
      .append(type, data)
      .catch((error: unknown) => log.error({ err: error }, `the event ${type} was not written down`));
  return {
    /** Whether to ask the store; while it does not answer, seldom. */
    mayAsk(): boolean {
      if (sinceMs === null) return true;
      const nowMs = monotonicMs();
      if (nowMs < askAtMs) return false;
      askAtMs = nowMs + askAgainMs;
      return true;
    },
    /** A request was let through uncounted. */
    uncounted: (): void => void unchecked++,
    answered(): void {
      if (sinceMs === null) return;
      const seconds = Math.round((monotonicMs() - sinceMs) / 1_000);
      log.warn({ seconds, unchecked }, "requests are counted again");
      if (isTold) tell("rate_limits.resumed", { seconds, unchecked });
      sinceMs = null;
    },
    /** The store did not answer; `reason` in words that name no address. */
    failed(error: unknown, reason: string): void {
      const nowMs = monotonicMs();
      askAtMs = nowMs + askAgainMs;
      silent = reason;
      if (sinceMs !== null) return;
      sinceMs = nowMs;
      unchecked = 0;
      log.error(
        { err: error },
        "requests are not limited: the state backend does not answer; sign-in is closed until it does",
      );
      isTold = nowMs - toldAtMs >= tellAgainMs;
      if (!isTold) return;
      toldAtMs = nowMs;
      tell("rate_limits.suspended", { reason });
    },
    /** How long nothing has been counted; null while all is well. */
    silentMs: (): number | null => (sinceMs === null ? null : monotonicMs() - sinceMs),
    /** Shown to anybody. */
    health: (): Health["components"][number] => ({
      name: "rate_limits",
      status: sinceMs === null ? "healthy" : "degraded",
      latency_ms: null,
      message:
        sinceMs === null
          ? "Requests are counted"
          : `Requests are not limited and nobody can sign in: the state backend does not answer (${silent})`,
    }),
  };
}

/** See {@link limitAlarm}. */
export type LimitAlarm = ReturnType<typeof limitAlarm>;
