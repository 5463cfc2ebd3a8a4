import assert from "node:assert/strict";
import { test } from "node:test";
import { Failure } from "@simpletuner-cloud/contract/errors.ts";
import fc from "fast-check";
import type { JsonValue } from "./dataloader-config.ts";
import { isHostPath, parseDataloader } from "./dataloader-config.ts";
import type { RewriteOptions } from "./rewrite-dataloader.ts";
import { rewriteDataloader } from "./rewrite-dataloader.ts";

const host = { homeDir: "/home/mira", baseDir: "/srv/tuner" };
const cats = {
  id: "cats",
  instance_data_dir: "/data/sets/cats",
  root: "/mnt/disk/cats",
  archive_dir: "datasets/cats/",
};

function rewrite(fields: Record<string, JsonValue>, options: RewriteOptions = host) {
  const result = rewriteDataloader(
    parseDataloader([{ id: "cats", instance_data_dir: "/data/sets/cats", ...fields }]),
    [cats],
    options,
  );
  return { fields: result.dataloader[0]!, rewritten: result.rewritten };
}

test("dataset and cache folders become archive-relative, with the caller's prefix", () => {
  const fields = {
    cache_dir: "cache/x",
    cache_dir_vae: "/ssd/vae",
    cache_dir_text: "~/text",
    csv_cache_dir: "/ssd/csv",
  };
  assert.deepEqual(rewrite(fields, { ...host, rootPrefix: "/job/data/" }).fields, {
    id: "cats",
    instance_data_dir: "/job/data/datasets/cats/",
    cache_dir: "/job/data/cache/cats/main",
    cache_dir_vae: "/job/data/cache/cats/vae",
    cache_dir_text: "/job/data/cache/cats/text",
    csv_cache_dir: "/job/data/cache/cats/csv",
  });
});

test("paths into a packaged dataset follow it, whichever way they are written", () => {
  for (const path of [
    "/data/sets/cats/meta/t.parquet",
    "/mnt/disk/cats/meta/t.parquet",
    "../../data/sets/cats/meta/t.parquet",
  ]) {
    assert.deepEqual(
      rewrite({ parquet: { path } }).fields["parquet"],
      { path: "datasets/cats/meta/t.parquet" },
      path,
    );
  }
});

test("other paths of this machine are removed and listed", () => {
  const { fields, rewritten } = rewrite({
    parquet: { path: "/other/t.parquet", caption_column: "text" },
    list: ["/a/b", "kept", "~/c", "C:\\d", "\\\\server\\e", "file:///f", "see /home/mira/notes"],
    note: "from:/data/sets/cats",
    "/data/sets/cats": 1,
  });
  assert.deepEqual(fields, {
    id: "cats",
    instance_data_dir: "datasets/cats/",
    parquet: { caption_column: "text" },
    list: ["kept"],
  });
  assert.deepEqual(
    rewritten.map(({ field, to }) => [field, to]),
    [
      ["instance_data_dir", "datasets/cats/"],
      ["parquet.path", null],
      ["list.0", null],
      ["list.2", null],
      ["list.3", null],
      ["list.4", null],
      ["list.5", null],
      ["list.6", null],
      ["note", null],
      ["/data/sets/cats", null],
    ],
  );
  assert.deepEqual(rewritten[1], {
    dataset_id: "cats",
    field: "parquet.path",
    from: "/other/t.parquet",
    to: null,
  });
});

test("references, prompts, URLs, numbers and relative names stay", () => {
  const fields = {
    conditioning_data: "dogs",
    text_embeds: "embeds",
    instance_prompt: "a cat / a dog",
    url: "https://example.org/home/x",
    resolution: 1.5,
    crop: true,
    none: null,
    caption_strategy: "textfile",
    parquet: { path: "train.parquet" },
  };
  const { fields: kept, rewritten } = rewrite(fields);
  assert.deepEqual(kept, { id: "cats", instance_data_dir: "datasets/cats/", ...fields });
  assert.equal(rewritten.length, 1);
});

test("a short folder such as /data does not make URLs suspect, but stands out as a path", () => {
  const place = { id: "d", instance_data_dir: "/data", root: "/data", archive_dir: "datasets/d/" };
  const entries = parseDataloader([
    { id: "d", instance_data_dir: "/data", a: "s3://bucket/data/x", b: "from:/data/x" },
  ]);
  assert.deepEqual(rewriteDataloader(entries, [place], host).dataloader, [
    { id: "d", instance_data_dir: "datasets/d/", a: "s3://bucket/data/x" },
  ]);
});

test("a bucket keeps its own prefixes and caches, a disabled local dataset keeps no path", () => {
  const bucket = { id: "s3", type: "aws", instance_data_dir: "sets/cats", cache_dir_vae: "vae/cats" };
  const off = { id: "off", disabled: true, instance_data_dir: "/secret/place" };
  const { dataloader } = rewriteDataloader(parseDataloader([bucket, off]), [], host);
  assert.deepEqual(dataloader, [bucket, { ...off, instance_data_dir: "datasets/off/" }]);
});

test("an id that holds a path of this machine is refused", () => {
  const entries = parseDataloader([{ id: "x-/home/mira/cats" }]);
  assert.throws(
    () => rewriteDataloader(entries, [], host),
    (error) => error instanceof Failure && error.code === "config_invalid",
  );
});

test("no host path survives in any configuration", () => {
  const path = fc.oneof(
    fc.constantFrom(
      "/data/sets/cats",
      "/data/sets/cats/a.csv",
      "/mnt/disk/cats",
      "/home/mira",
      "~/x",
      "~",
      "C:/x",
      "D:\\y",
      "\\\\host\\share",
      "file:/etc",
      " /etc",
      "x=/home/mira/y",
      "deep:/data/sets/cats/z",
    ),
    fc.string({ unit: "grapheme" }).map((text) => `/${text}`),
    fc.string().map((text) => `${text}/home/mira/${text}`),
    fc.string().map((text) => `${text}/mnt/disk/cats${text}`),
  );
  const key = fc.oneof(
    fc.constantFrom("cache_dir", "cache_dir_vae", "path", "csv_file", "list", "note", "instance_data_dir"),
    fc.string(),
    path,
  );
  const { tree } = fc.letrec<{ tree: JsonValue }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 3 },
      path,
      fc.string(),
      fc.integer(),
      fc.constant(null),
      fc.array(tie("tree"), { maxLength: 3 }),
      fc.dictionary(key, tie("tree"), { maxKeys: 3 }),
    ),
  }));
  const check = (value: JsonValue): void => {
    if (typeof value === "string") {
      assert.ok(!isHostPath(value), value);
      assert.doesNotMatch(value, /\/data\/sets\/cats|\/mnt\/disk\/cats|\/home\/mira/);
    } else if (Array.isArray(value)) value.forEach(check);
    else if (typeof value === "object" && value !== null) Object.entries(value).flat().forEach(check);
  };
  fc.assert(
    fc.property(
      fc.dictionary(key, tree),
      fc.constantFrom("local", "aws", "csv", undefined),
      (fields, type) => {
        const extra = type === undefined ? {} : { type };
        const { dataloader } = rewriteDataloader(
          parseDataloader([
            { ...fields, ...extra, id: "cats", instance_data_dir: "/data/sets/cats" },
            { ...fields, id: "other", type: "aws" },
          ]),
          [cats],
          host,
        );
        check([...dataloader]);
      },
    ),
    { numRuns: 500 },
  );
});
