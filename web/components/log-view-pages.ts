import type { LogLine } from "@simpletuner-cloud/contract/logs.ts";

/** A stretch of the log as the server answers it. */
export interface LogStretch {
  lines: LogLine[];
  /** Rows of the whole log: its lines, or those that pass the filter. */
  rows: number;
  /** Number of the last line the server had when it answered. */
  lastLine: number;
}

/** Fetches at most `limit` rows from line number `fromLine` on. */
export type FetchLines = (fromLine: number, limit: number, signal: AbortSignal) => Promise<LogStretch>;

/** What {@link LogPages} is made of. */
export interface LogPagesOptions {
  fetchLines: FetchLines;
  /** True when rows are all lines, so that row n is line n + 1; else rows are the lines that pass a filter. */
  complete: boolean;
  pageRows: number;
  /** Pages kept in memory; the ones used longest ago are fetched again when needed. */
  keptPages: number;
  /** Called when rows changed, and with the error when a fetch failed. */
  onChange: (error?: Error) => void;
}

interface Page {
  lines: (LogLine | undefined)[];
  usedAt: number;
}

/**
 * The rows of a log of any length, of which only the pages around what is looked at are in memory. In a filtered log
 * the place of a page is only known once the page before it was read, so far jumps read their way forward.
 */
export class LogPages {
  /** Rows of the whole log as far as known. */
  rows = 0;
  /** True once the server answered at all. */
  opened = false;
  private readonly options: LogPagesOptions;
  private readonly pages = new Map<number, Page>();
  /** Line number at which a page starts, where known; only page 0's is known from the beginning. */
  private readonly starts = new Map<number, number>([[0, 1]]);
  private readonly abort = new AbortController();
  private wanted: [first: number, end: number] = [0, 1];
  private running = false;
  private failed = false;
  private lastLine = 0;
  private uses = 0;

  constructor(options: LogPagesOptions) {
    this.options = options;
  }

  /** The line in `row`, or undefined while it is not in memory. */
  line(row: number): LogLine | undefined {
    return this.pages.get(this.pageOf(row))?.lines[row % this.options.pageRows];
  }

  /** Says which rows [first, end) are looked at; missing ones are fetched, the newest wish first. */
  need(first: number, end: number): void {
    this.wanted = [first, Math.max(end, first + 1)];
    for (let page = this.pageOf(first); page <= this.pageOf(this.wanted[1] - 1); page += 1) this.touch(page);
    if (!this.failed) void this.run();
  }

  /** Tries again after a failed fetch. */
  retry(): void {
    this.failed = false;
    void this.run();
  }

  /** Adds lines that arrived live, in rising order; lines the server counted already change nothing. */
  append(lines: readonly LogLine[]): void {
    for (const line of lines) {
      if (line.line <= this.lastLine) continue;
      const row = this.options.complete ? line.line - 1 : this.rows;
      this.put(row, line);
      this.rows = Math.max(this.rows, row + 1);
      this.lastLine = line.line;
    }
    this.opened ||= lines.length > 0;
    this.evict();
    this.options.onChange();
  }

  /** The row that shows line `line` (or the next one that passes the filter); reads forward as far as needed. */
  async rowOfLine(line: number): Promise<number> {
    if (this.options.complete) return line - 1;
    for (let page = 0; ; page += 1) {
      await this.fill(page);
      const next = this.starts.get(page + 1);
      if (next !== undefined && next <= line && (page + 1) * this.options.pageRows < this.rows) continue;
      const held = this.pages.get(page)?.lines ?? [];
      const found = held.findIndex((candidate) => candidate !== undefined && candidate.line >= line);
      return found < 0 ? Math.max(0, this.rows - 1) : page * this.options.pageRows + found;
    }
  }

  /** Stops every fetch. */
  close(): void {
    this.abort.abort();
  }

  private pageOf(row: number): number {
    return Math.floor(row / this.options.pageRows);
  }

  private async run(): Promise<void> {
    if (this.running) return;
    this.running = true;
    try {
      for (let page = this.nextMissing(); page !== null; page = this.nextMissing()) {
        await this.readTowards(page);
        this.options.onChange();
      }
    } catch (error) {
      this.failed = true;
      if (!this.abort.signal.aborted) {
        this.options.onChange(error instanceof Error ? error : new Error(String(error)));
      }
    } finally {
      this.running = false;
    }
  }

  /** The first wanted page with a hole, or null when nothing that is looked at is missing. */
  private nextMissing(): number | null {
    if (!this.opened) return 0;
    const end = Math.min(this.wanted[1], this.rows);
    for (let row = this.wanted[0]; row < end; row += 1) {
      if (!this.line(row)) return this.pageOf(row);
    }
    return null;
  }

  /** One fetch for `page`, or for the last page before it whose place is known. */
  private async readTowards(page: number): Promise<void> {
    let at = page;
    if (!this.options.complete) while (at > 0 && !this.starts.has(at)) at -= 1;
    await this.read(at);
  }

  private async fill(page: number): Promise<void> {
    while (!this.opened || this.heldRows(page) < this.rowsIn(page)) await this.read(page);
  }

  /** Reads what follows the rows that `page` holds without a hole. */
  private async read(page: number): Promise<void> {
    const { pageRows, complete } = this.options;
    const held = this.heldRows(page);
    const before = held > 0 ? this.pages.get(page)?.lines[held - 1]?.line : undefined;
    const start = complete ? page * pageRows + 1 : (this.starts.get(page) ?? 1);
    const limit = held === pageRows ? pageRows : pageRows - held;
    const answer = await this.options.fetchLines(
      before === undefined ? start : before + 1,
      limit,
      this.abort.signal,
    );
    for (const [at, line] of answer.lines.entries()) this.put(page * pageRows + held + at, line);
    // Lines that arrived live while this was fetched are counted already.
    if (answer.lastLine >= this.lastLine) {
      this.rows = answer.rows;
      this.lastLine = answer.lastLine;
    }
    this.opened = true;
    // A log that is shorter than it was said to be must not be asked for its missing lines for ever.
    if (answer.lines.length === 0) this.rows = Math.min(this.rows, page * pageRows + held);
    this.evict();
  }

  private rowsIn(page: number): number {
    return Math.max(0, Math.min(this.options.pageRows, this.rows - page * this.options.pageRows));
  }

  /** Rows of `page` in memory before its first hole. */
  private heldRows(page: number): number {
    const lines = this.pages.get(page)?.lines ?? [];
    let held = 0;
    while (held < lines.length && lines[held]) held += 1;
    return held;
  }

  private put(row: number, line: LogLine): void {
    const number = this.pageOf(row);
    const page = this.pages.get(number) ?? { lines: [], usedAt: (this.uses += 1) };
    page.lines[row % this.options.pageRows] = line;
    this.pages.set(number, page);
    if ((row + 1) % this.options.pageRows === 0) this.starts.set(number + 1, line.line + 1);
  }

  private touch(page: number): void {
    const held = this.pages.get(page);
    if (held) held.usedAt = this.uses += 1;
  }

  private evict(): void {
    while (this.pages.size > this.options.keptPages) {
      const [oldest] = [...this.pages].reduce((a, b) => (b[1].usedAt < a[1].usedAt ? b : a));
      this.pages.delete(oldest);
    }
  }
}
