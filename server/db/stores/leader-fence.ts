import type { Kysely } from "kysely";
import type { Database } from "../schema.ts";

/** Another server leads by now. */
export class LateLeaderError extends Error {
  constructor() {
    super("another server leads by now");
    this.name = "LateLeaderError";
  }
}

/** Keeps what an earlier leader still writes from being taken for the present one's. */
export function leaderFenceStore(db: Kysely<Database>) {
  return {
    /** From now on {@link pass} refuses smaller numbers. */
    raise: (fence: number): Promise<void> => pass(fence, db),
    /**
     * Throws {@link LateLeaderError} when a leader with a higher number has begun; holds off a next one until the
     * transaction's end.
     */
    pass,
  };
}

/** See {@link leaderFenceStore}. */
export type LeaderFenceStore = ReturnType<typeof leaderFenceStore>;

async function pass(fence: number, db: Kysely<Database>): Promise<void> {
  const updated = await db
    .updateTable("counters")
    .set({ value: fence })
    .where("name", "=", "leader")
    .where("value", "<=", fence)
    .executeTakeFirst();
  if (Number(updated.numUpdatedRows) !== 1) throw new LateLeaderError();
}
