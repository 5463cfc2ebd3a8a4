import type { Kysely } from "kysely";
import type { Engine } from "../engine.ts";
import { migrationNames, unfinishedCopy } from "../migrate.ts";
import type { Database } from "../schema.ts";
import { tableShapes } from "./table-shapes.ts";

/** How far a database's schema is. Names are those of migrations, in their order. */
export interface MigrationState {
  readonly applied: readonly { readonly name: string; readonly atMs: number }[];
  /** Of this release, and not made yet. */
  readonly pending: readonly string[];
  /** Made by a newer release. */
  readonly unknown: readonly string[];
  /** A copy or a restore into the database did not get to its end. */
  readonly isUnfinishedCopy: boolean;
}

/** Reads which migrations a database has; it changes nothing, and an empty database has none. */
export async function migrationState(db: Kysely<Database>, kind: Engine["kind"]): Promise<MigrationState> {
  const isMade = (await tableShapes(db, kind)).some(({ name }) => name === "schema_migrations");
  const rows = isMade ? await db.selectFrom("schema_migrations").selectAll().orderBy("name").execute() : [];
  const applied = rows.filter(({ name }) => name !== unfinishedCopy);
  return {
    applied: applied.map(({ name, applied_at }) => ({ name, atMs: applied_at })),
    pending: migrationNames.filter((name) => !applied.some((row) => row.name === name)),
    unknown: applied.map(({ name }) => name).filter((name) => !migrationNames.includes(name)),
    isUnfinishedCopy: applied.length < rows.length,
  };
}
