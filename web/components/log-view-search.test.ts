import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { LogLine } from "@simpletuner-cloud/contract/logs.ts";
import { parseAnsi } from "./log-view-ansi.ts";
import { marked, mostSpans } from "./log-view-match.ts";
import { LogSearch, type FindLines } from "./log-view-search.ts";

function lineOf(line: number, text: string): LogLine {
  return { line, at: "2026-01-01T00:00:00.000Z", level: "info", text };
}

/** A server whose hits are every `every`-th of `lines` lines. */
function hitsEvery(every: number, lines: number) {
  const asked: number[] = [];
  const find: FindLines = async (_, fromLine, limit) => {
    asked.push(fromLine);
    await Promise.resolve();
    const all = Array.from({ length: Math.floor(lines / every) }, (__, index) => (index + 1) * every);
    return {
      lines: all.filter((line) => line >= fromLine).slice(0, limit),
      total: all.length,
      lastLine: lines,
    };
  };
  return { find, asked };
}

describe("search", () => {
  test("no hit: no line, no step, a total of 0", async () => {
    const search = new LogSearch("x", hitsEvery(10, 5).find);
    assert.equal(await search.start(1), null);
    assert.equal(await search.step(1), null);
    assert.equal(search.total, 0);
  });

  test("starts near what is on screen and goes around the ends", async () => {
    const search = new LogSearch("x", hitsEvery(10, 50).find);
    assert.equal(await search.start(25), 30);
    assert.equal(search.at, 2);
    assert.equal(await search.step(1), 40);
    assert.equal(await search.step(1), 50);
    assert.equal(await search.step(1), 10);
    assert.equal(await search.step(-1), 50);
  });

  test("hits beyond the first page are asked for when stepped to", async () => {
    const { find, asked } = hitsEvery(1, 12_000);
    const search = new LogSearch("x", find);
    await search.start(1);
    assert.deepEqual(asked, [1]);
    assert.equal(await search.step(-1), 12_000);
    assert.deepEqual(asked, [1, 5001, 10_001]);
  });

  test("a server that lost hits meanwhile does not hang the search", async () => {
    let calls = 0;
    const search = new LogSearch("x", async () => {
      calls += 1;
      await Promise.resolve();
      return { lines: calls === 1 ? [3, 4] : [], total: 9, lastLine: 20 };
    });
    await search.start(1);
    assert.equal(await search.step(-1), 4);
    assert.equal(search.total, 2);
  });

  test("live lines add hits once", async () => {
    const search = new LogSearch("oom", hitsEvery(10, 20).find);
    await search.start(1);
    assert.equal(search.append([lineOf(20, "oom"), lineOf(21, "CUDA \u001b[31mOO\u001b[0mM")]), true);
    assert.equal(search.append([lineOf(21, "oom"), lineOf(22, "fine")]), false);
    assert.equal(search.total, 3);
    assert.equal(await search.step(-1), 21);
  });
});

describe("marking hits", () => {
  test("a hit across colours keeps the colours", () => {
    const spans = marked(parseAnsi("a \u001b[31mer\u001b[0mror b"), "ERROR");
    assert.deepEqual(
      spans.map((span) => [span.text, span.hit, span.style.foreground]),
      [
        ["a ", false, null],
        ["er", true, { named: 1 }],
        ["ror", true, null],
        [" b", false, null],
      ],
    );
  });

  test("text is never changed, whatever the query", () => {
    fc.assert(
      fc.property(fc.string(), fc.string({ maxLength: 3 }), (text, query) => {
        const spans = parseAnsi(text);
        const plain = spans.map((span) => span.text).join("");
        const found = marked(spans, query);
        assert.equal(found.map((span) => span.text).join(""), plain);
        for (const span of found) assert.notEqual(span.text, "");
      }),
    );
  });

  test("a line of ten thousand colours becomes few spans", () => {
    const line = Array.from({ length: 10_000 }, (_, index) => `\u001b[38;5;${index % 256}mx`).join("");
    assert.equal(marked(parseAnsi(line), "").length, mostSpans);
    assert.ok(marked(parseAnsi(line), "x").length <= mostSpans * 3);
  });
});
