import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { compareKeys, isBucketName, keySegments } from "./object-key.ts";

describe("compareKeys", () => {
  it("orders as the UTF-8 bytes do, also where UTF-16 does not", () => {
    assert.ok(compareKeys("\uffff", "\u{10000}") < 0);
    const text = fc.string({ unit: "binary", maxLength: 12 }).filter((value) => value.isWellFormed());
    fc.assert(
      fc.property(text, text, (left, right) => {
        assert.equal(
          Math.sign(compareKeys(left, right)),
          Buffer.compare(Buffer.from(left), Buffer.from(right)),
        );
      }),
      { numRuns: 500 },
    );
  });
});

describe("keySegments", () => {
  it("has no path for what would leave the bucket or has no name", () => {
    const odd = [
      "..",
      ".",
      "a/..",
      "../a",
      "/a",
      "a/",
      "a//b",
      "a\0b",
      "a\\b",
      "x".repeat(256),
      "é".repeat(128),
    ];
    for (const key of odd) assert.equal(keySegments(key), null, key);
    assert.deepEqual(keySegments("a/b..c/.d"), ["a", "b..c", ".d"]);
    assert.deepEqual(keySegments("é".repeat(127)), ["é".repeat(127)]);
  });
});

describe("isBucketName", () => {
  it("takes S3's names and no path", () => {
    for (const name of ["outputs", "a.b-c", "x".repeat(63), "123"]) assert.ok(isBucketName(name), name);
    for (const name of ["", "..", ".s3", "a/b", "ab", "-ab", "ab-", "a_b", "1.2.3.4", "a..b"]) {
      assert.ok(!isBucketName(name), name);
    }
  });
});
