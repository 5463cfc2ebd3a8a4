import { setTimeout as delay } from "node:timers/promises";
import {
  admitCall,
  afterCall,
  type CallOutcome,
  type Circuit,
  type CircuitRules,
  circuitState,
  type CircuitState,
  newCircuit,
} from "../../domain/circuit.ts";
import { absent, type StateStore } from "../state/state.ts";

/** Where circuits are remembered: the state that all replicas share, or this process alone. */
export type CircuitRecords = Pick<StateStore, "get" | "set" | "delete">;

/** A circuit as it stands. */
export interface CircuitView {
  name: string;
  state: CircuitState;
  failures: number;
  successes: number;
  lastFailureMs: number | null;
  /** Until trials begin; null unless it is open. */
  retryAfterMs: number | null;
  /** Calls of this process since its start. */
  failuresTotal: number;
  successesTotal: number;
}

/** Keeps calls away from a service that fails, in every replica. */
export interface CircuitBreaker {
  readonly name: string;
  /** Lets a call through, which must end with `leave`; null: not now. */
  enter(): Promise<EnteredCall | null>;
  /** What is known now. */
  view(): Promise<CircuitView>;
  /** Forgets everything: calls go through at once. */
  reset(): Promise<void>;
}

/** A call that was let through. */
export interface EnteredCall {
  leave(outcome: CallOutcome): Promise<void>;
}

/** A circuit of which nothing was heard for so long is forgotten. */
const rememberedMs = 3_600_000;
/** Of changes at the same moment one comes first and the others are made on what it left. */
const mostTries = 20;

/** The record of one circuit, which several replicas read and change. */
function circuitRecord(key: string, rules: CircuitRules, records: CircuitRecords, now: () => number) {
  const read = async (): Promise<{ circuit: Circuit; version: string | null }> => {
    const found = await records.get(key);
    if (!found) return { circuit: newCircuit, version: absent };
    return { circuit: withinReach(JSON.parse(found.value) as Circuit, now(), rules), version: found.version };
  };
  return {
    read,
    /** Changes the circuit on what it is at that moment; `next` answers the same circuit to leave it alone. */
    async change(next: (circuit: Circuit) => Circuit): Promise<void> {
      for (let tries = 0; tries < mostTries; tries++) {
        const { circuit, version } = await read();
        const changed = next(circuit);
        if (changed === circuit) return;
        if (await records.set(key, JSON.stringify(changed), rememberedMs, version)) return;
        await delay(Math.random() * 5 * tries);
      }
    },
  };
}

/**
 * The breaker of one service. Should the shared state not answer, calls go through: it protects, and must not be what
 * fails.
 */
export function circuitBreaker(
  name: string,
  rules: CircuitRules,
  records: CircuitRecords,
  now: () => number = Date.now,
): CircuitBreaker {
  const key = `circuit:${name}`;
  const record = circuitRecord(key, rules, records, now);
  const totals = { failures: 0, successes: 0 };
  const admit = async (): Promise<{ isTrial: boolean } | null> => {
    const { circuit } = await record.read();
    if (circuitState(circuit, now()) === "closed") return { isTrial: false };
    const places: ({ isTrial: boolean } | null)[] = [];
    await record.change((latest) => {
      const place = admitCall(latest, now());
      places.push(place);
      return place?.circuit ?? latest;
    });
    return places.at(-1) ?? null;
  };
  return {
    name,
    async enter() {
      const admitted = await admit().catch(() => ({ isTrial: false }));
      if (!admitted) return null;
      return {
        async leave(outcome) {
          if (outcome !== "neither") totals[outcome === "worked" ? "successes" : "failures"]++;
          const call = { outcome, isTrial: admitted.isTrial };
          await record.change((circuit) => afterCall(circuit, call, now(), rules)).catch(() => undefined);
        },
      };
    },
    view: async () => viewOf(name, (await record.read()).circuit, now(), totals),
    async reset() {
      await records.delete(key);
    },
  };
}

function viewOf(
  name: string,
  circuit: Circuit,
  nowMs: number,
  totals: { failures: number; successes: number },
): CircuitView {
  const { failures, successes, openUntilMs, lastFailureMs } = circuit;
  const state = circuitState(circuit, nowMs);
  return {
    name,
    state,
    failures,
    successes,
    lastFailureMs,
    retryAfterMs: state === "open" && openUntilMs !== null ? openUntilMs - nowMs : null,
    failuresTotal: totals.failures,
    successesTotal: totals.successes,
  };
}

/** A circuit whose end lies further away than any could put it was written by another clock: it is tried at once. */
function withinReach(circuit: Circuit, nowMs: number, { openMs }: CircuitRules): Circuit {
  const { openUntilMs } = circuit;
  if (openUntilMs === null || openUntilMs <= nowMs + openMs) return circuit;
  return { ...circuit, openUntilMs: nowMs };
}

/** Circuits of this process alone. */
export function ownCircuitRecords(): CircuitRecords {
  const values = new Map<string, { value: string; version: string }>();
  let version = 0;
  return {
    get: async (key) => values.get(key) ?? null,
    async set(key, value, _ttlMs, ifVersion) {
      if (ifVersion !== undefined && (values.get(key)?.version ?? null) !== ifVersion) return false;
      values.set(key, { value, version: String(++version) });
      return true;
    },
    delete: async (key) => values.delete(key),
  };
}
