import { fail, type Failure } from "@simpletuner-cloud/contract/errors.ts";
import type { RateRule, WindowUsage } from "../../domain/sliding-window.ts";

/** Where the state is kept that all replicas of a server share. */
export type StateKind = "memory" | "sqlite" | "redis" | "postgres" | "mysql";

/** A value with the version that a later change may ask for; each write makes a version that no other has. */
export interface StoredValue {
  readonly value: string;
  readonly version: string;
}

/** The `ifVersion` of a write that needs the key to be free. */
export const absent = null;

/** Hears a message; `null` says that messages may have been missed, because the connection was lost for a while. */
export type StateListener = (message: string | null) => void;

/**
 * Short-lived state that every replica sees: what was sent already, counts, leases, messages. It can be rebuilt: losing
 * it costs no job and no file. Whatever runs out does so by the clock of the store where replicas share it. Methods throw
 * `state_unavailable` when the store does not answer within its time limit; what was asked may then have been done.
 */
export interface StateStore {
  readonly kind: StateKind;
  get(key: string): Promise<StoredValue | null>;
  /**
   * Stores a value for `ttlMs`. With `ifVersion` only if the key has that version still, or with {@link absent} only if
   * it has no value; answers whether it was stored.
   */
  set(key: string, value: string, ttlMs: number, ifVersion?: string | typeof absent): Promise<boolean>;
  /** Answers whether there was a value, and with `ifVersion` whether that was the one. */
  delete(key: string, ifVersion?: string): Promise<boolean>;
  /** Takes up to `wanted` places in the sliding window of a key, exactly and at once; with 0 it only looks. */
  takePlaces(key: string, rule: RateRule, wanted: number): Promise<WindowUsage>;
  /** Empties the sliding window of a key. */
  clearPlaces(key: string): Promise<void>;
  /** Sends a message of at most {@link longestMessage} bytes to every listener of the channel, in every replica. */
  publish(channel: string, message: string): Promise<void>;
  /** Listens until the answer is called. A message is a hint to look: it may come late, twice, or be missed. */
  subscribe(channel: string, listener: StateListener): Promise<() => Promise<void>>;
  /** The store's clock, epoch milliseconds. */
  clock(): Promise<number>;
  /** Removes what ran out; done by every replica now and then. */
  sweep(): Promise<void>;
  close(): Promise<void>;
}

/** Bytes of a message; PostgreSQL takes 8,000 with its quoting. */
export const longestMessage = 4_000;

/** Bytes of a key; MySQL's index takes 767 of the oldest kind. */
const longestKey = 180;

/** The key with its prefix; one that is too long is a mistake of the program. */
export function prefixedKey(prefix: string, key: string): string {
  const whole = prefix + key;
  if (key === "" || Buffer.byteLength(whole) > longestKey) throw new Error(`no state key: ${key}`);
  return whole;
}

/** Throws for a message that not every store can carry. */
export function checkMessage(message: string): void {
  if (Buffer.byteLength(message) > longestMessage) throw new Error("the message is too long");
}

/** Notes a key for `ttlMs`; true for the first to do so, false while somebody's note holds. */
export function addOnce(state: StateStore, key: string, ttlMs: number): Promise<boolean> {
  return state.set(key, "", ttlMs, absent);
}

/** The error of a store that did not do what it was asked; tells the code alone, messages of drivers name addresses. */
export function stateUnavailable(kind: StateKind, error: unknown): Failure {
  const { code, name } = error as { code?: unknown; name?: string };
  return fail(
    "state_unavailable",
    { backend: kind, reason: typeof code === "string" ? code : (name ?? "no answer") },
    error,
  );
}
