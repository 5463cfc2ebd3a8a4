import { type Kysely, sql } from "kysely";
import { StartError } from "../../config/values.ts";
import type { Engine } from "../engine.ts";
import type { JobDatabase } from "../job-database.ts";
import { makeMigrations, makeMigrationTable, unfinishedCopy } from "../migrate.ts";
import type { Database } from "../schema.ts";
import { migrationState } from "./migration-state.ts";
import { type Fingerprint, FingerprintSum, pagesOf, type Row } from "./table-rows.ts";
import { type TableShape, tableShapes } from "./table-shapes.ts";

/** A table of which both sides hold the same. */
export interface CopiedTable extends Fingerprint {
  readonly name: string;
}

/** What is copied where. */
export interface CopyOptions {
  readonly source: JobDatabase;
  /** Empty, or what a copy has left that did not get to its end. */
  readonly target: JobDatabase;
  readonly now: () => number;
  /** Told of each table once it is written; not compared yet. */
  readonly onTable: (name: string, rows: number) => void | Promise<void>;
}

/** Tells how each database came about; every database has its own. */
const ownTables = new Set(["schema_migrations", "schema_steps"]);
/** Values of one statement at most: SQLite takes 32,766, the others more. */
const mostValues = 30_000;

/**
 * Copies everything from one moment of `source` into `target` and compares counts and checksums of what lies in both. The
 * target is complete at the end or no release uses it: PostgreSQL and SQLite show nothing of it before, MySQL holds a mark
 * until then, at which the same copy begins anew. Throws {@link StartError} where it cannot be done.
 */
export async function copyDatabase({ source, target, now, onTable }: CopyOptions): Promise<CopiedTable[]> {
  await refuseOtherSchema(source);
  return target.engine.alone(target, async (migrating) => {
    const { db } = migrating;
    await makeEmpty(db, target.engine);
    await makeMigrationTable(db);
    await db.insertInto("schema_migrations").values({ name: unfinishedCopy, applied_at: now() }).execute();
    await makeMigrations(migrating, now);
    const tables = (await tableShapes(db, target.engine.kind)).filter(({ name }) => !ownTables.has(name));
    // What a migration puts into a new database is among what is copied.
    for (const { name } of tables) await sql`delete from ${sql.table(name)}`.execute(db);
    const written = await inSnapshot(source, (snapshot) => writeTables(snapshot, db, tables, onTable));
    for (const table of tables)
      refuseUnequal(table.name, written.get(table.name), await fingerprintOf(db, table));
    await db.deleteFrom("schema_migrations").where("name", "=", unfinishedCopy).execute();
    return tables.flatMap(({ name }) => {
      const fingerprint = written.get(name);
      return fingerprint ? [{ name, ...fingerprint }] : [];
    });
  });
}

async function refuseOtherSchema(source: JobDatabase): Promise<void> {
  const { pending, unknown, isUnfinishedCopy, applied } = await migrationState(source, source.engine.kind);
  if (applied.length === 0) throw new StartError("There is nothing to copy: the source is empty.");
  if (isUnfinishedCopy)
    throw new StartError(
      "The source is what a copy has left that did not get to its end. Copy from its source.",
    );
  if (unknown.length > 0)
    throw new StartError(
      `The source was written by a newer release (it holds ${unknown.join(", ")}). Use that one.`,
    );
  if (pending.length > 0)
    throw new StartError(
      `The source has an older schema (${pending.join(", ")} to come). Bring it up to date with: simpletuner-cloud database migrate`,
    );
}

/** Throws when the target holds anything but what an earlier copy has left; removes that. */
async function makeEmpty(db: Kysely<Database>, { kind, name: engineName }: Engine): Promise<void> {
  const shapes = await tableShapes(db, kind);
  const rest = shapes.filter(({ name }) => !ownTables.has(name));
  const { isUnfinishedCopy, applied } = await migrationState(db, kind);
  if (!isUnfinishedCopy && (rest.length > 0 || applied.length > 0))
    throw new StartError(
      `The target holds ${shapes.length} tables already (${shapes[0]?.name}, …). Name an empty ${engineName} database: nothing is ever copied over what is there.`,
    );
  for (const { name } of rest) await db.schema.dropTable(name).execute();
  if (shapes.some(({ name }) => name === "schema_steps"))
    await sql`delete from ${sql.table("schema_steps")}`.execute(db);
  // Last, so that what is left of the tables is never taken for a database.
  if (shapes.some(({ name }) => name === "schema_migrations"))
    await db.schema.dropTable("schema_migrations").execute();
}

/** Everything that `work` reads is of one moment; nothing of it is done twice. */
async function inSnapshot<Answer>(
  source: JobDatabase,
  work: (snapshot: Kysely<Database>) => Promise<Answer>,
): Promise<Answer> {
  const snapshot = await source.startTransaction().setIsolationLevel("repeatable read").execute();
  try {
    return await work(snapshot);
  } finally {
    await snapshot.rollback().execute();
  }
}

async function writeTables(
  source: Kysely<Database>,
  target: Kysely<Database>,
  tables: readonly TableShape[],
  onTable: CopyOptions["onTable"],
): Promise<ReadonlyMap<string, Fingerprint>> {
  const written = new Map<string, Fingerprint>();
  for (const table of tables) {
    const sum = new FingerprintSum(table);
    for await (const rows of pagesOf(source, table)) {
      sum.add(rows);
      await insert(target, table, rows);
    }
    written.set(table.name, sum.total());
    await onTable(table.name, sum.total().rows);
  }
  return written;
}

async function insert(
  db: Kysely<Database>,
  { name, columns }: TableShape,
  rows: readonly Row[],
): Promise<void> {
  const names = sql.join(columns.map((column) => sql.ref(column)));
  const most = Math.floor(mostValues / columns.length);
  for (let start = 0; start < rows.length; start += most) {
    const tuples = rows
      .slice(start, start + most)
      .map((row) => sql`(${sql.join(columns.map((column) => row[column] ?? null))})`);
    await sql`insert into ${sql.table(name)} (${names}) values ${sql.join(tuples)}`
      .execute(db)
      .catch((error: unknown) => {
        throw new StartError(`The table ${name} cannot be written: ${(error as Error).message}`, {
          cause: error,
        });
      });
  }
}

async function fingerprintOf(db: Kysely<Database>, table: TableShape): Promise<Fingerprint> {
  const sum = new FingerprintSum(table);
  for await (const rows of pagesOf(db, table)) sum.add(rows);
  return sum.total();
}

function refuseUnequal(name: string, from: Fingerprint | undefined, to: Fingerprint): void {
  if (from?.rows === to.rows && from.checksum === to.checksum) return;
  throw new StartError(
    `The copy is not equal to its source: ${name} has ${from?.rows} rows (${from?.checksum}) there and ${to.rows} rows (${to.checksum}) here. The target is not used by any server; run the same copy again.`,
  );
}
