import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { archiveNames } from "./archive-names.ts";

test("ordinary ids stay as they are", () => {
  for (const [id, name] of archiveNames(["cats-512", "Dogs_v1.2"])) assert.equal(name, id);
});

test("ids that differ only by case or unsafe characters get different folders", () => {
  for (const ids of [
    ["cats", "CATS"],
    ["a/b", "a_b", "a\\b", "a:b"],
    ["кот", "пёс"],
    ["..", ".", "..."],
    ["con", "CON.txt"],
  ]) {
    const names = [...archiveNames(ids).values()];
    assert.equal(new Set(names.map((name) => name.toLowerCase())).size, ids.length, names.join(" "));
  }
});

test("an id that looks like the hashed name of another keeps its own", () => {
  const hashed = archiveNames(["cats", "CATS"]).get("cats") ?? "";
  const names = archiveNames(["cats", "CATS", hashed]);
  assert.equal(names.get(hashed), hashed);
  assert.equal(new Set([...names.values()].map((name) => name.toLowerCase())).size, 3);
});

test("any ids give safe, distinct names that do not depend on their order", () => {
  const id = fc.string({ unit: "grapheme", minLength: 1 });
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.oneof(id, fc.constantFrom("a", "A", "a.", "nul", "-a", "a/../b"))),
      (ids) => {
        const names = archiveNames(ids);
        for (const name of names.values()) assert.match(name, /^[A-Za-z0-9_][A-Za-z0-9._-]{0,124}(?<!\.)$/);
        assert.equal(new Set([...names.values()].map((name) => name.toLowerCase())).size, ids.length);
        for (const [key, name] of archiveNames(ids.toReversed())) assert.equal(name, names.get(key));
      },
    ),
  );
});
