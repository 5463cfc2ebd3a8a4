import type { Tracer } from "../../domain/trace.ts";

/** How the spans of this process fared since its start. */
export interface TracesView {
  /** Taken by the collector. */
  sent: number;
  /** Lost: too many waited, or the collector did not take them. */
  dropped: { queueFull: number; notTaken: number };
  /** The collector did not take the last ones that were sent to it. */
  isFailing: boolean;
}

/** Traces that go to a collector. What becomes of them never holds up or fails the work that they tell of. */
export interface Traces extends Tracer {
  view(): TracesView;
  /** Sends what waits, within a few seconds, then stops. */
  close(): Promise<void>;
}
