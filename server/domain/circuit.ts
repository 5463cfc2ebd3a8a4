/** When a circuit opens and closes (CONTRACT 2.12). */
export interface CircuitRules {
  /** Failures in a row until calls are refused. */
  failuresToOpen: number;
  /** Trial calls that must work until all are let through again. */
  successesToClose: number;
  /** So long calls are refused before trials begin. */
  openMs: number;
}

/** What is remembered of the calls to one service. */
export interface Circuit {
  /** In a row, while it is closed. */
  failures: number;
  /** Of trials, while it is half open. */
  successes: number;
  /** Null: closed. Open until then, half open from then on. */
  openUntilMs: number | null;
  /** When the place of each trial under way is given to another, should it never tell how it ended. */
  trialsUntilMs: readonly number[];
  lastFailureMs: number | null;
}

/** A circuit of which nothing is known. */
export const newCircuit: Circuit = {
  failures: 0,
  successes: 0,
  openUntilMs: null,
  trialsUntilMs: [],
  lastFailureMs: null,
};

/** Trials at the same moment (CONTRACT 2.12). */
const mostTrials = 3;
const trialMs = 60_000;

/** What calls may do now. */
export type CircuitState = "closed" | "open" | "half_open";

/** How a call ended; `neither`: it tells nothing of the service, as one that was given up. */
export type CallOutcome = "worked" | "failed" | "neither";

/** The state at a moment. */
export function circuitState({ openUntilMs }: Circuit, nowMs: number): CircuitState {
  if (openUntilMs === null) return "closed";
  return nowMs < openUntilMs ? "open" : "half_open";
}

/** Lets a call through, as a trial where the circuit is half open; null: not now. */
export function admitCall(circuit: Circuit, nowMs: number): { circuit: Circuit; isTrial: boolean } | null {
  const state = circuitState(circuit, nowMs);
  if (state === "closed") return { circuit, isTrial: false };
  const trials = circuit.trialsUntilMs.filter((untilMs) => untilMs > nowMs);
  if (state === "open" || trials.length >= mostTrials) return null;
  return { circuit: { ...circuit, trialsUntilMs: [...trials, nowMs + trialMs] }, isTrial: true };
}

/** The circuit after a call; the same one where the call changes nothing. */
export function afterCall(
  circuit: Circuit,
  call: { outcome: CallOutcome; isTrial: boolean },
  nowMs: number,
  rules: CircuitRules,
): Circuit {
  const state = circuitState(circuit, nowMs);
  const opened = { ...newCircuit, openUntilMs: nowMs + rules.openMs, lastFailureMs: nowMs };
  if (state === "closed") {
    if (call.outcome === "worked") return circuit.failures === 0 ? circuit : { ...circuit, failures: 0 };
    if (call.outcome === "neither") return circuit;
    const failures = circuit.failures + 1;
    return failures >= rules.failuresToOpen
      ? { ...opened, failures }
      : { ...circuit, failures, lastFailureMs: nowMs };
  }
  // What began before the circuit opened tells nothing new.
  if (state === "open" || !call.isTrial) return circuit;
  if (call.outcome === "failed") return opened;
  const left = { ...circuit, trialsUntilMs: circuit.trialsUntilMs.slice(1) };
  if (call.outcome === "neither") return left;
  const successes = circuit.successes + 1;
  return successes >= rules.successesToClose
    ? { ...newCircuit, lastFailureMs: circuit.lastFailureMs }
    : { ...left, successes };
}
