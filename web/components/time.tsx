import { nowMs } from "../clock.ts";
import { formatAge, formatClock, formatDuration, formatInstant } from "../i18n.ts";

/** An instant as its age, kept current, with the absolute time on hover; `clock` shows the time of day. */
export function Time({ at, clock }: { at: string; clock?: boolean }) {
  return (
    <time dateTime={at} title={formatInstant(at)}>
      {clock ? formatClock(at) : formatAge(at, nowMs.value)}
    </time>
  );
}

/** The time since `from`, counting, or the time from `from` to `until`. */
export function Elapsed({ from, until }: { from: string; until?: string | null }) {
  const end = until ? Date.parse(until) : nowMs.value;
  return (
    <span class="number">{formatDuration(Math.max(0, Math.round((end - Date.parse(from)) / 1000)))}</span>
  );
}
