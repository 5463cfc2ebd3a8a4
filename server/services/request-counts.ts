/** What became of a request that a rule was there for. */
export type RequestOutcome =
  /** Counted and let through. */
  | "allowed"
  /** Over the limit. */
  | "refused"
  /** Let through uncounted, because the state backend did not answer. */
  | "unchecked"
  /** Refused, because it could not be counted and its rule guards a password. */
  | "closed";

/** The numbers of one rule, since this process started. */
export type RuleCounts = { readonly rule: string } & Readonly<Record<RequestOutcome, number>>;

/** Everything that was counted in this process since it started. */
export interface RequestCountsSnapshot {
  readonly rules: readonly RuleCounts[];
  /** Requests over a limit, of all rules. */
  readonly violations: number;
  /** Clients that a request was counted for within about the last minute. */
  readonly trackedClients: number;
}

/** Clients are told apart for so long, to between one and two of it. */
const trackedMs = 60_000;
/** Beyond so many clients in that time only this number is told. */
const mostTracked = 50_000;

/** Counts requests by rule; what metrics are made from. Costs two lookups a request, and no more memory than said. */
export function requestCounts(rules: readonly string[], monotonicMs: () => number = () => performance.now()) {
  const counts = new Map<string, Record<RequestOutcome, number>>(
    rules.map((rule) => [rule, { allowed: 0, refused: 0, unchecked: 0, closed: 0 }]),
  );
  let present = new Set<string>();
  let before = new Set<string>();
  let turnAtMs = monotonicMs() + trackedMs;
  const turn = (): void => {
    const now = monotonicMs();
    if (now < turnAtMs) return;
    before = now < turnAtMs + trackedMs ? present : new Set();
    present = new Set();
    turnAtMs = now + trackedMs;
  };
  return {
    /** Counts one request of a client. */
    count(rule: string, client: string, outcome: RequestOutcome): void {
      const known = counts.get(rule);
      if (known) known[outcome]++;
      turn();
      if (present.size < mostTracked) present.add(client);
    },
    /** The numbers as they are. */
    snapshot(): RequestCountsSnapshot {
      turn();
      let trackedClients = present.size;
      for (const client of before) if (!present.has(client)) trackedClients++;
      const all = [...counts].map(([rule, numbers]) => ({ rule, ...numbers }));
      const violations = all.reduce((sum, { refused }) => sum + refused, 0);
      return { rules: all, violations, trackedClients: Math.min(trackedClients, mostTracked) };
    },
  };
}

/** See {@link requestCounts}. */
export type RequestCounts = ReturnType<typeof requestCounts>;
