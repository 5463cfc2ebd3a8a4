import { setImmediate as nextTurn } from "node:timers/promises";
import type { LogLine, LogPage, logEndpoints } from "@simpletuner-cloud/contract/logs.ts";
import type { JobLogStore, LogPiece } from "../db/stores/job-logs.ts";
import type { JobStore } from "../db/stores/jobs.ts";
import { levelOf } from "../domain/log-progress.ts";
import type { Handlers, StreamMessage } from "./handler.ts";
import { accessibleJob } from "./job-access.ts";
import type { LiveEvents } from "./live-events.ts";

/** Pieces read from the database at a time. */
const piecesAtOnce = 50;
/** Lines of one stream message at most. */
const linesPerMessage = 1_000;

/** What the log use cases need. */
export interface LogServiceOptions {
  jobs: JobStore;
  logs: JobLogStore;
  live: LiveEvents;
}

/** Logs of jobs: pages, search, the whole text, and a stream that follows. */
export function logService(options: LogServiceOptions): Handlers<typeof logEndpoints> {
  const { jobs, logs } = options;
  return {
    async jobLogs({ params, query }, context) {
      await accessibleJob(jobs, context.caller, params.job_id, "view");
      return query.level === undefined && query.q === undefined
        ? plainPage(logs, params.job_id, query)
        : searchedPage(logs, params.job_id, query, context.closed);
    },
    async downloadLogs({ params }, { caller }) {
      await accessibleJob(jobs, caller, params.job_id, "view");
      return wholeText(logs, params.job_id);
    },
    async streamLogs({ params, query }, { caller, lastEventId, closed }) {
      await accessibleJob(jobs, caller, params.job_id, "view");
      const resumed = Number(lastEventId ?? Number.NaN);
      return follow(
        options,
        closed,
        params.job_id,
        Number.isSafeInteger(resumed) ? resumed + 1 : (query.from_line ?? 1),
      );
    },
  };
}

type Page = { from_line?: number; tail?: number; limit?: number; level?: LogLine["level"]; q?: string };

async function plainPage(logs: JobLogStore, jobId: string, query: Page): Promise<LogPage> {
  const total = await logs.lineCount(jobId);
  const limit = query.tail ?? query.limit ?? 500;
  const from = query.tail === undefined ? (query.from_line ?? 1) : Math.max(1, total - query.tail + 1);
  const lines: LogLine[] = [];
  for await (const piece of piecesFrom(logs, jobId, from)) {
    for (const line of linesOf(piece, from)) if (lines.length < limit) lines.push(shown(line));
    if (lines.length >= limit) break;
  }
  return pageOf(jobId, lines, total, total);
}

/** Walks the whole log and keeps one page of what matches; memory does not depend on the log's size. */
async function searchedPage(
  logs: JobLogStore,
  jobId: string,
  query: Page,
  closed: AbortSignal,
): Promise<LogPage> {
  const limit = query.tail ?? query.limit ?? 500;
  const from = query.from_line ?? 1;
  const lines: LogLine[] = [];
  let total = 0;
  let matched = 0;
  for await (const piece of piecesFrom(logs, jobId, 1)) {
    // Nobody waits for the page any more.
    if (closed.aborted) break;
    total = piece.firstLine + piece.lineCount - 1;
    for (const line of matchingLines(piece, query.q?.toLowerCase(), query.level)) {
      matched++;
      if (query.tail !== undefined) {
        lines.push(shown(line));
        if (lines.length > limit) lines.shift();
      } else if (line.line >= from && lines.length < limit) lines.push(shown(line));
    }
  }
  return pageOf(jobId, lines, total, matched);
}

function pageOf(jobId: string, lines: LogLine[], total: number, matched: number): LogPage {
  return {
    job_id: jobId,
    lines,
    total_lines: total,
    matched_lines: matched,
    logs: lines.map((line) => line.text).join("\n"),
  };
}

async function* follow(
  options: LogServiceOptions,
  closed: AbortSignal,
  jobId: string,
  fromLine: number,
): AsyncGenerator<StreamMessage> {
  let wake: () => void = () => undefined;
  let woken = false;
  const onWake = (): void => {
    woken = true;
    wake();
  };
  const unsubscribe = options.live.subscribeLog(jobId, onWake);
  closed.addEventListener("abort", onWake, { once: true });
  try {
    for (let next = fromLine; !closed.aborted;) {
      woken = false;
      // The state is read before the lines: a job seen as over has no line that is not stored yet.
      const job = await options.jobs.find(jobId);
      for await (const piece of piecesFrom(options.logs, jobId, next)) {
        const lines = linesOf(piece, next);
        if (lines.length === 0) continue;
        next = piece.firstLine + piece.lineCount;
        for (let start = 0; start < lines.length; start += linesPerMessage) {
          const batch = lines.slice(start, start + linesPerMessage).map(shown);
          yield { id: String(batch.at(-1)?.line), event: "lines", data: JSON.stringify(batch) };
        }
      }
      if (!job || job.wire.is_terminal) {
        yield { event: "done", data: JSON.stringify({ status: job?.wire.status ?? "deleted" }) };
        return;
      }
      if (!woken) await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    unsubscribe();
    closed.removeEventListener("abort", onWake);
  }
}

async function* piecesFrom(logs: JobLogStore, jobId: string, fromLine: number): AsyncGenerator<LogPiece> {
  for (let from = fromLine; ;) {
    const pieces = await logs.pieces(jobId, from, piecesAtOnce);
    yield* pieces;
    const last = pieces.at(-1);
    if (!last || pieces.length < piecesAtOnce) return;
    from = last.firstLine + last.lineCount;
    // SQLite answers at once, so without this a walk through a long log would hold up every other request.
    await nextTurn();
  }
}

type StoredLine = Omit<LogLine, "level">;

/** The lines of a piece from number `fromLine` on; plain work, since a log has many more lines than pieces. */
function linesOf(piece: LogPiece, fromLine: number): StoredLine[] {
  const at = new Date(piece.atMs).toISOString();
  const skipped = Math.max(0, fromLine - piece.firstLine);
  return piece.text
    .split("\n")
    .slice(skipped, piece.lineCount)
    .map((text, index) => ({ line: piece.firstLine + skipped + index, at, text }));
}

/** The lines of a piece that hold the lower-case text and have the level; most pieces are passed over whole. */
function matchingLines(
  piece: LogPiece,
  wanted: string | undefined,
  level: LogLine["level"] | undefined,
): StoredLine[] {
  const lowered = wanted === undefined ? "" : piece.text.toLowerCase();
  if (wanted !== undefined && !lowered.includes(wanted)) return [];
  const loweredLines = lowered.split("\n");
  return linesOf(piece, 1).filter(
    ({ text }, index) =>
      (wanted === undefined || loweredLines[index]?.includes(wanted)) &&
      (level === undefined || levelOf(text) === level),
  );
}

function shown({ line, at, text }: StoredLine): LogLine {
  return { line, at, level: levelOf(text), text };
}

async function* wholeText(logs: JobLogStore, jobId: string): AsyncGenerator<string> {
  for await (const piece of piecesFrom(logs, jobId, 1)) yield `${piece.text}\n`;
}
