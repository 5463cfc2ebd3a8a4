import { type Kysely, sql } from "kysely";
import { Failure } from "@simpletuner-cloud/contract/errors.ts";
import type { Engine } from "../engine.ts";
import type { Database } from "../schema.ts";
import { consistencyProblems } from "./consistency.ts";
import { migrationState, type MigrationState } from "./migration-state.ts";
import { tableShapes } from "./table-shapes.ts";

/** What reading a database through has shown. */
export interface DatabaseVerdict {
  /** Empty when it is sound; each is one sentence. */
  readonly problems: readonly string[];
  /** Rows of each table, up to the one that could not be read. */
  readonly rows: Readonly<Record<string, number>>;
}

/** Problems that are told at most; one damaged page can make thousands. */
const mostProblems = 50;

/**
 * Reads a database through: its own check of what is stored, the schema, and that what the product keeps twice agrees.
 * All rows are of one moment, so it may be in use. Throws only when it cannot be reached.
 */
export async function verifyDatabase(db: Kysely<Database>, kind: Engine["kind"]): Promise<DatabaseVerdict> {
  const problems: string[] = [];
  const rows: Record<string, number> = {};
  await noting(problems, async () => void problems.push(...(await storageProblems(db, kind))));
  await noting(problems, () =>
    db
      .transaction()
      .setIsolationLevel("repeatable read")
      .execute(async (snapshot) => {
        const state = await migrationState(snapshot, kind);
        problems.push(...schemaProblems(state));
        for (const { name } of await tableShapes(snapshot, kind)) rows[name] = await rowsOf(snapshot, name);
        if (problems.length === 0) problems.push(...(await consistencyProblems(snapshot)));
      }),
  );
  return { problems: problems.slice(0, mostProblems), rows };
}

async function rowsOf(db: Kysely<Database>, table: string): Promise<number> {
  const { rows } = await sql<{ rows_: number }>`select count(*) as rows_ from ${sql.table(table)}`.execute(
    db,
  );
  return Number(rows[0]?.rows_);
}

/** Damage is what is looked for; that the database does not answer says nothing of it. */
async function noting(problems: string[], work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof Failure && error.code !== "database_corrupt") throw error;
    const problem = error instanceof Failure ? String(error.details["problem"]) : (error as Error).message;
    if (!problems.includes(problem)) problems.push(problem);
  }
}

function schemaProblems({ pending, unknown, isUnfinishedCopy }: MigrationState): string[] {
  return [
    ...(isUnfinishedCopy
      ? ["A copy or a restore into this database did not get to its end; run the same again."]
      : []),
    ...(unknown.length > 0
      ? [`A newer release wrote it (${unknown.join(", ")}); install that release.`]
      : []),
    ...(pending.length > 0
      ? [`Its schema is not this release's yet (${pending.join(", ")} to come); run: database migrate`]
      : []),
  ];
}

async function storageProblems(db: Kysely<Database>, kind: Engine["kind"]): Promise<string[]> {
  if (kind === "sqlite") return sqliteProblems(db);
  return kind === "postgres" ? postgresProblems(db) : mysqlProblems(db);
}

async function sqliteProblems(db: Kysely<Database>): Promise<string[]> {
  const { rows } = await sql<{
    integrity_check: string;
  }>`pragma integrity_check(${sql.lit(mostProblems)})`.execute(db);
  return rows
    .flatMap(({ integrity_check }) => integrity_check.split("\n"))
    .filter((line) => line !== "ok" && !line.startsWith("*** in database"));
}

/** What PostgreSQL noted itself; reading the rows, as is done next, checks their pages where checksums are on. */
async function postgresProblems(db: Kysely<Database>): Promise<string[]> {
  const broken = await sql<{ name: string }>`
    select c.relname as name from pg_index i join pg_class c on c.oid = i.indexrelid
    join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = current_schema() and not i.indisvalid`.execute(db);
  const noted = await sql<{ failures: number | null }>`
    select checksum_failures as failures from pg_stat_database where datname = current_database()`.execute(
    db,
  );
  const failures = Number(noted.rows[0]?.failures ?? 0);
  return [
    ...broken.rows.map(
      ({ name }) => `The index ${name} is not valid; make it anew with: REINDEX INDEX ${name}`,
    ),
    ...(failures > 0 ? [`PostgreSQL found ${failures} pages whose checksum is wrong.`] : []),
  ];
}

async function mysqlProblems(db: Kysely<Database>): Promise<string[]> {
  const problems: string[] = [];
  for (const { name } of await tableShapes(db, "mysql")) {
    const { rows } = await sql<{
      Msg_type: string;
      Msg_text: string;
    }>`check table ${sql.table(name)}`.execute(db);
    for (const { Msg_type: type, Msg_text: text } of rows)
      if (/^(error|warning)$/i.test(type)) problems.push(`${name}: ${text}`);
  }
  return problems;
}
