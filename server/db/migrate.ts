import type { Kysely } from "kysely";
import { foundation } from "./migrations/001-foundation.ts";
import { storageKeys } from "./migrations/002-storage-keys.ts";
import { cost } from "./migrations/003-cost.ts";
import { externalRuns } from "./migrations/004-external-runs.ts";
import { providerSettings } from "./migrations/005-provider-settings.ts";
import { users } from "./migrations/007-users.ts";
import type { Database } from "./schema.ts";

/** Every migration in order. Forward only: a released one never changes. */
const migrations: readonly { name: string; up: (db: Kysely<Database>) => Promise<void> }[] = [
  { name: "001-foundation", up: foundation },
  { name: "002-storage-keys", up: storageKeys },
  { name: "003-cost", up: cost },
  { name: "004-external-runs", up: externalRuns },
  { name: "005-provider-settings", up: providerSettings },
  { name: "007-users", up: users },
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

/**
 * Brings the database to this release's schema, each migration in its own transaction, so that a crash leaves
 * it before or after one. Throws {@link NewerSchemaError} when a newer release has written it.
 */
export async function migrate(db: Kysely<Database>, now: () => number): Promise<void> {
  await db.schema
    .createTable("schema_migrations")
    .ifNotExists()
    .addColumn("name", "varchar(80)", (column) => column.primaryKey())
    .addColumn("applied_at", "bigint", (column) => column.notNull())
    .execute();
  const applied = new Set(
    (await db.selectFrom("schema_migrations").select("name").execute()).map((row) => row.name),
  );
  const unknown = [...applied].filter((name) => !migrations.some((migration) => migration.name === name));
  if (unknown.length > 0) throw new NewerSchemaError(unknown);
  for (const migration of migrations) {
    if (applied.has(migration.name)) continue;
    await db.transaction().execute(async (transaction) => {
      await migration.up(transaction);
      await transaction
        .insertInto("schema_migrations")
        .values({ name: migration.name, applied_at: now() })
        .execute();
    });
  }
}
