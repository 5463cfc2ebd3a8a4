import assert from "node:assert/strict";
import { test } from "node:test";
import { clipped, displayWidth, formatBytes, formatDuration, printTable, withoutControls } from "./output.ts";
import { capturedIo } from "./testing/captured-io.ts";

test("text from elsewhere cannot move the cursor or colour the screen", () => {
  assert.equal(withoutControls("a\u001B[2Jb\r\nc\td"), "ab c d");
  assert.doesNotMatch(withoutControls("\u001B]0;title\u0007x\u2028y"), /\p{Cc}|\u2028/u);
});

test("clipping counts characters as people see them", () => {
  assert.equal(clipped("नमस्ते दुनिया", 4).endsWith("…"), true);
  assert.equal(displayWidth(clipped("abcdef", 4)), 4);
  assert.equal(clipped("abcd", 4), "abcd");
});

test("bytes and durations change unit at the right place", () => {
  assert.deepEqual([0, 999, 1000, 999_499, 999_950, 48_000_000].map(formatBytes), [
    "0 B",
    "999 B",
    "1.0 kB",
    "999 kB",
    "1.0 MB",
    "48.0 MB",
  ]);
  assert.deepEqual([-1, 59.6, 125, 7800].map(formatDuration), [
    "0 s",
    "1 min 0 s",
    "2 min 5 s",
    "2 h 10 min",
  ]);
});

test("a table aligns columns and leaves no space at the line's end", () => {
  const { io, read } = capturedIo();
  printTable(
    io.out,
    [
      { name: "a", size: 5 },
      { name: "long\u001B[31m", size: 500 },
    ],
    [
      { title: "NAME", value: (row) => row.name },
      { title: "SIZE", value: (row) => String(row.size), alignRight: true },
    ],
  );
  assert.equal(read().out, "NAME  SIZE\na        5\nlong   500\n");
});
