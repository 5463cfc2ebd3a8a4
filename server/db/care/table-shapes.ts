import { type Kysely, type RawBuilder, sql } from "kysely";
import type { Engine } from "../engine.ts";
import type { Database } from "../schema.ts";

/** A table as the database itself describes it. */
export interface TableShape {
  readonly name: string;
  /** In the table's own order. */
  readonly columns: readonly string[];
  /** Columns of its primary key, in the key's order. */
  readonly key: readonly string[];
}

/** A column, and its place in the primary key, counted from 1; 0 when it is not in it. */
interface ColumnRow {
  table_name: string;
  column_name: string;
  in_key: number;
}

/** Every table of the database in the order of their names, also those that this release does not know. */
export async function tableShapes(db: Kysely<Database>, kind: Engine["kind"]): Promise<TableShape[]> {
  const { rows } = await columnsIn[kind].execute(db);
  const tables = new Map<string, ColumnRow[]>();
  for (const row of rows) tables.set(row.table_name, [...(tables.get(row.table_name) ?? []), row]);
  return [...tables].map(([name, columns]) => ({
    name,
    columns: columns.map(({ column_name }) => column_name),
    key: columns
      .filter(({ in_key }) => Number(in_key) > 0)
      .sort((a, b) => Number(a.in_key) - Number(b.in_key))
      .map(({ column_name }) => column_name),
  }));
}

function standardColumns(schema: RawBuilder<unknown>): RawBuilder<ColumnRow> {
  return sql<ColumnRow>`
    select c.table_name as table_name, c.column_name as column_name, coalesce(k.ordinal_position, 0) as in_key
    from information_schema.columns c
    join information_schema.tables t
      on t.table_schema = c.table_schema and t.table_name = c.table_name and t.table_type = 'BASE TABLE'
    left join information_schema.table_constraints p
      on p.table_schema = c.table_schema and p.table_name = c.table_name and p.constraint_type = 'PRIMARY KEY'
    left join information_schema.key_column_usage k
      on k.table_schema = c.table_schema and k.table_name = c.table_name
        and k.constraint_name = p.constraint_name and k.column_name = c.column_name
    where c.table_schema = ${schema}
    order by c.table_name, c.ordinal_position`;
}

const columnsIn: Readonly<Record<Engine["kind"], RawBuilder<ColumnRow>>> = {
  sqlite: sql<ColumnRow>`
    select m.name as table_name, p.name as column_name, p.pk as in_key
    from sqlite_master m join pragma_table_info(m.name) p
    where m.type = 'table' and m.name not like 'sqlite\\_%' escape '\\'
    order by m.name, p.cid`,
  postgres: standardColumns(sql`current_schema()`),
  mysql: standardColumns(sql`database()`),
};
