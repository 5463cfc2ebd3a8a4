import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { createConnection } from "mysql2/promise";
import pg from "pg";
import { type DatabaseAddress, databaseAddress } from "../config/database.ts";
import { oneOf } from "../config/values.ts";
import { openDatabase } from "../db/open-database.ts";
import type { JobDatabase } from "../db/job-database.ts";
import { databaseServer, databaseServerSkip } from "./real-services.ts";

/** The databases that the product runs on. */
export const testDatabaseKinds = ["sqlite", "postgres", "mariadb"] as const;
/** One of {@link testDatabaseKinds}. */
export type TestDatabaseKind = (typeof testDatabaseKinds)[number];

/** TEST_DATABASE: on which database tests run that can run on each. */
export const chosenDatabase: TestDatabaseKind = oneOf(
  process.env,
  "TEST_DATABASE",
  testDatabaseKinds,
  "sqlite",
);

/** Why tests on a kind of database are skipped here; false where they can run. */
export function databaseSkip(kind: TestDatabaseKind): string | false {
  return kind === "sqlite" ? false : databaseServerSkip(kind);
}

/** An empty database of a test. */
export interface FreshDatabase {
  readonly kind: TestDatabaseKind;
  readonly address: DatabaseAddress;
  /** What a server that is to use it needs in its environment; nothing for SQLite, whose file is where it always is. */
  readonly env: NodeJS.ProcessEnv;
  /** Removes it with everything in it; a file is left to whoever removes its folder. */
  drop(): Promise<void>;
}

/** Makes an empty database of a kind; a SQLite file lies in `folder`. */
export async function freshDatabase(kind: TestDatabaseKind, folder: string): Promise<FreshDatabase> {
  const name = `test_${randomBytes(8).toString("hex")}`;
  if (kind === "sqlite") {
    const address = { kind, path: join(folder, `${name}.db`) } as const;
    return { kind, address, env: {}, drop: async () => undefined };
  }
  const server = await databaseServer(kind);
  const quoted = kind === "postgres" ? `"${name}"` : `\`${name}\``;
  await onServer(kind, server, `CREATE DATABASE ${quoted}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return {
    kind,
    address: databaseAddress(url.href, "the test's database", {}),
    env: { SIMPLETUNER_DATABASE_URL: url.href },
    drop: () =>
      onServer(kind, server, `DROP DATABASE ${quoted}${kind === "postgres" ? " WITH (FORCE)" : ""}`),
  };
}

/** An empty database of the kind that {@link chosenDatabase} names, opened. */
export async function openTestDatabase(
  folder: string,
  now: () => number = Date.now,
): Promise<{ db: JobDatabase; close(): Promise<void> }> {
  const fresh = await freshDatabase(chosenDatabase, folder);
  const db = await openDatabase(fresh.address, now);
  return {
    db,
    async close() {
      await db.destroy();
      await fresh.drop();
    },
  };
}

async function onServer(kind: "postgres" | "mariadb", server: string, statement: string): Promise<void> {
  if (kind === "postgres") {
    const client = new pg.Client({ connectionString: server });
    await client.connect();
    await client.query(statement).finally(() => client.end());
  } else {
    const connection = await createConnection(server.replace(/^mariadb:/, "mysql:"));
    await connection.query(statement).finally(() => connection.end());
  }
}
