import { createHash } from "node:crypto";
import { type Expression, type Kysely, type SqlBool, sql } from "kysely";
import type { Database } from "../schema.ts";
import type { TableShape } from "./table-shapes.ts";

/** A row as it comes and goes: whole numbers, fractions, text and null are all there is. */
export type Row = Readonly<Record<string, string | number | null>>;

/** How many rows a table has, and a number that tells whether two tables hold the same ones. */
export interface Fingerprint {
  readonly rows: number;
  /** 32 hexadecimal digits; the order of the rows does not matter, how often one is there does. */
  readonly checksum: string;
}

/** About so many characters are read at once, or one row that has more; and never more rows than that. */
const pageCharacters = 1 << 20;
const mostRowsOfPage = 1_000;

/** Reads a table in the order of its key, page by page. */
export async function* pagesOf(db: Kysely<Database>, table: TableShape): AsyncGenerator<readonly Row[]> {
  let length = 20;
  let behind: Row | null = null;
  for (;;) {
    const rows: readonly Row[] = await page(db, table, behind, length);
    if (rows.length > 0) yield rows;
    if (rows.length < length) return;
    behind = rows.at(-1) ?? null;
    const characters = rows.reduce((sum, row) => sum + charactersOf(row), 0);
    length = Math.max(1, Math.min(mostRowsOfPage, Math.floor((length * pageCharacters) / characters)));
  }
}

async function page(
  db: Kysely<Database>,
  { name, columns, key }: TableShape,
  behind: Row | null,
  length: number,
): Promise<readonly Row[]> {
  const { rows } = await sql<Row>`
    select ${sql.join(columns.map((column) => sql.ref(column)))} from ${sql.table(name)}
    ${behind === null ? sql`` : sql`where ${isBehind(key, behind)}`}
    order by ${sql.join(key.map((column) => sql.ref(column)))} limit ${sql.lit(length)}`.execute(db);
  return rows;
}

function charactersOf(row: Row): number {
  return Object.values(row).reduce<number>(
    (sum, value) => sum + (typeof value === "string" ? value.length : 8),
    0,
  );
}

/** `(a, b) > (x, y)`, written so that every database walks along its index. */
function isBehind(key: readonly string[], row: Row): Expression<SqlBool> {
  const [first = "", ...rest] = key;
  const [column, value] = [sql.ref(first), row[first]];
  if (rest.length === 0) return sql<SqlBool>`${column} > ${value}`;
  return sql<SqlBool>`(${column} >= ${value} and (${column} > ${value} or ${isBehind(rest, row)}))`;
}

/** Adds rows up to a {@link Fingerprint}. */
export class FingerprintSum {
  #rows = 0;
  #sum = 0n;
  readonly #columns: readonly string[];

  constructor({ columns }: TableShape) {
    this.#columns = columns;
  }

  add(rows: readonly Row[]): void {
    for (const row of rows) {
      const text = JSON.stringify(this.#columns.map((column) => comparable(row[column] ?? null)));
      const digest = createHash("sha256").update(text).digest();
      this.#sum += (digest.readBigUInt64BE(0) << 64n) | digest.readBigUInt64BE(8);
      this.#rows++;
    }
  }

  total(): Fingerprint {
    return { rows: this.#rows, checksum: BigInt.asUintN(128, this.#sum).toString(16).padStart(32, "0") };
  }
}

/** PostgreSQL's text holds every character but NUL, which is written as U+FFFD there. */
function comparable(value: string | number | null): string | number | null {
  return typeof value === "string" ? value.replaceAll("\0", "\ufffd") : value;
}
