import type { Kysely } from "kysely";
import type { DestinationSettings } from "@simpletuner-cloud/contract/destinations.ts";
import type { Database, DestinationsTable } from "../schema.ts";
import { appendEvents, type StoredEvent } from "./job-events.ts";

/** A place as it is stored; the secret is sealed. */
export interface StoredDestination {
  id: string;
  name: string;
  isDefault: boolean;
  settings: DestinationSettings;
  sealedSecret: string | null;
  createdAtMs: number;
  updatedAtMs: number;
}

/** Reads and writes the places that results go to. A change is an event, which `onChanged` hears once it is committed. */
export function destinationStore(
  db: Kysely<Database>,
  now: () => number,
  onChanged: (event: StoredEvent) => void,
) {
  const changing = async (write: (transaction: Kysely<Database>) => Promise<boolean>): Promise<boolean> => {
    const events = await db.transaction().execute(async (transaction) => {
      if (!(await write(transaction))) return null;
      const data = { names: ["destinations"] };
      return appendEvents(transaction, [
        { jobId: null, userId: null, type: "settings.changed", atMs: now(), data },
      ]);
    });
    for (const event of events ?? []) onChanged(event);
    return events !== null;
  };
  const isTaken = async (transaction: Kysely<Database>, { id, name }: StoredDestination): Promise<boolean> =>
    (await transaction
      .selectFrom("destinations")
      .select("id")
      .where("name", "=", name)
      .where("id", "!=", id)
      .executeTakeFirst()) !== undefined;
  return {
    /** By name. */
    async list(): Promise<StoredDestination[]> {
      const rows = await db.selectFrom("destinations").selectAll().orderBy("name").execute();
      return rows.map(storedOf);
    },
    async find(id: string): Promise<StoredDestination | null> {
      const row = await db.selectFrom("destinations").selectAll().where("id", "=", id).executeTakeFirst();
      return row ? storedOf(row) : null;
    },
    /** False when the name is taken. */
    insert: (destination: StoredDestination) =>
      changing(async (transaction) => {
        if (await isTaken(transaction, destination)) return false;
        await transaction.insertInto("destinations").values(rowOf(destination)).execute();
        return true;
      }),
    /** Writes a place that is there; false when the name is taken. */
    replace: (destination: StoredDestination) =>
      changing(async (transaction) => {
        if (await isTaken(transaction, destination)) return false;
        const { id, ...fields } = rowOf(destination);
        await transaction.updateTable("destinations").set(fields).where("id", "=", id).execute();
        return true;
      }),
    remove: (id: string) =>
      changing(async (transaction) => {
        await transaction.deleteFrom("destinations").where("id", "=", id).execute();
        return true;
      }),
  };
}

/** See {@link destinationStore}. */
export type DestinationStore = ReturnType<typeof destinationStore>;

function rowOf(destination: StoredDestination): DestinationsTable {
  return {
    id: destination.id,
    name: destination.name,
    is_default: destination.isDefault ? 1 : 0,
    settings: JSON.stringify(destination.settings),
    sealed_secret: destination.sealedSecret,
    created_at: destination.createdAtMs,
    updated_at: destination.updatedAtMs,
  };
}

function storedOf(row: DestinationsTable): StoredDestination {
  return {
    id: row.id,
    name: row.name,
    isDefault: Number(row.is_default) === 1,
    settings: JSON.parse(row.settings) as DestinationSettings,
    sealedSecret: row.sealed_secret,
    createdAtMs: Number(row.created_at),
    updatedAtMs: Number(row.updated_at),
  };
}
