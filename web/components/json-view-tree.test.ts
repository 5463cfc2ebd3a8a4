import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { filteredTree, jsonTree, leafCount } from "./json-view-tree.ts";

const config = {
  learning_rate: 0.0001,
  model: { family: "demo", rank: 16, empty: {} },
  datasets: [{ id: "flowers", path: "/data/Flowers" }],
  resume: null,
  push: false,
};

describe("a JSON tree", () => {
  test("empty and plain values", () => {
    assert.equal(leafCount(jsonTree({})), 0);
    assert.equal(jsonTree(null).type, "null");
    assert.equal(jsonTree('a"b').text, '"a\\"b"');
  });

  test("paths say how a value is reached; keys keep their order", () => {
    const tree = jsonTree(config);
    assert.deepEqual(
      tree.children.map((child) => child.key),
      ["learning_rate", "model", "datasets", "resume", "push"],
    );
    assert.equal(tree.children[2]?.children[0]?.children[1]?.path, "datasets[0].path");
    assert.equal(leafCount(tree), 7);
  });

  test("a search that finds nothing gives null, an empty one gives all", () => {
    const tree = jsonTree(config);
    assert.equal(filteredTree(tree, "no such thing"), null);
    assert.equal(filteredTree(tree, "  "), tree);
  });

  test("values and keys are found with what leads there, ignoring case", () => {
    const tree = jsonTree(config);
    const byValue = filteredTree(tree, "FLOWERS");
    assert.equal(byValue && leafCount(byValue), 2);
    const byKey = filteredTree(tree, "model");
    assert.equal(byKey && leafCount(byKey), 2);
    assert.deepEqual(
      byKey?.children.map((child) => child.key),
      ["model"],
    );
  });
});
