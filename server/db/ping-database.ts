import { type Kysely, sql } from "kysely";
import type { Database } from "./schema.ts";

/** Resolves when the database answers; rejects with the driver's error otherwise. */
export async function pingDatabase(db: Kysely<Database>): Promise<void> {
  await sql`select 1 as one`.execute(db);
}
