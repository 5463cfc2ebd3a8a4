/** Whether requests should be sent to this server, as load balancers ask. */
export interface Readiness {
  /** Null while they should; else why not, as in "The server is not ready: {reason}". */
  readonly reason: string | null;
  /** Everything that was under way is taken up, so requests may come. */
  started(): void;
  /**
   * The server is to stop: no request should come any more, and those that come are still answered. To be called first of
   * all, so that load balancers look elsewhere before anything ends. Nothing makes the server ready again.
   */
  drain(): void;
}

/** A server that is starting. */
export function readiness(): Readiness {
  let phase: "starting" | "ready" | "draining" = "starting";
  const reasons = { starting: "it is starting", ready: null, draining: "it is stopping" };
  return {
    get reason() {
      return reasons[phase];
    },
    started() {
      if (phase === "starting") phase = "ready";
    },
    drain() {
      phase = "draining";
    },
  };
}
