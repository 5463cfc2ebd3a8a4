/** Calls that can be made to fail, and what can be done to them. */
export const operations = [
  "account",
  "secret",
  "model",
  "versions",
  "status",
  "upload",
  "files",
  "deleteFile",
  "create",
  "get",
  "list",
  "cancel",
  "output",
] as const;
/** See {@link operations}. */
export type Operation = (typeof operations)[number];

/**
 * `429` with `retry_after` in its body, `429-header` in its header, `500` in HTML as from the edge, `cut`: the connection
 * ends and nothing was done, `lost`: it ends after everything was done, `slow`: the answer comes late, `expired`: 404 for
 * an output that was there.
 */
export type Fault = "429" | "429-header" | "500" | "cut" | "lost" | "slow" | "expired";

/** Faults that happen when they are due: those that were asked for in order, and at random at the given rate. */
export function faultSwitch(rate: number, random: () => number = Math.random) {
  const due = new Map<Operation, Fault[]>();
  const byChance: readonly Fault[] = ["429", "500", "cut", "lost", "slow"];
  const counts: Partial<Record<Fault, number>> = {};
  let chance = rate;
  const next = (operation: Operation): Fault | null => {
    const asked = due.get(operation)?.shift();
    if (asked !== undefined) return asked;
    return random() < chance ? (byChance[Math.floor(random() * byChance.length)] ?? null) : null;
  };
  return {
    /** The next `times` calls of the operation fail. */
    set(operation: Operation, fault: Fault, times = 1): void {
      const queue = due.get(operation) ?? [];
      due.set(operation, [...queue, ...Array.from({ length: times }, () => fault)]);
    },
    clear: () => due.clear(),
    /** From now on nothing fails by chance. */
    end: () => void (chance = 0),
    take(operation: Operation): Fault | null {
      const fault = next(operation);
      if (fault !== null) counts[fault] = (counts[fault] ?? 0) + 1;
      return fault;
    },
    /** How often each fault happened. */
    happened: (): Readonly<Record<string, number>> => ({ ...counts }),
  };
}
/** See {@link faultSwitch}. */
export type FaultSwitch = ReturnType<typeof faultSwitch>;
