import { useEffect, useReducer, useRef, useState } from "preact/hooks";
import type { LogLine } from "@simpletuner-cloud/contract/logs.ts";
import { call } from "../api.ts";
import { plainText } from "./log-view-ansi.ts";
import { LogPages } from "./log-view-pages.ts";
import { LogSearch } from "./log-view-search.ts";
import { followLog } from "./log-view-stream.ts";

/** Levels a log can be narrowed to. */
export const logLevels = ["debug", "info", "warning", "error"] as const satisfies readonly LogLine["level"][];
/** One of {@link logLevels}. */
export type LogLevel = (typeof logLevels)[number];

/** A log as a component shows it; `revision` grows when `pages` changed. */
export interface OpenLog {
  pages: LogPages;
  revision: number;
  error: Error | null;
  retry: () => void;
  stream: "live" | "lost" | "done" | "off";
  /** Adds a listener of live lines; the answer removes it. */
  onLive: (listener: (lines: readonly LogLine[]) => void) => () => void;
  /** Lines of the whole log, whatever the filter. */
  total: number;
  /** The plain text of at most 5,000 lines, also of those that are not in memory. */
  textOf: (range: { from: number; to: number }) => Promise<string>;
}

const pageRows = 500;
const keptPages = 40;
/** Most lines the server gives at once. */
const mostCopied = 5000;

function openPages(
  jobId: string,
  level: LogLevel | null,
  tell: (total: number, error?: Error) => void,
): LogPages {
  let total = 0;
  return new LogPages({
    complete: level === null,
    pageRows,
    keptPages,
    fetchLines: async (fromLine, limit, signal) => {
      const query = { from_line: fromLine, limit, ...(level && { level }) };
      const page = await call("GET /api/cloud/jobs/{job_id}/logs", {
        params: { job_id: jobId },
        query,
        signal,
      });
      total = page.total_lines;
      return { lines: page.lines, rows: page.matched_lines, lastLine: page.total_lines };
    },
    onChange: (error) => tell(total, error),
  });
}

/** The pages of one job's log under one filter; others replace them when either changes. */
function usePages(
  jobId: string,
  level: LogLevel | null,
  tell: (total: number, error?: Error) => void,
): LogPages {
  const opened = useRef<{ key: string; pages: LogPages } | null>(null);
  const key = `${jobId} ${level ?? ""}`;
  if (opened.current?.key !== key) {
    opened.current?.pages.close();
    opened.current = { key, pages: openPages(jobId, level, tell) };
  }
  const { pages } = opened.current;
  useEffect(() => () => opened.current?.pages.close(), []);
  useEffect(() => pages.need(0, 1), [pages]);
  return pages;
}

/** Follows the log of a job that was still running when it was opened, until the server says that it is complete. */
function useStream(
  jobId: string,
  live: boolean,
  pages: LogPages,
  nextLine: () => number,
  onLines: (lines: LogLine[]) => void,
): OpenLog["stream"] {
  const [stream, setStream] = useState<OpenLog["stream"]>("off");
  // The job ends a moment before its last lines arrive, so that its end must not end the following.
  const [wasLive] = useState(live);
  const latest = useRef(onLines);
  latest.current = onLines;
  const { opened } = pages;
  useEffect(() => {
    if (!wasLive || !opened) return undefined;
    const stop = followLog(jobId, nextLine(), {
      onState: setStream,
      onLines: (lines) => latest.current(lines),
    });
    return () => {
      stop();
      setStream("off");
    };
  }, [jobId, opened, pages]);
  return stream;
}

/** Opens the log of a job, follows it when it is `live`, and draws at most once a frame. */
export function useLog(jobId: string, level: LogLevel | null, live: boolean): OpenLog {
  const [revision, redraw] = useReducer((count: number) => count + 1, 0);
  const [error, setError] = useState<Error | null>(null);
  const total = useRef(0);
  const listeners = useRef(new Set<(lines: readonly LogLine[]) => void>());
  const frame = useRef(0);
  const pages = usePages(jobId, level, (known, failure) => {
    total.current = Math.max(total.current, known);
    setError(failure ?? null);
    frame.current ||= requestAnimationFrame(() => {
      frame.current = 0;
      redraw(undefined);
    });
  });
  const nextLine = (): number => total.current + 1;
  const stream = useStream(jobId, live, pages, nextLine, (lines) => {
    total.current = Math.max(total.current, lines.at(-1)?.line ?? 0);
    pages.append(level ? lines.filter((line) => line.level === level) : lines);
    for (const listener of listeners.current) listener(lines);
  });
  return {
    pages,
    revision,
    error,
    stream,
    total: total.current,
    retry: () => {
      setError(null);
      pages.retry();
    },
    textOf: (range) => plainLines(jobId, level, range),
    onLive: (listener) => {
      listeners.current.add(listener);
      return () => listeners.current.delete(listener);
    },
  };
}

async function plainLines(
  jobId: string,
  level: LogLevel | null,
  { from, to }: { from: number; to: number },
): Promise<string> {
  const query = { from_line: from, limit: Math.min(to - from + 1, mostCopied), ...(level && { level }) };
  const page = await call("GET /api/cloud/jobs/{job_id}/logs", { params: { job_id: jobId }, query });
  const lines = page.lines.filter((line) => line.line <= to);
  return lines.map((line) => plainText(line.text)).join("\n");
}

/** A search as a component shows it. */
export interface OpenSearch {
  total: number | null;
  at: number;
  line: number | null;
  busy: boolean;
  step: (by: 1 | -1) => void;
}

/** Searches the whole log for `query` on the server; `goTo` is called with the line of each hit that becomes current. */
export function useLogSearch(
  jobId: string,
  query: string,
  level: LogLevel | null,
  log: OpenLog,
  firstShown: () => number,
  goTo: (line: number) => void,
): OpenSearch {
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  const [busy, setBusy] = useState(false);
  const search = useRef<LogSearch | null>(null);
  const run = (work: Promise<number | null>): void => {
    setBusy(true);
    work.then(
      (line) => {
        setBusy(false);
        if (line !== null) goTo(line);
      },
      () => setBusy(false),
    );
  };
  useEffect(() => {
    if (query === "") {
      search.current = null;
      redraw(undefined);
      return undefined;
    }
    const made = new LogSearch(query, async (q, fromLine, limit, signal) => {
      const narrowed = { q, from_line: fromLine, limit, ...(level && { level }) };
      const params = { job_id: jobId };
      const page = await call("GET /api/cloud/jobs/{job_id}/logs", { params, query: narrowed, signal });
      return {
        lines: page.lines.map((line) => line.line),
        total: page.matched_lines,
        lastLine: page.total_lines,
      };
    });
    search.current = made;
    run(made.start(firstShown()));
    const stop = log.onLive((lines) => {
      if (made.append(level ? lines.filter((line) => line.level === level) : lines)) redraw(undefined);
    });
    return () => {
      stop();
      made.close();
    };
  }, [jobId, query, level]);
  const current = search.current;
  return {
    total: current?.total ?? null,
    at: current?.at ?? -1,
    line: current?.line ?? null,
    busy,
    step: (by) => {
      if (current && !busy) run(current.step(by));
    },
  };
}
