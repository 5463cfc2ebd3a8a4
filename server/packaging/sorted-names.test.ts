import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compareUtf8, sortedNames } from "./sorted-names.ts";

const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

test("names come out once each in the order of their UTF-8 bytes, whatever the run length", () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: "grapheme" })),
      fc.integer({ min: 1, max: 7 }),
      (names, runLength) => {
        const sorted = sortedNames(runLength);
        for (const name of names) sorted.add(name);
        assert.deepEqual([...sorted.drain()], [...names].sort(byBytes));
      },
    ),
  );
});

test("a character above U+FFFF sorts after one just below, unlike in UTF-16", () => {
  const names = ["\u{1f600}", "\uffee"];
  assert.deepEqual([...names].sort(), ["\u{1f600}", "\uffee"]);
  assert.deepEqual(names.sort(compareUtf8), ["\uffee", "\u{1f600}"]);
  assert.ok(compareUtf8("a", "ab") < 0);
  assert.equal(compareUtf8("a\u{1f600}", "a\u{1f600}"), 0);
});
