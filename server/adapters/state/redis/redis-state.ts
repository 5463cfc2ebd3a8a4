import { randomUUID } from "node:crypto";
import { Redis } from "ioredis";
import { instantMs } from "../../../domain/sliding-window.ts";
import { listeners } from "../listeners.ts";
import {
  checkMessage,
  prefixedKey,
  type StateListener,
  stateUnavailable,
  type StateStore,
} from "../state.ts";
import { deleteScript, setScript, takePlacesScript } from "./scripts.ts";

/** How a Redis is reached. */
export interface RedisStateOptions {
  /** `redis://` or `rediss://`. */
  url: string;
  keyPrefix: string;
  timeoutMs: number;
  /** Authorities to trust, in PEM; null without TLS. */
  ca: readonly string[] | null;
  onError: (error: unknown) => void;
}

/** Longest wait before Redis is tried again. */
const longestRetryMs = 2_000;

interface Scripts {
  stateSet(key: string, value: string, version: string, ttlMs: number, condition: string): Promise<number>;
  stateDelete(key: string, condition: string): Promise<number>;
  statePlaces(
    key: string,
    limit: number,
    windowMs: number,
    instant: number,
    wanted: number,
  ): Promise<[number, number, number, number]>;
}

/** State in Redis 6.2 or newer: each question is one call, expiry is Redis's own. */
export function redisState(options: RedisStateOptions): StateStore {
  const { keyPrefix } = options;
  const client = connect(options) as Redis & Scripts;
  const ready = firstConnection(client);
  const listening = listenConnection(options);
  const keyOf = (key: string): string => prefixedKey(keyPrefix, key);
  const asked = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    try {
      await ready;
      return await work();
    } catch (error) {
      throw stateUnavailable("redis", error);
    }
  };
  return {
    kind: "redis",
    get: (key) =>
      asked(async () => {
        const [value, version] = await client.hmget(keyOf(key), "v", "n");
        return typeof value === "string" && typeof version === "string" ? { value, version } : null;
      }),
    set: (key, value, ttlMs, ifVersion) =>
      asked(async () => {
        const condition = ifVersion === undefined ? "*" : (ifVersion ?? "");
        return (await client.stateSet(keyOf(key), value, randomUUID(), ttlMs, condition)) === 1;
      }),
    delete: (key, ifVersion) =>
      asked(async () => (await client.stateDelete(keyOf(key), ifVersion ?? "*")) === 1),
    takePlaces: (key, rule, wanted) =>
      asked(async () => {
        const { limit, windowMs } = rule;
        const answer = await client.statePlaces(keyOf(`w:${key}`), limit, windowMs, instantMs(rule), wanted);
        const [allowed, used, retryMs, resetMs] = answer;
        return { allowed, used, retryMs, resetMs };
      }),
    clearPlaces: (key) => asked(async () => void (await client.del(keyOf(`w:${key}`)))),
    publish(channel, message) {
      checkMessage(message);
      return asked(async () => void (await client.publish(keyOf(channel), message)));
    },
    subscribe: (channel, hear) => asked(() => listening.subscribe(keyOf(channel), hear)),
    clock: () =>
      asked(async () => {
        const [seconds, micros] = await client.time();
        return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
      }),
    sweep: async () => undefined,
    async close() {
      client.disconnect();
      listening.close();
    },
  };
}

function connect({ url, timeoutMs, ca, onError }: RedisStateOptions): Redis {
  const client = new Redis(url, {
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
    // A question that cannot be asked now fails now; who asked knows what to do without an answer.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt) => Math.min(longestRetryMs, 50 * 2 ** Math.min(attempt, 10)),
    scripts: {
      stateSet: { lua: setScript, numberOfKeys: 1 },
      stateDelete: { lua: deleteScript, numberOfKeys: 1 },
      statePlaces: { lua: takePlacesScript, numberOfKeys: 1 },
    },
    ...(ca !== null && { tls: { ca: [...ca] } }),
  });
  let told = "";
  client.on("error", (error: Error) => {
    // Told once for each reason, not at each of the endless attempts.
    if (told !== error.message) onError(error);
    told = error.message;
  });
  client.on("ready", () => (told = ""));
  return client;
}

/** Resolves once the first attempt to connect succeeded or failed; what is asked then meets the client as it is. */
function firstConnection(client: Redis): Promise<void> {
  return new Promise((resolve) => {
    for (const event of ["ready", "close", "end"] as const) client.once(event, () => resolve());
  });
}

/** Subscriptions need a connection of their own, made with the first one. */
function listenConnection(options: RedisStateOptions) {
  const heard = listeners();
  let client: Redis | null = null;
  let ready: Promise<void> = Promise.resolve();
  const open = (): Redis => {
    const opened = connect(options);
    opened.on("message", (channel: string, message: string) => heard.tell(channel, message));
    ready = firstConnection(opened);
    // The first time there was nothing to miss.
    opened.once("ready", () => opened.on("ready", () => heard.tellOfGap()));
    return opened;
  };
  return {
    async subscribe(channel: string, hear: StateListener): Promise<() => Promise<void>> {
      client ??= open();
      await ready;
      const remove = heard.add(channel, hear);
      try {
        await client.subscribe(channel);
      } catch (error) {
        remove();
        throw error;
      }
      return async () => {
        if (remove()) await client?.unsubscribe(channel).catch(() => undefined);
      };
    },
    close: () => client?.disconnect(),
  };
}
