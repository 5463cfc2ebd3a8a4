import {
  type CompiledQuery,
  type DatabaseConnection,
  DummyDriver,
  Kysely,
  MysqlAdapter,
  MysqlIntrospector,
  type QueryResult,
  sql,
} from "kysely";
import type { Migrating } from "../engine.ts";
import type { Database } from "../schema.ts";

/** How far each migration got that is not done: the table exists at MySQL alone. */
interface Steps {
  schema_steps: { migration: string; done: number };
}

/** What a change of the schema says when it was made before; numbers of MySQL and MariaDB. */
const madeBefore = new Set([1050, 1051, 1060, 1061, 1091, 1826]);

/**
 * Runs migrations statement by statement on one connection and notes each that is done, because MySQL commits at every
 * change of the schema: one that was cut off goes on behind its last statement. A change of data is noted in its own
 * transaction; a change of the schema may be made and not noted, so the first one after a cut may find itself made. A
 * migration must run the same statements each time; what it reads is always read.
 */
export async function stepwise(connection: Kysely<Database>): Promise<Migrating> {
  await connection.schema
    .createTable("schema_steps")
    .ifNotExists()
    .addColumn("migration", "varchar(80)", (column) => column.primaryKey())
    .addColumn("done", "integer", (column) => column.notNull())
    .execute();
  const steps = connection as unknown as Kysely<Database & Steps>;
  return {
    db: connection,
    async apply(migration, up) {
      const row = await steps
        .selectFrom("schema_steps")
        .select("done")
        .where("migration", "=", migration)
        .executeTakeFirst();
      if (!row) await steps.insertInto("schema_steps").values({ migration, done: 0 }).execute();
      await up(steppingDatabase(steps, migration, row ? Number(row.done) : null));
      await steps.deleteFrom("schema_steps").where("migration", "=", migration).execute();
    },
  };
}

/** A database whose changes are steps; `before` is the number of those done by an earlier start, null at the first. */
function steppingDatabase(
  db: Kysely<Database & Steps>,
  migration: string,
  before: number | null,
): Kysely<Database> {
  return new Kysely<Database>({
    dialect: {
      createAdapter: () => new MysqlAdapter(),
      createDriver: () => new StepDriver(new StepConnection(db, migration, before)),
      createIntrospector: (any) => new MysqlIntrospector(any),
      createQueryCompiler: () => ({ compileQuery: (node, id) => db.getExecutor().compileQuery(node, id) }),
    },
  });
}

class StepDriver extends DummyDriver {
  readonly #connection: DatabaseConnection;

  constructor(connection: DatabaseConnection) {
    super();
    this.#connection = connection;
  }

  override async acquireConnection(): Promise<DatabaseConnection> {
    return this.#connection;
  }
}

class StepConnection implements DatabaseConnection {
  readonly #db: Kysely<Database & Steps>;
  readonly #migration: string;
  readonly #before: number | null;
  #position = 0;

  constructor(db: Kysely<Database & Steps>, migration: string, before: number | null) {
    this.#db = db;
    this.#migration = migration;
    this.#before = before;
  }

  async executeQuery<Row>(query: CompiledQuery): Promise<QueryResult<Row>> {
    if (/^\s*select\b/i.test(query.sql)) return this.#db.executeQuery(query as CompiledQuery<Row>);
    this.#position++;
    if (this.#before !== null && this.#position <= this.#before) return { rows: [] };
    await (/^\s*(insert|update|delete)\b/i.test(query.sql)
      ? this.#changeData(query)
      : this.#changeSchema(query));
    return { rows: [] };
  }

  streamQuery(): never {
    throw new Error("migrations do not stream");
  }

  async #changeData(query: CompiledQuery): Promise<void> {
    await sql`begin`.execute(this.#db);
    await this.#db.executeQuery(query);
    await this.#note();
    await sql`commit`.execute(this.#db);
  }

  async #changeSchema(query: CompiledQuery): Promise<void> {
    try {
      await this.#db.executeQuery(query);
    } catch (error) {
      const isMade = madeBefore.has(Number((error as { errno?: unknown }).errno));
      if (!isMade || this.#before === null || this.#position !== this.#before + 1) throw error;
    }
    await this.#note();
  }

  async #note(): Promise<void> {
    await this.#db
      .updateTable("schema_steps")
      .set({ done: this.#position })
      .where("migration", "=", this.#migration)
      .execute();
  }
}
