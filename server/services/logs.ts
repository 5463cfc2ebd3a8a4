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
    async jobLogs({ params, query }, { caller }) {
      await accessibleJob(jobs, caller, params.job_id, "view");
      return query.level === undefined && query.q === undefined
        ? plainPage(logs, params.job_id, query)
        : searchedPage(logs, params.job_id, query);
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
  for await (const line of linesFrom(logs, jobId, from)) {
    if (lines.length >= limit) break;
    lines.push(line);
  }
  return pageOf(jobId, lines, total, total);
}

/** Walks the whole log and keeps one page of what matches; memory does not depend on the log's size. */
async function searchedPage(logs: JobLogStore, jobId: string, query: Page): Promise<LogPage> {
  const wanted = query.q?.toLowerCase();
  const limit = query.tail ?? query.limit ?? 500;
  const from = query.from_line ?? 1;
  const lines: LogLine[] = [];
  let total = 0;
  let matched = 0;
  for await (const line of linesFrom(logs, jobId, 1)) {
    total = line.line;
    if (wanted !== undefined && !line.text.toLowerCase().includes(wanted)) continue;
    if (query.level !== undefined && line.level !== query.level) continue;
    matched++;
    if (query.tail !== undefined) {
      lines.push(line);
      if (lines.length > limit) lines.shift();
    } else if (line.line >= from && lines.length < limit) lines.push(line);
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
      for await (const lines of batches(linesFrom(options.logs, jobId, next))) {
        next = (lines.at(-1) as LogLine).line + 1;
        yield { id: String(next - 1), event: "lines", data: JSON.stringify(lines) };
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

async function* batches(lines: AsyncIterable<LogLine>): AsyncGenerator<LogLine[]> {
  let batch: LogLine[] = [];
  for await (const line of lines) {
    batch.push(line);
    if (batch.length < linesPerMessage) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

async function* piecesFrom(logs: JobLogStore, jobId: string, fromLine: number): AsyncGenerator<LogPiece> {
  for (let from = fromLine; ;) {
    const pieces = await logs.pieces(jobId, from, piecesAtOnce);
    yield* pieces;
    const last = pieces.at(-1);
    if (!last || pieces.length < piecesAtOnce) return;
    from = last.firstLine + last.lineCount;
  }
}

async function* linesFrom(logs: JobLogStore, jobId: string, fromLine: number): AsyncGenerator<LogLine> {
  for await (const piece of piecesFrom(logs, jobId, fromLine)) {
    const at = new Date(piece.atMs).toISOString();
    let number = piece.firstLine;
    for (const text of piece.text.split("\n")) {
      if (number >= fromLine && number < piece.firstLine + piece.lineCount)
        yield { line: number, at, level: levelOf(text), text };
      number++;
    }
  }
}

async function* wholeText(logs: JobLogStore, jobId: string): AsyncGenerator<string> {
  for await (const piece of piecesFrom(logs, jobId, 1)) yield `${piece.text}\n`;
}
