import { setTimeout as delay } from "node:timers/promises";
import { type Kysely, sql } from "kysely";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { Database } from "./schema.ts";

/** Whoever asks for the health waits at most so long. */
const waitMs = 3_000;

/** Resolves when the database answers; rejects with the `Failure` or the error that it does not, within three seconds. */
export async function pingDatabase(db: Kysely<Database>): Promise<void> {
  const over = new AbortController();
  const late = delay(waitMs, null, { ref: false, signal: over.signal });
  const asked = sql`select 1 as one`.execute(db).finally(() => over.abort());
  // When it is late, nobody hears of its end any more.
  asked.catch(() => undefined);
  const first = await Promise.race([asked, late.catch(() => asked)]);
  if (first === null) throw fail("database_unavailable", { reason: "it does not answer in time" });
}
