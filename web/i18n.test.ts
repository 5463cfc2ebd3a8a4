import assert from "node:assert/strict";
import { afterEach, before, test } from "node:test";
import {
  formatAge,
  formatBytes,
  formatDuration,
  formatMoney,
  formatNumber,
  formatPercent,
  formatSignificant,
  setLanguage,
  words,
} from "./i18n.ts";

const t = words({
  en: { hello: "Hello {name}, {count}", files_one: "{n} file", files_other: "{n} files" },
  hi: { hello: "{name}, नमस्ते, {count}", files_one: "{n} फ़ाइल", files_other: "{n} फ़ाइलें" },
});

before(() => {
  Object.assign(globalThis, { document: { documentElement: {} } });
  setLanguage("en");
});
afterEach(() => setLanguage("en"));

test("texts follow the language and numbers in them are written its way", () => {
  assert.equal(t("hello", { name: "Asha", count: 123456 }), "Hello Asha, 123,456");
  setLanguage("hi");
  assert.equal(t("hello", { name: "Asha", count: 123456 }), "Asha, नमस्ते, 1,23,456");
});

test("a value that looks like a placeholder is not filled again", () => {
  assert.equal(t("hello", { name: "{count}", count: 1 }), "Hello {count}, 1");
});

test("plural forms follow each language's own rule for zero and one", () => {
  assert.deepEqual(
    [0, 1, 2].map((count) => t.n("files", count)),
    ["0 files", "1 file", "2 files"],
  );
  setLanguage("hi");
  assert.deepEqual(
    [0, 1, 2].map((count) => t.n("files", count)),
    ["0 फ़ाइल", "1 फ़ाइल", "2 फ़ाइलें"],
  );
});

test("bytes change unit at 1,024 and never show as 1,024 of a unit's lower neighbour", () => {
  const shown = (bytes: number): string => formatBytes(bytes);
  assert.deepEqual([0, 1, 1023, 1024, 1536, 1_048_575, 10_485_760].map(shown), [
    "0 B",
    "1 B",
    "1,023 B",
    "1 KiB",
    "1.5 KiB",
    "1 MiB",
    "10 MiB",
  ]);
  assert.equal(shown(2 ** 60), "1,048,576 TiB");
});

test("durations show their two largest units and survive odd input", () => {
  assert.deepEqual([-5, 0, 0.4, 59.6, 61, 3600, 3725, 90_000].map(formatDuration), [
    "0 s",
    "0 s",
    "<1 s",
    "1 min",
    "1 min 1 s",
    "1 h",
    "1 h 2 min",
    "1 d 1 h",
  ]);
});

test("ages count from the given now and never say minus", () => {
  const now = Date.parse("2026-01-31T12:00:00Z");
  assert.equal(formatAge("2026-01-31T11:59:55Z", now), "now");
  assert.match(formatAge("2026-01-31T11:57:00Z", now), /^3 min/);
  assert.match(formatAge("2026-01-31T12:00:05Z", now), /^now$/);
  assert.match(formatAge("2026-01-30T12:00:00Z", now), /^yesterday|1 day/);
});

test("money below a cent does not read as free", () => {
  assert.equal(formatMoney(0), "$0.00");
  assert.equal(formatMoney(0.0012), "$0.0012");
  assert.equal(formatMoney(1234.5), "$1,234.50");
});

test("small numbers keep their digits", () => {
  assert.equal(formatSignificant(0.0001), "1e-4");
  assert.equal(formatSignificant(0.41234), "0.412");
  assert.equal(formatSignificant(0), "0");
  assert.equal(formatNumber(0.125), "0.13");
  assert.equal(formatPercent(41.6), "42%");
});
