import { Type } from "typebox";

/** An instant on the wire: ISO-8601 in UTC, e.g. `2026-01-31T10:20:30.123Z`. */
export const Instant = Type.String({ format: "date-time", description: "ISO-8601, UTC" });

/** An instant that may be absent. */
export const MaybeInstant = Type.Union([Instant, Type.Null()]);

/** A string that may be absent. */
export const MaybeString = Type.Union([Type.String(), Type.Null()]);

/** A number that may be absent. */
export const MaybeNumber = Type.Union([Type.Number(), Type.Null()]);

/** The ISO form of epoch milliseconds, or null. */
export function isoOrNull(epochMs: number | null): string | null {
  return epochMs === null ? null : new Date(epochMs).toISOString();
}
