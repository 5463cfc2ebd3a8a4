import { sql } from "kysely";
import { isSealed, sealingKeyId, type SecretBox } from "../domain/sealed-secret.ts";
import type { JobDatabase } from "./job-database.ts";
import { type SealedColumn, sealedColumns } from "./sealed-columns.ts";

/** Rows of one transaction: little enough that nobody waits long for its lock. */
const rowsAtOnce = 100;
/** A sealed string in JSON; sealed text holds nothing that JSON would write otherwise. */
const inJson = /"(sealed:v[12]:[\w:-]*)"/g;

/** What one look at everything sealed came to. */
export interface ResealCount {
  /** Values that are under the sealing key now, and were under another. */
  moved: number;
  /** Values that were under the sealing key already. */
  kept: number;
  /** Values that no key here opens; they are left as they are. */
  unreadable: { place: string; row: string; keyId: string | null }[];
  /** Rows that somebody else changed meanwhile; they are to be looked at once more. */
  missed: number;
}

/** Values by the key they are sealed with; the empty key is that of a release which did not say. */
export type SealedCounts = Record<string, Record<string, number>>;

/**
 * Seals everything that is sealed anew where another key than the sealing one did. A row is written only as it was read,
 * so that no change of somebody else is undone; cut off anywhere, the same call goes on. Safe while servers run.
 */
export async function reseal(
  db: JobDatabase,
  box: SecretBox,
  onRows: (rows: number) => void = () => undefined,
): Promise<ResealCount> {
  const count: ResealCount = { moved: 0, kept: 0, unreadable: [], missed: 0 };
  for (const sealed of sealedColumns)
    for await (const rows of pagesOf(db, sealed)) {
      const changes = rows.map((row) => ({ ...row, ...resealed(row.text, sealed.holds, box) }));
      const moving = changes.filter(({ moved }) => moved > 0);
      const done = await replaceAll(db, sealed, moving);
      count.missed += moving.length - done.length;
      for (const { moved } of done) count.moved += moved;
      for (const { id, kept, unreadable } of changes) {
        count.kept += kept;
        for (const keyId of unreadable)
          count.unreadable.push({ place: `${sealed.table}.${sealed.column}`, row: id, keyId });
      }
      onRows(rows.length);
    }
  return count;
}

/** How many values each key has sealed, by table and column. */
export async function sealedCounts(db: JobDatabase): Promise<SealedCounts> {
  const counts: SealedCounts = {};
  for (const sealed of sealedColumns)
    for await (const rows of pagesOf(db, sealed))
      for (const { text } of rows)
        for (const value of valuesIn(text, sealed.holds)) {
          const ofKey = (counts[sealingKeyId(value) ?? ""] ??= {});
          const place = `${sealed.table}.${sealed.column}`;
          ofKey[place] = (ofKey[place] ?? 0) + 1;
        }
  return counts;
}

/** Tables whose text is what programs printed or people did: a sealed text in it is nobody's secret. */
const toldOnly = new Set(["job_logs", "job_events", "audit_entries"]);

/** Columns that hold text sealed with another key than `keyId`, whether they are listed or not. */
export async function columnsUnderOtherKeys(db: JobDatabase, keyId: string): Promise<string[]> {
  const found: string[] = [];
  for (const table of await db.introspection.getTables())
    for (const { name, dataType } of toldOnly.has(table.name) ? [] : table.columns) {
      if (!/char|text/i.test(dataType)) continue;
      const column = sql.ref(name);
      const { rows } = await sql<{ text: string }>`
        select ${column} as text from ${sql.table(table.name)} where ${column} like '%sealed:v_:%'`.execute(
        db,
      );
      const others = rows.flatMap(({ text }) => [
        ...(isSealed(text) ? [text] : []),
        ...valuesIn(text, "json"),
      ]);
      if (others.some((value) => sealingKeyId(value) !== keyId)) found.push(`${table.name}.${name}`);
    }
  return found;
}

interface SealedRow {
  id: string;
  text: string;
}

/** Rows with sealed text, in the order of their keys; rows that come meanwhile may be among them or not. */
async function* pagesOf(db: JobDatabase, { table, key, column }: SealedColumn): AsyncGenerator<SealedRow[]> {
  for (let last = ""; ;) {
    const { rows } = await sql<SealedRow>`
      select ${sql.ref(key)} as id, ${sql.ref(column)} as text from ${sql.table(table)}
      where ${sql.ref(key)} > ${last} and ${sql.ref(column)} like '%sealed:v_:%'
      order by ${sql.ref(key)} limit ${sql.lit(rowsAtOnce)}`.execute(db);
    if (rows.length > 0) yield rows;
    const end = rows.at(-1);
    if (end === undefined || rows.length < rowsAtOnce) return;
    last = end.id;
  }
}

function valuesIn(text: string, holds: SealedColumn["holds"]): string[] {
  const values = holds === "whole" ? [text] : [...text.matchAll(inJson)].map(([, value = ""]) => value);
  return values.filter(isSealed);
}

function resealed(text: string, holds: SealedColumn["holds"], box: SecretBox) {
  let moved = 0;
  let kept = 0;
  const unreadable: (string | null)[] = [];
  const anew = (sealed: string): string => {
    if (!isSealed(sealed)) return sealed;
    if (sealingKeyId(sealed) === box.keyId()) {
      kept++;
      return sealed;
    }
    try {
      const opened = box.open(sealed);
      moved++;
      return box.seal(opened);
    } catch {
      unreadable.push(sealingKeyId(sealed));
      return sealed;
    }
  };
  const changed =
    holds === "whole" ? anew(text) : text.replace(inJson, (_, sealed: string) => `"${anew(sealed)}"`);
  return { changed, moved, kept, unreadable };
}

/** Writes each row that is still as it was read; answers those. */
async function replaceAll<Row extends SealedRow & { changed: string }>(
  db: JobDatabase,
  { table, key, column }: SealedColumn,
  rows: readonly Row[],
): Promise<Row[]> {
  if (rows.length === 0) return [];
  return db.transaction().execute(async (transaction) => {
    const done: Row[] = [];
    for (const row of rows) {
      const { numAffectedRows } = await sql`
        update ${sql.table(table)} set ${sql.ref(column)} = ${row.changed}
        where ${sql.ref(key)} = ${row.id} and ${sql.ref(column)} = ${row.text}`.execute(transaction);
      if (Number(numAffectedRows ?? 0) > 0) done.push(row);
    }
    return done;
  });
}
