import { DatabaseSync } from "node:sqlite";
import { type Kysely, sql } from "kysely";
import { StartError } from "../../config/values.ts";
import { sqliteEngine } from "../dialects/sqlite.ts";
import type { Engine, Migrating } from "../engine.ts";
import { JobDatabase } from "../job-database.ts";
import { makeMigrations, makeMigrationTable, migrate, unfinishedCopy } from "../migrate.ts";
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
  /** Empty, or what a copy has left that did not get to its end; else `replacing` has to be there. */
  readonly target: JobDatabase;
  readonly now: () => number;
  /** Told of each table once it is written; not compared yet. */
  readonly onTable: (name: string, rows: number) => void | Promise<void>;
  /**
   * Allows to put the copy in place of what the target holds. Called while no server can start on it and before anything
   * is changed, with whether it holds a whole state; what this throws leaves that as it is.
   */
  readonly replacing?: (target: Kysely<Database>, holdsState: boolean) => Promise<void>;
}

/** Tells how each database came about; every database has its own. */
const ownTables = new Set(["schema_migrations", "schema_steps"]);
/** Values of one statement at most: SQLite takes 32,766, the others more. */
const mostValues = 30_000;

/**
 * Copies everything from one moment of `source` into `target` and compares counts and checksums of what lies in both. The
 * target is complete at the end or no release uses it: PostgreSQL and SQLite show nothing of it before, MySQL holds a mark
 * until then, at which the same copy begins anew. Tables that are not the product's stay as they are. Throws
 * {@link StartError} where it cannot be done.
 */
export async function copyDatabase(options: CopyOptions): Promise<CopiedTable[]> {
  const { source, target, onTable } = options;
  await refuseOtherSchema(source);
  const names = await namesOfTables();
  return target.engine.alone(target, async (migrating) => {
    const { db } = migrating;
    await makeReady(migrating, names, options);
    const tables = (await tableShapes(db, target.engine.kind)).filter(
      ({ name }) => names.has(name) && !ownTables.has(name),
    );
    // What a migration puts into a new database is among what is copied.
    await removeRows(db, target.engine.kind, tables);
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

/** Every table of this release's schema: what else lies in a database is not the product's. */
async function namesOfTables(): Promise<ReadonlySet<string>> {
  const db = new JobDatabase(sqliteEngine(new DatabaseSync(":memory:")));
  try {
    await migrate(db, Date.now);
    return new Set((await tableShapes(db, "sqlite")).map(({ name }) => name));
  } finally {
    await db.destroy();
  }
}

/** Leaves the target with this release's schema and the mark of an unfinished copy. */
async function makeReady(
  migrating: Migrating,
  names: ReadonlySet<string>,
  { target: { engine }, now, replacing }: CopyOptions,
): Promise<void> {
  const { db } = migrating;
  const { applied, pending, unknown, isUnfinishedCopy } = await migrationState(db, engine.kind);
  if (replacing && unknown.length > 0)
    throw new StartError(
      `The database was written by a newer release (it holds ${unknown.join(", ")}), and nothing is put in its place. Use that release, or name an empty database.`,
    );
  const mark = () =>
    db.insertInto("schema_migrations").values({ name: unfinishedCopy, applied_at: now() }).execute();
  await replacing?.(db, applied.length > 0 && !isUnfinishedCopy);
  // The tables stay where they can, and with them what others may read of them.
  if (replacing && applied.length > 0 && pending.length === 0) {
    if (!isUnfinishedCopy) await mark();
    return;
  }
  await makeEmpty(db, engine, { names, mayHoldOthers: replacing !== undefined });
  await makeMigrationTable(db);
  await mark();
  await makeMigrations(migrating, now);
}

/** Throws when the target holds anything but what an earlier copy has left; removes that. */
async function makeEmpty(
  db: Kysely<Database>,
  { kind, name: engineName }: Engine,
  { names, mayHoldOthers }: { names: ReadonlySet<string>; mayHoldOthers: boolean },
): Promise<void> {
  const shapes = await tableShapes(db, kind);
  const rest = shapes.filter(({ name }) => !ownTables.has(name) && (names.has(name) || !mayHoldOthers));
  const { isUnfinishedCopy, applied } = await migrationState(db, kind);
  if (!isUnfinishedCopy && (rest.length > 0 || applied.length > 0))
    throw new StartError(
      `The target holds ${shapes.length} tables already (${shapes[0]?.name}, …). Name an empty ${engineName} database: nothing is ever copied over what is there.`,
    );
  for (const { name } of rest) if (names.has(name)) await db.schema.dropTable(name).execute();
  if (shapes.some(({ name }) => name === "schema_steps"))
    await sql`delete from ${sql.table("schema_steps")}`.execute(db);
  // Last, so that what is left of the tables is never taken for a database.
  if (shapes.some(({ name }) => name === "schema_migrations"))
    await db.schema.dropTable("schema_migrations").execute();
}

/** TRUNCATE gives the space back at once, and leaves no row behind to be cleaned up. */
async function removeRows(
  db: Kysely<Database>,
  kind: Engine["kind"],
  tables: readonly TableShape[],
): Promise<void> {
  for (const { name } of tables)
    await (
      kind === "sqlite" ? sql`delete from ${sql.table(name)}` : sql`truncate table ${sql.table(name)}`
    ).execute(db);
}

/** Everything that `work` reads is of one moment; nothing of it is done twice. */
async function inSnapshot<Answer>(
  source: JobDatabase,
  work: (snapshot: Kysely<Database>) => Promise<Answer>,
): Promise<Answer> {
  const snapshot = await source
    .startTransaction()
    .setIsolationLevel("repeatable read")
    .setAccessMode("read only")
    .execute();
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
    `The copy is not equal to its source: ${name} has ${from?.rows} rows (${from?.checksum}) there and ${to.rows} rows (${to.checksum}) here. The target is not used by any server; run the same again.`,
  );
}
