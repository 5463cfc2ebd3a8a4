import { createHash } from "node:crypto";
import type { Kysely } from "kysely";
import type { Delivery } from "@simpletuner-cloud/contract/deliveries.ts";
import { terminalStatuses } from "@simpletuner-cloud/contract/jobs.ts";
import { asciiJson } from "../../domain/ascii-json.ts";
import { type DeliveryMemory, type DeliveryRecord, openStatuses } from "../../domain/delivery.ts";
import { fixedLimit } from "../fixed-limit.ts";
import type { Database, DeliveriesTable } from "../schema.ts";

/** Reads and writes deliveries. Writers that have more to write pass their transaction. */
export function deliveryStore(db: Kysely<Database>) {
  return { ...deliveryReads(db), ...deliveryWrites(db) };
}

function deliveryReads(db: Kysely<Database>) {
  const all = () => db.selectFrom("deliveries").selectAll();
  return {
    async find(deliveryId: string): Promise<DeliveryRecord | null> {
      const row = await all().where("id", "=", deliveryId).executeTakeFirst();
      return row ? recordOf(row) : null;
    },
    /** In the order they were made. */
    async ofJob(jobId: string): Promise<DeliveryRecord[]> {
      const rows = await all().where("job_id", "=", jobId).orderBy("id").execute();
      return rows.map(recordOf);
    },
    /** Those of a destination that are not over. */
    async openAt(destinationId: string): Promise<DeliveryRecord[]> {
      const rows = await all()
        .where("destination_id", "=", destinationId)
        .where("status", "in", openStatuses)
        .execute();
      return rows.map(recordOf);
    },
    /** The one of a destination that was ordered last among those that were begun; null before the first. */
    async newestBegunAt(destinationId: string): Promise<DeliveryRecord | null> {
      // Of each row nothing but the id is looked at: sorting whole rows would take twice as long.
      const row = await db
        .selectFrom("deliveries")
        .select(({ fn }) => fn.max("id").as("id"))
        .where("destination_id", "=", destinationId)
        .where("status", "in", ["running", "delivered", "failed"])
        .executeTakeFirst();
      const newest = row?.id ? await all().where("id", "=", row.id).executeTakeFirst() : undefined;
      return newest ? recordOf(newest) : null;
    },
    /** Those to be tried now, and those whose attempt has not been heard of. */
    async due(nowMs: number, limit: number): Promise<DeliveryRecord[]> {
      const rows = await all()
        .where((row) =>
          row.or([
            row.and([row("status", "in", ["waiting", "failed"]), row("due_at", "<=", nowMs)]),
            row.and([row("status", "=", "running"), row("lease_until", "<=", nowMs)]),
          ]),
        )
        .orderBy("id")
        .limit(fixedLimit(limit))
        .execute();
      return rows.map(recordOf);
    },
    /** Those that waited for the end of a job that has ended by now. */
    async ofEndedJobs(limit: number): Promise<DeliveryRecord[]> {
      const rows = await db
        .selectFrom("deliveries")
        .innerJoin("jobs", "jobs.id", "deliveries.job_id")
        .selectAll("deliveries")
        .where("deliveries.status", "=", "waiting")
        .where("deliveries.due_at", "is", null)
        .where("jobs.status", "in", terminalStatuses)
        .orderBy("deliveries.id")
        .limit(fixedLimit(limit))
        .execute();
      return rows.map(recordOf);
    },
  };
}

function deliveryWrites(db: Kysely<Database>) {
  const update = async (
    transaction: Kysely<Database>,
    seen: DeliveryRecord,
    changed: DeliveryRecord,
  ): Promise<boolean> => {
    const updated = await transaction
      .updateTable("deliveries")
      .set(rowOf(changed))
      .where("id", "=", seen.wire.delivery_id)
      .where("version", "=", seen.version)
      .executeTakeFirst();
    return Number(updated.numUpdatedRows) === 1;
  };
  return {
    /** Fails on the uniqueness of job and destination. */
    async insert(transaction: Kysely<Database>, record: DeliveryRecord): Promise<void> {
      await transaction.insertInto("deliveries").values(rowOf(record)).execute();
    },
    /** Writes a changed record unless somebody else has changed it since `seen` was read; false when somebody has. */
    update,
    /** The same without anything else to write. */
    updateAlone: (seen: DeliveryRecord, changed: DeliveryRecord) => update(db, seen, changed),
  };
}

/** See {@link deliveryStore}. */
export type DeliveryStore = ReturnType<typeof deliveryStore>;

function rowOf({ wire, ...record }: DeliveryRecord): DeliveriesTable {
  return {
    id: wire.delivery_id,
    job_id: wire.job_id,
    destination_id: wire.destination_id ?? trainerPlace(wire),
    status: wire.status,
    due_at: record.dueAtMs,
    lease: record.lease,
    lease_until: record.leaseUntilMs,
    version: record.version,
    wire: asciiJson(wire),
    memory: asciiJson(record.memory),
  };
}

/** Tells the places apart that a training publishes to itself. */
function trainerPlace({ kind, target }: Delivery): string {
  return `trainer:${createHash("sha256").update(`${kind} ${target}`).digest("hex").slice(0, 40)}`;
}

function recordOf(row: DeliveriesTable): DeliveryRecord {
  const numberOrNull = (value: number | null) => (value === null ? null : Number(value));
  return {
    wire: JSON.parse(row.wire) as Delivery,
    dueAtMs: numberOrNull(row.due_at),
    lease: row.lease,
    leaseUntilMs: numberOrNull(row.lease_until),
    memory: JSON.parse(row.memory) as DeliveryMemory,
    version: Number(row.version),
  };
}
