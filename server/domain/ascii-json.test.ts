import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { asciiJson } from "./ascii-json.ts";

test("whatever it holds, the text is ASCII and means what JSON.stringify's does", () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: "binary" }), (value) => {
      const text = asciiJson(value);
      assert.equal(Buffer.byteLength(text), text.length);
      assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(value)));
    }),
  );
});

test("characters of two units, lone halves and line separators survive", () => {
  const value = { name: "प्रशिक्षण 🗼 × \u2028", half: "\ud83d" };
  assert.deepEqual(JSON.parse(asciiJson(value)), value);
});
