import { costMicros } from "./cost.ts";

/** How long a limit counts before it starts again, by the calendar in UTC; weeks start on Monday (ISO 8601). */
export type SpendPeriod = "daily" | "weekly" | "monthly";

/**
 * What happens at a limit: `warn` lets everything through and says so, `block` refuses new jobs, `require_approval`
 * does the same until approvals exist, and `stop` also reserves money for running jobs and stops them before it is spent.
 */
export type SpendAction = "warn" | "block" | "require_approval" | "stop";

/** A spend limit. */
export interface SpendLimit {
  /** The provider it is for; null: all of them together. */
  provider: string | null;
  amountMicros: number;
  period: SpendPeriod;
  action: SpendAction;
  /** With `stop`: so much running time is paid for ahead. */
  sliceMs: number;
}

/** A limit without whose it is. */
export type SpendLimitTerms = Omit<SpendLimit, "provider">;

const defaultSliceMs = 10 * 60_000;

/** The terms after a change; what it leaves out stays as it was, or has its default. Null without any amount. */
export function changedTerms(
  before: SpendLimitTerms | undefined,
  change: { [Name in keyof SpendLimitTerms]?: SpendLimitTerms[Name] | undefined },
): SpendLimitTerms | null {
  const amountMicros = change.amountMicros ?? before?.amountMicros;
  if (amountMicros === undefined) return null;
  return {
    amountMicros,
    period: change.period ?? before?.period ?? "monthly",
    action: change.action ?? before?.action ?? "warn",
    sliceMs: change.sliceMs ?? before?.sliceMs ?? defaultSliceMs,
  };
}

/** What a limit is held against: money spent in its period, and money set aside for jobs that are not over. */
export interface SpendSums {
  spentMicros: number;
  /** What waiting and running jobs will probably still cost. */
  plannedMicros: number;
  /** Of that, what is reserved for slices that have begun. */
  heldMicros: number;
}

/** From this share on a limit is near (CONTRACT 2.5). */
export const nearShare = 0.8;

const dayMs = 86_400_000;

/** The UTC day of an instant, as `2026-01-31`. */
export function dayOf(nowMs: number): string {
  return new Date(nowMs).toISOString().slice(0, 10);
}

/** The period that an instant lies in: its first day, and the instant when the next one begins. */
export function periodOf(period: SpendPeriod, nowMs: number): { firstDay: string; resetsAtMs: number } {
  const now = new Date(nowMs);
  const [year, month, day] = [now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate()];
  const today = Date.UTC(year, month, day);
  switch (period) {
    case "daily":
      return { firstDay: dayOf(today), resetsAtMs: today + dayMs };
    case "weekly": {
      const monday = today - ((now.getUTCDay() + 6) % 7) * dayMs;
      return { firstDay: dayOf(monday), resetsAtMs: monday + 7 * dayMs };
    }
    case "monthly":
      return { firstDay: dayOf(Date.UTC(year, month, 1)), resetsAtMs: Date.UTC(year, month + 1, 1) };
  }
}

/** What a limit says to a job that will probably cost `askedMicros`. */
export function submitVerdict(
  limit: SpendLimit,
  sums: SpendSums,
  askedMicros: number,
): "fits" | "near" | "exceeded" {
  const after = sums.spentMicros + sums.plannedMicros + askedMicros;
  if (after > limit.amountMicros || sums.spentMicros >= limit.amountMicros) return "exceeded";
  return after >= limit.amountMicros * nearShare ? "near" : "fits";
}

/** True when a limit refuses what exceeds it. */
export function refuses(action: SpendAction): boolean {
  return action !== "warn";
}

/** A slice is renewed when less than this of it is left, so that a job is stopped in time; of short slices half. */
const renewBeforeMs = 60_000;

/** The money a running job holds under hard limits, in micro-dollars since its first start. */
export interface Holding {
  rateMicrosPerHour: number;
  /** Spent so far. */
  micros: number;
  /** Spent and reserved; 0 when nothing is. */
  heldMicros: number;
}

/** What the next slice of a job costs. */
export function sliceMicros(rateMicrosPerHour: number, sliceMs: number): number {
  return costMicros(rateMicrosPerHour, sliceMs);
}

/** True when a job needs its next slice now. */
export function needsSlice(holding: Holding, sliceMs: number): boolean {
  const ahead = costMicros(holding.rateMicrosPerHour, Math.min(renewBeforeMs, sliceMs / 2));
  return holding.heldMicros - holding.micros < ahead;
}

/** The holding after one more slice. */
export function withSlice(holding: Holding, sliceMs: number): number {
  return Math.max(holding.heldMicros, holding.micros) + sliceMicros(holding.rateMicrosPerHour, sliceMs);
}

/** True when a job may hold `heldMicros` beside what is spent and what others hold; `sums` leaves its own holding out. */
export function sliceFits(limit: SpendLimit, sums: SpendSums, micros: number, heldMicros: number): boolean {
  return sums.spentMicros + sums.heldMicros + (heldMicros - micros) <= limit.amountMicros;
}
