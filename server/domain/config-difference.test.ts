import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { configDifferences } from "./config-difference.ts";

describe("what two configurations set differently", () => {
  it("names changed, added and removed values by their path", () => {
    const before = { rank: 8, lr: "1e-4", nested: { "a/b": 1, same: true }, gone: null };
    const after = { rank: 16, lr: "1e-4", nested: { "a/b": 2, same: true }, added: [1, 2] };
    assert.deepEqual(configDifferences(before, after), [
      { path: "/added", after: [1, 2] },
      { path: "/gone", before: null },
      { path: "/nested/a~1b", before: 1, after: 2 },
      { path: "/rank", before: 8, after: 16 },
    ]);
  });

  it("compares dataset lists by their ids, whatever their order", () => {
    const before = [{ id: "a", repeats: 1 }, { id: "b" }];
    const after = [{ id: "new" }, { id: "b" }, { id: "a", repeats: 5 }];
    assert.deepEqual(configDifferences(before, after), [
      { path: "/a/repeats", before: 1, after: 5 },
      { path: "/new", after: { id: "new" } },
    ]);
    const doubled = [{ id: "a" }, { id: "a", x: 1 }];
    assert.deepEqual(configDifferences(before, doubled), [{ path: "", before, after: doubled }]);
  });

  it("finds nothing in equal values, whatever the order of their fields, and the same both ways", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (left, right) => {
        assert.deepEqual(configDifferences(left, structuredClone(left)), []);
        const there = configDifferences(left, right).map(({ path }) => path);
        assert.deepEqual(
          configDifferences(right, left).map(({ path }) => path),
          there,
        );
      }),
    );
    assert.deepEqual(configDifferences({ a: [{ x: 1, y: 2 }] }, { a: [{ y: 2, x: 1 }] }), []);
  });
});
