import { type Kysely, type RawBuilder, sql } from "kysely";
import type { Engine } from "../engine.ts";
import type { Database } from "../schema.ts";
import { tableShapes } from "./table-shapes.ts";

/** How large a database is; sizes in bytes. */
export interface DatabaseStats {
  /** The database software's own version. */
  readonly version: string;
  readonly sizeBytes: number;
  /** What `vacuum` can give back; null where the database does not tell. */
  readonly reclaimableBytes: number | null;
  /** True when rows were counted; false when the database's own estimates are told. */
  readonly rowsAreExact: boolean;
  /** Connections that are open to it; null for a file. */
  readonly connections: number | null;
  /** The largest first. `sizeBytes` includes the indexes. */
  readonly tables: readonly { readonly name: string; readonly rows: number; readonly sizeBytes: number }[];
}

/** Reads how large a database is; on a database server this costs no pass over the rows. */
export async function databaseStats(db: Kysely<Database>, kind: Engine["kind"]): Promise<DatabaseStats> {
  const stats = await readers[kind](db);
  return { ...stats, tables: stats.tables.toSorted((a, b) => b.sizeBytes - a.sizeBytes) };
}

interface TableRow {
  name: string;
  rows_: number;
  bytes: number;
}

const readers: Readonly<Record<Engine["kind"], (db: Kysely<Database>) => Promise<DatabaseStats>>> = {
  sqlite: sqliteStats,
  postgres: postgresStats,
  mysql: mysqlStats,
};

async function one<Row>(db: Kysely<Database>, query: RawBuilder<Row>): Promise<Row> {
  const [row] = (await query.execute(db)).rows;
  if (row === undefined) throw new Error("the database answered without a row");
  return row;
}

function tableOf({ name, rows_, bytes }: TableRow) {
  return { name, rows: Math.max(0, Number(rows_)), sizeBytes: Number(bytes) };
}

async function sqliteStats(db: Kysely<Database>): Promise<DatabaseStats> {
  const facts = await one(
    db,
    sql<{ version: string; pages: number; free: number; page: number }>`
      select sqlite_version() as version, (select page_count from pragma_page_count) as pages,
        (select freelist_count from pragma_freelist_count) as free, (select page_size from pragma_page_size) as page`,
  );
  const sizes = await sql<{ name: string; bytes: number }>`
    select m.tbl_name as name, sum(s.pgsize) as bytes
    from dbstat s join sqlite_master m on m.name = s.name where s.aggregate = true group by m.tbl_name`.execute(
    db,
  );
  const bytesOf = new Map(sizes.rows.map(({ name, bytes }) => [name, bytes]));
  const tables = [];
  for (const { name } of await tableShapes(db, "sqlite")) {
    const { rows_ } = await one(db, sql<{ rows_: number }>`select count(*) as rows_ from ${sql.table(name)}`);
    tables.push({ name, rows: rows_, sizeBytes: bytesOf.get(name) ?? 0 });
  }
  return {
    version: facts.version,
    sizeBytes: facts.pages * facts.page,
    reclaimableBytes: facts.free * facts.page,
    rowsAreExact: true,
    connections: null,
    tables,
  };
}

async function postgresStats(db: Kysely<Database>): Promise<DatabaseStats> {
  const facts = await one(
    db,
    sql<{ version: string; bytes: number; connections: number }>`
      select current_setting('server_version') as version, pg_database_size(current_database()) as bytes,
        (select count(*) from pg_stat_activity where datname = current_database()) as connections`,
  );
  const { rows } = await sql<TableRow>`
    select c.relname as name, greatest(c.reltuples, coalesce(s.n_live_tup, 0))::bigint as rows_,
      pg_total_relation_size(c.oid) as bytes
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    left join pg_stat_user_tables s on s.relid = c.oid
    where n.nspname = current_schema() and c.relkind = 'r'`.execute(db);
  return {
    version: facts.version,
    sizeBytes: Number(facts.bytes),
    reclaimableBytes: null,
    rowsAreExact: false,
    connections: Number(facts.connections),
    tables: rows.map(tableOf),
  };
}

async function mysqlStats(db: Kysely<Database>): Promise<DatabaseStats> {
  const facts = await one(
    db,
    sql<{ version: string; connections: number }>`
      select version() as version,
        (select count(*) from information_schema.processlist where db = database()) as connections`,
  );
  const { rows } = await sql<TableRow & { free: number }>`
    select table_name as name, table_rows as rows_, data_length + index_length as bytes, data_free as free
    from information_schema.tables where table_schema = database() and table_type = 'BASE TABLE'`.execute(db);
  return {
    version: facts.version,
    sizeBytes: rows.reduce((sum, { bytes, free }) => sum + Number(bytes) + Number(free), 0),
    reclaimableBytes: rows.reduce((sum, { free }) => sum + Number(free), 0),
    rowsAreExact: false,
    connections: Number(facts.connections),
    tables: rows.map(tableOf),
  };
}
