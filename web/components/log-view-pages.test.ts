import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { LogLine } from "@simpletuner-cloud/contract/logs.ts";
import { LogPages, type LogPagesOptions } from "./log-view-pages.ts";

function lineOf(line: number): LogLine {
  return {
    line,
    at: "2026-01-01T00:00:00.000Z",
    level: line % 10 === 0 ? "error" : "info",
    text: `text ${line}`,
  };
}

/** A server's log of `total` lines with the answers counted; `mostLines` cuts answers short. */
function fakeLog(
  total: number,
  options: { errorsOnly?: boolean; mostLines?: number; failures?: number } = {},
) {
  const state = { total, requests: [] as [number, number][], failures: options.failures ?? 0 };
  const fetchLines: LogPagesOptions["fetchLines"] = async (fromLine, limit) => {
    state.requests.push([fromLine, limit]);
    await Promise.resolve();
    if (state.failures > 0) {
      state.failures -= 1;
      throw new Error("connection lost");
    }
    const all = Array.from({ length: state.total }, (_, index) => lineOf(index + 1));
    const passing = all.filter((line) => !options.errorsOnly || line.level === "error");
    const lines = passing
      .filter((line) => line.line >= fromLine)
      .slice(0, Math.min(limit, options.mostLines ?? limit));
    return { lines, rows: passing.length, lastLine: state.total };
  };
  return { state, fetchLines };
}

function pagesOf(fetchLines: LogPagesOptions["fetchLines"], options: Partial<LogPagesOptions> = {}) {
  const changes: (Error | undefined)[] = [];
  const pages = new LogPages({
    fetchLines,
    complete: true,
    pageRows: 10,
    keptPages: 4,
    onChange: (error) => changes.push(error),
    ...options,
  });
  return { pages, changes };
}

async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 5000; turn += 1) {
    if (condition()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.fail("the condition never came true");
}

describe("log pages", () => {
  test("an empty log is asked once", async () => {
    const log = fakeLog(0);
    const { pages, changes } = pagesOf(log.fetchLines);
    pages.need(0, 30);
    await until(() => changes.length > 0);
    pages.need(0, 30);
    await until(() => true);
    assert.equal(pages.rows, 0);
    assert.equal(log.state.requests.length, 1);
  });

  test("a failed fetch is told once and only repeated on request", async () => {
    const log = fakeLog(25, { failures: 1 });
    const { pages, changes } = pagesOf(log.fetchLines);
    pages.need(0, 10);
    await until(() => changes.length > 0);
    assert.equal(changes[0]?.message, "connection lost");
    pages.need(0, 10);
    assert.equal(log.state.requests.length, 1);
    pages.retry();
    await until(() => pages.line(0) !== undefined);
    assert.equal(pages.rows, 25);
  });

  test("a log that is shorter than told ends the asking", async () => {
    const { pages } = pagesOf(async (fromLine) => {
      await Promise.resolve();
      return {
        lines: fromLine <= 5 ? [1, 2, 3, 4, 5].slice(fromLine - 1).map(lineOf) : [],
        rows: 500,
        lastLine: 500,
      };
    });
    pages.need(0, 30);
    await until(() => pages.rows === 5);
  });

  test("answers cut short are continued where they stopped", async () => {
    const log = fakeLog(30, { mostLines: 3 });
    const { pages } = pagesOf(log.fetchLines);
    pages.need(10, 20);
    await until(() => pages.line(19) !== undefined);
    assert.equal(pages.line(10)?.line, 11);
    assert.equal(pages.line(19)?.text, "text 20");
  });

  test("a jump to the end fetches the end, not what lies between", async () => {
    const log = fakeLog(1_000);
    const { pages } = pagesOf(log.fetchLines);
    pages.need(0, 10);
    await until(() => pages.rows === 1000);
    pages.need(985, 1000);
    await until(() => pages.line(985) !== undefined && pages.line(999) !== undefined);
    assert.ok(log.state.requests.length <= 3, String(log.state.requests.length));
  });

  test("memory holds only the pages used last", async () => {
    const log = fakeLog(200);
    const { pages } = pagesOf(log.fetchLines);
    for (let first = 0; first < 200; first += 10) {
      pages.need(first, first + 10);
      await until(() => pages.line(first) !== undefined);
    }
    assert.equal(pages.line(0), undefined);
    assert.ok(pages.line(199));
    pages.need(0, 10);
    await until(() => pages.line(0) !== undefined);
  });
});

describe("live lines", () => {
  test("follow the last row, never twice, and holes before them are fetched", async () => {
    const log = fakeLog(12);
    const { pages } = pagesOf(log.fetchLines);
    pages.need(0, 12);
    await until(() => pages.line(11) !== undefined);
    pages.append([lineOf(12), lineOf(13)]);
    pages.append([lineOf(13), lineOf(14)]);
    assert.equal(pages.rows, 14);
    assert.equal(pages.line(13)?.line, 14);
    log.state.total = 30;
    pages.append([lineOf(30)]);
    assert.equal(pages.rows, 30);
    pages.need(14, 30);
    await until(() => pages.line(20) !== undefined && pages.line(28) !== undefined);
    assert.equal(pages.line(20)?.line, 21);
  });

  test("in a filtered log only count up what the server had not counted", async () => {
    const log = fakeLog(100, { errorsOnly: true });
    const { pages } = pagesOf(log.fetchLines, { complete: false });
    pages.need(0, 5);
    await until(() => pages.rows === 10);
    pages.append([lineOf(100), lineOf(110)]);
    assert.equal(pages.rows, 11);
    assert.equal(pages.line(10)?.line, 110);
  });
});

describe("a filtered log", () => {
  test("reads forward to a far place and then knows the way", async () => {
    const log = fakeLog(2_000, { errorsOnly: true });
    const { pages } = pagesOf(log.fetchLines, { complete: false, keptPages: 3 });
    pages.need(0, 10);
    await until(() => pages.rows === 200);
    pages.need(190, 200);
    await until(() => pages.line(199) !== undefined);
    assert.equal(pages.line(199)?.line, 2000);
    const before = log.state.requests.length;
    pages.need(50, 60);
    await until(() => pages.line(50) !== undefined);
    assert.equal(pages.line(50)?.line, 510);
    assert.ok(log.state.requests.length - before <= 2);
  });

  test("finds the row of a line, or the next that passes", async () => {
    const log = fakeLog(2_000, { errorsOnly: true });
    const { pages } = pagesOf(log.fetchLines, { complete: false });
    assert.equal(await pages.rowOfLine(10), 0);
    assert.equal(await pages.rowOfLine(1501), 150);
    assert.equal(await pages.rowOfLine(99_999), 199);
  });
});
