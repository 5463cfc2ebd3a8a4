import type { LogLine } from "@simpletuner-cloud/contract/logs.ts";
import { plainText } from "./log-view-ansi.ts";

/** Asks the server for hits: line numbers >= `fromLine`, at most `limit`, and how many the whole log has. */
export type FindLines = (
  query: string,
  fromLine: number,
  limit: number,
  signal: AbortSignal,
) => Promise<{ lines: number[]; total: number; lastLine: number }>;

const pageHits = 5000;

/**
 * A search of the whole log on the server. Only line numbers of hits are kept; hits beyond the first
 * 5,000 are asked for when they are stepped to.
 */
export class LogSearch {
  readonly query: string;
  /** Hits in the whole log; null until the server answered. */
  total: number | null = null;
  /** Index of the current hit, -1 before the first. */
  at = -1;
  private readonly find: FindLines;
  private readonly hits: number[] = [];
  private readonly abort = new AbortController();
  private lastLine = 0;

  constructor(query: string, find: FindLines) {
    this.query = query;
    this.find = find;
  }

  /** Line number of the current hit. */
  get line(): number | null {
    return this.hits[this.at] ?? null;
  }

  /** Asks for the hits and goes to the first one at or after `nearLine`, else to the first of all. */
  async start(nearLine: number): Promise<number | null> {
    await this.readMore();
    const near = this.hits.findIndex((line) => line >= nearLine);
    this.at = this.total === 0 ? -1 : Math.max(0, near);
    return this.line;
  }

  /** Goes `by` hits forward or back, around the ends; answers the line. */
  async step(by: 1 | -1): Promise<number | null> {
    const total = this.total ?? 0;
    if (total === 0) return null;
    const wanted = (this.at + by + total) % total;
    while (this.hits.length <= wanted) {
      const before = this.hits.length;
      await this.readMore();
      if (this.hits.length === before) {
        this.total = before;
        break;
      }
    }
    this.at = Math.min(wanted, this.hits.length - 1);
    return this.line;
  }

  /** Counts hits in lines that arrived live; true when there was one. */
  append(lines: readonly LogLine[]): boolean {
    if (this.total === null) return false;
    const complete = this.hits.length === this.total;
    const found = lines.filter((line) => line.line > this.lastLine && includes(line.text, this.query));
    this.lastLine = Math.max(this.lastLine, lines.at(-1)?.line ?? 0);
    this.total += found.length;
    if (complete) this.hits.push(...found.map((line) => line.line));
    return found.length > 0;
  }

  /** Stops what is being asked. */
  close(): void {
    this.abort.abort();
  }

  private async readMore(): Promise<void> {
    const from = (this.hits.at(-1) ?? 0) + 1;
    const answer = await this.find(this.query, from, pageHits, this.abort.signal);
    this.hits.push(...answer.lines);
    if (answer.lastLine >= this.lastLine) {
      this.total = answer.total;
      this.lastLine = answer.lastLine;
    }
  }
}

/** True when `text` without its colour codes contains `query`, ignoring case. */
export function includes(text: string, query: string): boolean {
  return plainText(text).toLowerCase().includes(query.toLowerCase());
}
