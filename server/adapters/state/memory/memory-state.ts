import { takePlaces, type WindowLog } from "../../../domain/sliding-window.ts";
import { ownMessages } from "../listeners.ts";
import { prefixedKey, type StateStore } from "../state.ts";

interface Entry {
  value: string;
  version: string;
  expiresAtMs: number;
}

/** State in this process alone: gone with it, shared with nobody. */
export function memoryState(now: () => number = Date.now): StateStore {
  const values = new Map<string, Entry>();
  const windows = new Map<string, { log: WindowLog; expiresAtMs: number }>();
  let version = 0;
  const liveOf = (key: string): Entry | null => {
    const entry = values.get(prefixedKey("", key));
    return entry && entry.expiresAtMs > now() ? entry : null;
  };
  return {
    kind: "memory",
    async get(key) {
      const entry = liveOf(key);
      return entry && { value: entry.value, version: entry.version };
    },
    async set(key, value, ttlMs, ifVersion) {
      if (ifVersion !== undefined && (liveOf(key)?.version ?? null) !== ifVersion) return false;
      values.set(prefixedKey("", key), { value, version: String(++version), expiresAtMs: now() + ttlMs });
      return true;
    },
    async delete(key, ifVersion) {
      const entry = liveOf(key);
      if (!entry || (ifVersion !== undefined && entry.version !== ifVersion)) return false;
      return values.delete(key);
    },
    async takePlaces(key, rule, wanted) {
      const nowMs = now();
      const { log, usage } = takePlaces(windows.get(prefixedKey("", key))?.log ?? [], rule, wanted, nowMs);
      windows.set(key, { log, expiresAtMs: nowMs + usage.resetMs });
      return usage;
    },
    async clearPlaces(key) {
      windows.delete(prefixedKey("", key));
    },
    ...ownMessages(),
    async clock() {
      return now();
    },
    async sweep() {
      for (const [key, { expiresAtMs }] of values) if (expiresAtMs <= now()) values.delete(key);
      for (const [key, { expiresAtMs }] of windows) if (expiresAtMs <= now()) windows.delete(key);
    },
    close: async () => undefined,
  };
}
