import type { Kysely } from "kysely";
import type { Database } from "../schema.ts";

/** A piece of a log: whole lines joined by newlines, numbered from `firstLine`. */
export interface LogPiece {
  firstLine: number;
  lineCount: number;
  atMs: number;
  text: string;
}

/** A stored piece is closed above this many characters, so that a page never reads much more than it shows. */
const pieceChars = 32_768;

/** Reads and appends job logs. */
export function jobLogStore(db: Kysely<Database>) {
  return {
    /** Appends whole lines inside the caller's transaction, which also stores how far the log was read. */
    async append(
      transaction: Kysely<Database>,
      jobId: string,
      { firstLine, atMs, lines }: { firstLine: number; atMs: number; lines: readonly string[] },
    ): Promise<void> {
      for (let start = 0; start < lines.length;) {
        let end = start;
        for (let chars = 0; end < lines.length && chars < pieceChars; end++) chars += lines[end]?.length ?? 0;
        await transaction
          .insertInto("job_logs")
          .values({
            job_id: jobId,
            first_line: firstLine + start,
            line_count: end - start,
            at: atMs,
            text: lines.slice(start, end).join("\n"),
          })
          .execute();
        start = end;
      }
    },
    /** Pieces from the one that holds `fromLine` on, in order, at most `limit`. */
    async pieces(jobId: string, fromLine: number, limit: number): Promise<LogPiece[]> {
      const start = await db
        .selectFrom("job_logs")
        .select((row) => row.fn.max("first_line").as("first_line"))
        .where("job_id", "=", jobId)
        .where("first_line", "<=", fromLine)
        .executeTakeFirst();
      const rows = await db
        .selectFrom("job_logs")
        .select(["first_line", "line_count", "at", "text"])
        .where("job_id", "=", jobId)
        .where("first_line", ">=", Number(start?.first_line ?? 1))
        .orderBy("first_line")
        .limit(limit)
        .execute();
      return rows.map((row) => ({
        firstLine: row.first_line,
        lineCount: row.line_count,
        atMs: Number(row.at),
        text: row.text,
      }));
    },
    /** The number of stored lines. */
    async lineCount(jobId: string): Promise<number> {
      const row = await db
        .selectFrom("job_logs")
        .select(["first_line", "line_count"])
        .where("job_id", "=", jobId)
        .orderBy("first_line", "desc")
        .limit(1)
        .executeTakeFirst();
      return row ? row.first_line + row.line_count - 1 : 0;
    },
  };
}

/** See {@link jobLogStore}. */
export type JobLogStore = ReturnType<typeof jobLogStore>;
