import assert from "node:assert/strict";
import { test } from "node:test";
import { Failure } from "@simpletuner-cloud/contract/errors.ts";
import { localDatasets, parseDataloader } from "./dataloader-config.ts";

const bad: [what: string, value: unknown, field: string, problem: RegExp][] = [
  ["no list", { id: "a" }, "dataloader_config", /list/],
  ["an entry that is no object", ["a"], "dataloader_config[0]", /object/],
  ["no id", [{ id: "a" }, { instance_data_dir: "/x" }], "dataloader_config[1].id", /name/],
  ["an empty id", [{ id: " " }], "dataloader_config[0].id", /name/],
  [
    "two equal ids",
    [{ id: "a" }, { id: "b" }, { id: "a", type: "aws" }],
    "dataloader_config[2].id",
    /dataset 0/,
  ],
  ["a path as id", [{ id: "/data/cats" }], "dataloader_config[0].id", /not a path/],
  ["a Windows path as id", [{ id: "C:\\cats" }], "dataloader_config[0].id", /not a path/],
  ["a newline in an id", [{ id: "a\nb" }], "dataloader_config[0].id", /control/],
  [
    "a folder that is no text",
    [{ id: "a", instance_data_dir: 5 }],
    "dataloader_config[0].instance_data_dir",
    /folder/,
  ],
  [
    "an empty folder",
    [{ id: "a", instance_data_dir: "" }],
    "dataloader_config[0].instance_data_dir",
    /folder/,
  ],
  [
    "a folder with NUL",
    [{ id: "a", instance_data_dir: "/a\0b" }],
    "dataloader_config[0].instance_data_dir",
    /NUL/,
  ],
];

for (const [what, value, field, problem] of bad) {
  test(`${what} is refused naming the field`, () => {
    assert.throws(
      () => parseDataloader(value),
      (error) =>
        error instanceof Failure &&
        error.code === "config_invalid" &&
        error.details["field"] === field &&
        problem.test(error.message),
    );
  });
}

test("only local, enabled datasets with a folder are packaged", () => {
  const entries = parseDataloader([
    { id: "a", instance_data_dir: "/a" },
    { id: "b", type: "local", instance_data_dir: "b" },
    { id: "c", type: "aws", instance_data_dir: "c" },
    { id: "d", type: "local", instance_data_dir: "/d", disabled: true },
    { id: "e", type: "local", instance_data_dir: "/e", disable: true },
    { id: "f", type: "local", dataset_type: "text_embeds", cache_dir: "/f" },
    { id: "g", type: "huggingface", dataset_name: "x/y" },
  ]);
  assert.deepEqual(localDatasets(entries), [
    { id: "a", instanceDataDir: "/a" },
    { id: "b", instanceDataDir: "b" },
  ]);
});
