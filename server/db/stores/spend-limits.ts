import type { Kysely } from "kysely";
import type {
  SpendAction,
  SpendLimit,
  SpendLimitTerms,
  SpendPeriod,
  SpendSums,
} from "../../domain/spend-limit.ts";
import type { Database } from "../schema.ts";
import { appendEvents, type EventDraft, type StoredEvent } from "./job-events.ts";

/** Which money a limit is held against. */
export interface SpendScope {
  /** One provider; null: all of them. */
  provider: string | null;
  firstDay: string;
  /** A job whose own plan and holding are left out. */
  exceptJobId?: string;
}

/** A change of the limit of a provider, or (null) of all together. */
export interface SpendLimitChange {
  provider: string | null;
  /** The new terms on what they are at that moment; null: no limit. What it throws undoes all. */
  decide: (before: SpendLimit | undefined) => SpendLimitTerms | null;
  by: string;
}

/** Limits on spending, and the sums they are held against. Changes are events, which `onChanged` hears once committed. */
export function spendLimitStore(
  db: Kysely<Database>,
  now: () => number,
  onChanged: (event: StoredEvent) => void,
) {
  const limits = async (transaction: Kysely<Database> = db): Promise<SpendLimit[]> => {
    const rows = await transaction.selectFrom("spend_limits").selectAll().orderBy("provider").execute();
    return rows.map((row) => ({
      provider: row.provider === "" ? null : row.provider,
      amountMicros: Number(row.amount_micros),
      period: row.period as SpendPeriod,
      action: row.action as SpendAction,
      sliceMs: Number(row.slice_ms),
    }));
  };
  const changeWithin = async (
    transaction: Kysely<Database>,
    { provider, decide, by }: SpendLimitChange,
  ): Promise<EventDraft> => {
    await lock(transaction);
    const before = (await limits(transaction)).find((limit) => limit.provider === provider);
    await replace(transaction, provider ?? "", decide(before), now(), by);
    const data = { names: ["spendLimits"], by };
    return { jobId: null, userId: null, type: "settings.changed", atMs: now(), data };
  };
  return {
    /** Runs a decision over money alone: no other decision is made until it is over. */
    async decide<Answer>(decision: (transaction: Kysely<Database>) => Promise<Answer>): Promise<Answer> {
      return db.transaction().execute(async (transaction) => {
        await lock(transaction);
        return decision(transaction);
      });
    },
    lock,
    /** Every limit, that of all providers together first. */
    limits,
    /** Money spent since a day, and money set aside for jobs that are not over. */
    async sums(scope: SpendScope, transaction: Kysely<Database> = db): Promise<SpendSums> {
      return {
        spentMicros: await spentSince(transaction, scope),
        plannedMicros: await setAside(transaction, scope, "planned_micros"),
        heldMicros: await setAside(transaction, scope, "held_micros"),
      };
    },
    /** Sets or removes a limit. */
    async change(change: SpendLimitChange): Promise<void> {
      const events = await db
        .transaction()
        .execute(async (transaction) => appendEvents(transaction, [await changeWithin(transaction, change)]));
      for (const each of events) onChanged(each);
    },
    /** The same inside somebody's transaction, who appends the event. */
    changeWithin,
  };
}

/** See {@link spendLimitStore}. */
export type SpendLimitStore = ReturnType<typeof spendLimitStore>;

async function replace(
  transaction: Kysely<Database>,
  provider: string,
  limit: SpendLimitTerms | null,
  nowMs: number,
  by: string,
): Promise<void> {
  await transaction.deleteFrom("spend_limits").where("provider", "=", provider).execute();
  if (limit === null) return;
  await transaction
    .insertInto("spend_limits")
    .values({
      provider,
      amount_micros: limit.amountMicros,
      period: limit.period,
      action: limit.action,
      slice_ms: limit.sliceMs,
      updated_at: nowMs,
      updated_by: by,
    })
    .execute();
}

async function lock(transaction: Kysely<Database>): Promise<void> {
  await transaction
    .updateTable("counters")
    .set((row) => ({ value: row("value", "+", 1) }))
    .where("name", "=", "spend")
    .execute();
}

async function spentSince(db: Kysely<Database>, { provider, firstDay }: SpendScope): Promise<number> {
  let query = db
    .selectFrom("cost_days")
    .select((row) => row.fn.sum<number | null>("micros").as("micros"))
    // Days after today count as well: a clock that was set back must not make money look unspent.
    .where("day", ">=", firstDay);
  if (provider !== null) query = query.where("provider", "=", provider);
  return Number((await query.executeTakeFirstOrThrow()).micros ?? 0);
}

async function setAside(
  db: Kysely<Database>,
  { provider, exceptJobId }: SpendScope,
  column: "planned_micros" | "held_micros",
): Promise<number> {
  let query = db
    .selectFrom("job_charges")
    .select((row) => [
      row.fn.sum<number | null>(column).as("aside"),
      row.fn.sum<number | null>("micros").as("spent"),
    ])
    .where("state", "in", ["waiting", "reserved", "running"])
    .whereRef(column, ">", "micros");
  if (provider !== null) query = query.where("provider", "=", provider);
  if (exceptJobId !== undefined) query = query.where("job_id", "<>", exceptJobId);
  const row = await query.executeTakeFirstOrThrow();
  return Number(row.aside ?? 0) - Number(row.spent ?? 0);
}
