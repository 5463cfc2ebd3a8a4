import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Artifact } from "@simpletuner-cloud/contract/results.ts";
import {
  columnsAround,
  nearestStep,
  parsePins,
  rowOfKey,
  sampleGrid,
  stepBeside,
  stepOfKey,
} from "./sample-gallery-grid.ts";

function sample(key: string, step: number | null = null): Artifact {
  return {
    key,
    kind: "sample",
    size_bytes: 1,
    etag: "",
    last_modified: "2026-01-01T00:00:00.000Z",
    step,
    url: `/files/${key}`,
    path: null,
  };
}

describe("the grid of samples", () => {
  test("nothing gives an empty grid; pictures without a step are left out", () => {
    assert.deepEqual(sampleGrid([]).steps, []);
    assert.deepEqual(sampleGrid([sample("samples/cover.png")]).rows, []);
  });

  test("rows are the samples' numbers, columns the steps, both in number order", () => {
    const grid = sampleGrid([
      sample("samples/step-1000/image-10.png"),
      sample("samples/step-100/image-2.png"),
      sample("samples/step-100/image-10.png", 100),
    ]);
    assert.deepEqual(grid.steps, [100, 1000]);
    assert.deepEqual(grid.rows, [2, 10]);
    assert.equal(grid.at(10, 1000)?.key, "samples/step-1000/image-10.png");
    assert.equal(grid.at(2, 1000), undefined);
  });

  test("files without a number are counted within their step", () => {
    const grid = sampleGrid([sample("samples/step-5/cat.png"), sample("samples/step-5/dog.png")]);
    assert.deepEqual(grid.rows, [0, 1]);
    assert.equal(grid.at(1, 5)?.key, "samples/step-5/dog.png");
  });

  test("keys of several trainers", () => {
    assert.equal(stepOfKey("samples/step-100/image-0.png"), 100);
    assert.equal(stepOfKey("validation_images/step_200_prompt_0_512x512.png"), 200);
    assert.equal(stepOfKey("samples/footstep.png"), null);
    assert.equal(rowOfKey("a/step_200_prompt_3_512x512.png"), 3);
    assert.equal(rowOfKey("a/b.png"), null);
  });
});

describe("moving through steps", () => {
  const steps = [10, 20, 30, 40, 50, 60];

  test("the drawn columns stay inside the list and include the current step", () => {
    assert.deepEqual(columnsAround(steps, 10, 4), [10, 20, 30, 40]);
    assert.deepEqual(columnsAround(steps, 40, 3), [30, 40, 50]);
    assert.deepEqual(columnsAround(steps, 60, 4), [30, 40, 50, 60]);
    assert.deepEqual(columnsAround(steps, 99, 3), [10, 20, 30]);
    assert.deepEqual(columnsAround([], 1, 3), []);
  });

  test("neighbours hold at the ends; a step that is gone counts as the last", () => {
    assert.equal(stepBeside(steps, 10, -1), 10);
    assert.equal(stepBeside(steps, 30, 2), 50);
    assert.equal(stepBeside(steps, 99, 0), 60);
    assert.equal(stepBeside([], 7, 1), 7);
  });

  test("the nearest step", () => {
    assert.equal(nearestStep([], 3), null);
    assert.equal(nearestStep(steps, 24), 20);
    assert.equal(nearestStep(steps, 1e9), 60);
  });

  test("pins need two different steps that exist", () => {
    for (const bad of [null, "", "10", "10,10", "10,11", "10,20,30", "a,b"])
      assert.equal(parsePins(bad, steps), null);
    assert.deepEqual(parsePins("50,20", steps), [50, 20]);
  });
});
