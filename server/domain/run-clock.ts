/**
 * What a clock shows: the wall clock, which people and time servers set, and the time since this machine was started,
 * which nothing sets and which goes on while no server runs.
 */
export interface ClockReading {
  nowMs: number;
  uptimeMs: number;
  /** Names this start of this machine. */
  bootId: string;
}

/**
 * The time between two readings, never below 0: by the machine's own count, whatever was done to the wall clock; by the
 * wall clock after a restart of the machine. Null when that went backwards, so that nobody can know.
 */
export function elapsedMs(before: ClockReading, after: ClockReading): number | null {
  if (before.bootId === after.bootId && after.uptimeMs >= before.uptimeMs)
    return Math.round(after.uptimeMs - before.uptimeMs);
  const wallMs = after.nowMs - before.nowMs;
  return wallMs < 0 ? null : wallMs;
}
