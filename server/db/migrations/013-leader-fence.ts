import type { Kysely } from "kysely";
import type { Database } from "../schema.ts";

/** The number of the server that leads among several: what one with a smaller number writes as the leader is late. */
export async function leaderFence(db: Kysely<Database>): Promise<void> {
  await db.insertInto("counters").values({ name: "leader", value: 0 }).execute();
}
