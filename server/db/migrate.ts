import type { Kysely } from "kysely";
import type { Migrating } from "./engine.ts";
import type { JobDatabase } from "./job-database.ts";
import { foundation } from "./migrations/001-foundation.ts";
import { storageKeys } from "./migrations/002-storage-keys.ts";
import { cost } from "./migrations/003-cost.ts";
import { externalRuns } from "./migrations/004-external-runs.ts";
import { providerSettings } from "./migrations/005-provider-settings.ts";
import { deliveries } from "./migrations/006-deliveries.ts";
import { users } from "./migrations/007-users.ts";
import { audit } from "./migrations/009-audit.ts";
import { keyHolders } from "./migrations/012-key-holders.ts";
import { leaderFence } from "./migrations/013-leader-fence.ts";
import { jobTotals } from "./migrations/014-job-totals.ts";
import { auditExports } from "./migrations/015-audit-exports.ts";
import { servers } from "./migrations/016-servers.ts";
import type { Database } from "./schema.ts";

/** One change of the schema. It runs the same changes, in their order, whenever it runs. */
export interface Migration {
  name: string;
  up: (db: Kysely<Database>) => Promise<void>;
}

/** Every migration in order. Forward only: a released one never changes. */
const migrations: readonly Migration[] = [
  { name: "001-foundation", up: foundation },
  { name: "002-storage-keys", up: storageKeys },
  { name: "003-cost", up: cost },
  { name: "004-external-runs", up: externalRuns },
  { name: "005-provider-settings", up: providerSettings },
  { name: "006-deliveries", up: deliveries },
  { name: "007-users", up: users },
  { name: "009-audit", up: audit },
  { name: "012-key-holders", up: keyHolders },
  { name: "013-leader-fence", up: leaderFence },
  { name: "014-job-totals", up: jobTotals },
  { name: "015-audit-exports", up: auditExports },
  { name: "016-servers", up: servers },
];

/** Names of every migration of this release, in order. */
export const migrationNames: readonly string[] = migrations.map(({ name }) => name);

/** The database was written by a newer release than this one. */
export class NewerSchemaError extends Error {
  constructor(unknown: readonly string[]) {
    super(
      `The database was written by a newer release (it holds ${unknown.join(", ")}). Install that release again.`,
    );
    this.name = "NewerSchemaError";
  }
}

/** The database is what a copy or a restore that did not get to its end has left. */
export class UnfinishedCopyError extends Error {
  constructor() {
    super(
      "A copy or a restore into this database did not get to its end. Run the same `database copy` or `backup restore --offline` again.",
    );
    this.name = "UnfinishedCopyError";
  }
}

/** Stands among the migrations while a copy is written, so that no release uses the database. */
export const unfinishedCopy = "copy under way";

/**
 * Brings the database to this release's schema and answers the migrations that it took, however many processes do so at
 * once; a crash leaves nothing that the next start does not go on with. Throws {@link NewerSchemaError} when a newer
 * release has written it.
 */
export async function migrate(
  db: JobDatabase,
  now: () => number,
  wanted: readonly Migration[] = migrations,
): Promise<string[]> {
  return db.engine.alone(db, async (migrating) => {
    await makeMigrationTable(migrating.db);
    const pending = await pendingOf(migrating.db, wanted);
    await makeMigrations(migrating, now, pending);
    return pending.map(({ name }) => name);
  });
}

/** Makes the table that tells which migrations were made, where it is not there. */
export async function makeMigrationTable(db: Kysely<Database>): Promise<void> {
  await db.schema
    .createTable("schema_migrations")
    .ifNotExists()
    .addColumn("name", "varchar(80)", (column) => column.primaryKey())
    .addColumn("applied_at", "bigint", (column) => column.notNull())
    .execute();
}

/** Makes migrations, by default all of them, in a database that has none of them. */
export async function makeMigrations(
  migrating: Migrating,
  now: () => number,
  pending: readonly Migration[] = migrations,
): Promise<void> {
  for (const { name, up } of pending)
    await migrating.apply(name, async (changed) => {
      await up(changed);
      await changed.insertInto("schema_migrations").values({ name, applied_at: now() }).execute();
    });
}

/** Migrations that were not made yet; throws when the database is not this release's to use. */
async function pendingOf(db: Kysely<Database>, wanted: readonly Migration[]): Promise<readonly Migration[]> {
  const applied = new Set(
    (await db.selectFrom("schema_migrations").select("name").execute()).map((row) => row.name),
  );
  if (applied.has(unfinishedCopy)) throw new UnfinishedCopyError();
  const unknown = [...applied].filter((name) => !wanted.some((migration) => migration.name === name));
  if (unknown.length > 0) throw new NewerSchemaError(unknown);
  return wanted.filter(({ name }) => !applied.has(name));
}
