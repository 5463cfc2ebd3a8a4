import { type Listeners, listeners } from "../listeners.ts";
import type { SqlDialect } from "../sql-state.ts";
import { checkMessage, prefixedKey, type StateListener, stateUnavailable } from "../state.ts";

/** What listening needs. */
export interface MysqlMessagesOptions {
  dialect: SqlDialect;
  keyPrefix: string;
  onError: (error: unknown) => void;
}

/** How often the table is looked at while somebody listens. */
const lookEveryMs = 250;
/** Numbers are given out before they are committed: a message may appear so long after one with a higher number. */
const lateMs = 10_000;
/** A listener that was cut off for longer than messages are kept is told that it missed some. */
const keptMs = 60_000;

/** Messages between replicas through a table, since MySQL has no way to tell a connection of anything. */
export function mysqlMessages({ dialect, keyPrefix, onError }: MysqlMessagesOptions) {
  const { clock, run } = dialect;
  const heard = listeners();
  const look = looker(dialect, heard);
  let timer: NodeJS.Timeout | null = null;
  let isFailing = false;
  const asked = <Result>(work: Promise<Result>): Promise<Result> =>
    work.catch((error: unknown) => {
      throw stateUnavailable("mysql", error);
    });
  const round = async (): Promise<void> => {
    try {
      await look();
      isFailing = false;
    } catch (error) {
      if (!isFailing) onError(error);
      isFailing = true;
    }
    if (timer) lookAgain();
  };
  const lookAgain = (): void => void (timer = setTimeout(() => void round(), lookEveryMs).unref());
  return {
    async publish(channel: string, message: string): Promise<void> {
      checkMessage(message);
      const sql = `INSERT INTO state_messages (channel, message, sent_at) VALUES (?, ?, ${clock})`;
      await asked(run(sql, [prefixedKey(keyPrefix, channel), message]));
    },
    async subscribe(channel: string, hear: StateListener): Promise<() => Promise<void>> {
      // What lies there already was sent before anybody listened.
      if (timer === null) await asked(look());
      const remove = heard.add(prefixedKey(keyPrefix, channel), hear);
      if (timer === null) lookAgain();
      return async () => void remove();
    },
    async sweep(): Promise<void> {
      await asked(run(`DELETE FROM state_messages WHERE sent_at < ${clock} - ? LIMIT 10000`, [keptMs]));
    },
    close(): void {
      if (timer) clearTimeout(timer);
      timer = null;
    },
  };
}

/** Looks for messages that were not seen yet and tells the listeners; the first look only notes what is there. */
function looker({ clock, run }: SqlDialect, heard: Listeners): () => Promise<void> {
  const seen = new Map<number, number>();
  let lookedAtMs: number | null = null;
  return async () => {
    const nowMs = Number((await run(`SELECT ${clock} AS ms`, [])).rows[0]?.["ms"]);
    const isFirst = lookedAtMs === null;
    const from = lookedAtMs ?? nowMs;
    const { rows } = await run(
      "SELECT id, channel, message, sent_at FROM state_messages WHERE sent_at > ? ORDER BY id LIMIT 10000",
      [from - lateMs],
    );
    lookedAtMs = nowMs;
    for (const [id, sentAt] of seen) if (sentAt < nowMs - 2 * keptMs) seen.delete(id);
    if (nowMs - from > keptMs) heard.tellOfGap();
    for (const row of rows) {
      const id = Number(row["id"]);
      if (seen.has(id)) continue;
      seen.set(id, Number(row["sent_at"]));
      if (!isFirst) heard.tell(String(row["channel"]), String(row["message"]));
    }
  };
}
