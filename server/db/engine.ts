import type { Dialect, Kysely } from "kysely";
import type { Database } from "./schema.ts";

/** The kinds of databases that the state may lie in. */
export type DatabaseKind = "sqlite" | "postgres" | "mysql";

/** How one migration is run, by whoever holds the lock. */
export interface Migrating {
  /** Everything that is read and written goes through it. */
  readonly db: Kysely<Database>;
  /** Runs a migration so that a crash leaves it not begun, done, or such that the next start goes on with it. */
  apply(name: string, up: (db: Kysely<Database>) => Promise<void>): Promise<void>;
}

/** What one kind of database does in its own way; everything else is portable SQL in stores and migrations. */
export interface Engine {
  readonly kind: DatabaseKind;
  /** As people call it: `SQLite`, `PostgreSQL`, `MySQL`, `MariaDB`. */
  readonly name: string;
  readonly dialect: Dialect;
  /**
   * What an error says of the transaction that it ended. `conflict`: others were in the way, the same transaction may go
   * through. `duplicate`: a row was there already, perhaps one that another wrote at the same moment.
   */
  verdict(error: unknown): "conflict" | "duplicate" | null;
  /** Does work on the schema alone: every other process waits until it is over. */
  alone<Answer>(db: Kysely<Database>, work: (migrating: Migrating) => Promise<Answer>): Promise<Answer>;
  /** The same engine on a connection of its own without time limits, for work that takes long; to be closed. */
  patient(): Promise<Engine>;
}
