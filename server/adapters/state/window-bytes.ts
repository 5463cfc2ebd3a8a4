import type { WindowLog } from "../../domain/sliding-window.ts";

/** A window's log as bytes for a database: 8 of each number, as this kind of machine holds them. */
export function windowBytes(log: WindowLog): Buffer {
  return Buffer.from(Float64Array.from(log).buffer);
}

/** The log of {@link windowBytes}; empty for bytes that are none. */
export function windowOfBytes(bytes: Uint8Array | null): WindowLog {
  if (bytes === null || bytes.byteLength % 16 !== 0) return [];
  // Copied, since a view of eight-byte numbers needs an aligned beginning.
  return Array.from(new Float64Array(Uint8Array.from(bytes).buffer));
}

/** A window's row is kept past its end by up to so much, so that most hits leave the index of expiry alone. */
const expiryStepMs = 60_000;

/** When a window's row may go, epoch milliseconds. */
export function windowExpiry(emptyAtMs: number): number {
  return Math.ceil(emptyAtMs / expiryStepMs) * expiryStepMs;
}
