import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { type Listeners, listeners } from "../listeners.ts";
import { checkMessage, prefixedKey, type StateListener, stateUnavailable } from "../state.ts";

/** What listening needs. */
export interface PostgresMessagesOptions {
  connection: pg.ClientConfig;
  keyPrefix: string;
  onError: (error: unknown) => void;
}

/** The one channel of PostgreSQL; ours are told apart by the first line of a message, as names there are short. */
const postgresChannel = "simpletuner_state";

const longestRetryMs = 2_000;

/** Messages between replicas by LISTEN and NOTIFY, on a connection of their own that is made again when it is lost. */
export function postgresMessages(options: PostgresMessagesOptions) {
  const { keyPrefix } = options;
  const heard = listeners();
  const connection = listenConnection(options, heard);
  let opening: Promise<void> | null = null;
  return {
    /** The statement that sends a message. */
    notification(channel: string, message: string) {
      checkMessage(message);
      const payload = `${prefixedKey(keyPrefix, channel)}\n${message}`;
      return { text: "SELECT pg_notify(?, ?)", values: [postgresChannel, payload] };
    },
    async subscribe(channel: string, hear: StateListener): Promise<() => Promise<void>> {
      opening ??= connection.open().catch((error: unknown) => {
        opening = null;
        throw stateUnavailable("postgres", error);
      });
      await opening;
      const remove = heard.add(prefixedKey(keyPrefix, channel), hear);
      return async () => void remove();
    },
    close: connection.close,
  };
}

function listenConnection({ connection, onError }: PostgresMessagesOptions, heard: Listeners) {
  let client: pg.Client | null = null;
  const closing = new AbortController();
  const open = async (): Promise<void> => {
    const { query_timeout: _, ...settings } = connection;
    const opened = new pg.Client(settings);
    opened.on("error", onError);
    opened.on("notification", ({ payload = "" }) => {
      const end = payload.indexOf("\n");
      heard.tell(payload.slice(0, end), payload.slice(end + 1));
    });
    await opened.connect();
    try {
      await opened.query(`LISTEN ${postgresChannel}`);
    } catch (error) {
      void opened.end().catch(() => undefined);
      throw error;
    }
    client = opened;
    opened.once("end", () => void reopen());
  };
  const reopen = async (): Promise<void> => {
    client = null;
    for (let waitMs = 50; !closing.signal.aborted; waitMs = Math.min(longestRetryMs, waitMs * 2)) {
      const isOpen = await open().then(
        () => true,
        () => false,
      );
      if (isOpen) break;
      await delay(waitMs, undefined, { ref: false });
    }
    if (closing.signal.aborted) await close();
    else heard.tellOfGap();
  };
  const close = async (): Promise<void> => {
    closing.abort();
    const last = client;
    client = null;
    await last?.end().catch(() => undefined);
  };
  return { open, close };
}
