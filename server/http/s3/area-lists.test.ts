import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, it } from "node:test";
import { type LocalStorage, openLocalStorage } from "../../adapters/storage/local/local-storage.ts";
import { listAreas } from "./area-lists.ts";

let root: string;
let storage: LocalStorage;

before(async () => {
  root = await mkdtemp(join(tmpdir(), "areas-"));
  storage = await openLocalStorage({ root, durability: "fast", keepFreeBytes: 0 });
  await storage.createBucket("outputs");
  for (const key of ["a1/x", "a1/y/1", "a1/y/2", "a1/z", "a2/x", "b1/x", "b3/x", "top"]) {
    const body = (async function* () {
      yield Buffer.from(key);
    })();
    await storage.putObject({ bucket: "outputs", key, body, headers: {}, userMetadata: {} });
  }
});
after(() => rm(root, { recursive: true, force: true }));

/** Two areas at a time, one of them empty. */
const allowed = ["a1/", "a3/", "b1/", "b3/"];
const areasFrom = async (from: string): Promise<string[]> =>
  allowed.filter((area) => area > from || from.startsWith(area)).slice(0, 2);

/** Every page of a list, each as its keys and then its common prefixes. */
async function pages(query: { prefix?: string; delimiter?: string; maxKeys?: number }): Promise<string[][]> {
  const found: string[][] = [];
  let next: string | null = "";
  while (next !== null) {
    const page = await listAreas(
      storage,
      { bucket: "outputs", maxKeys: 1000, ...query, after: next },
      areasFrom,
    );
    found.push([...page.objects.map(({ key }) => key), ...page.commonPrefixes]);
    next = page.next;
  }
  return found;
}

it("lists what lies in the areas, and nothing else", async () => {
  const all = ["a1/x", "a1/y/1", "a1/y/2", "a1/z", "b1/x", "b3/x"];
  assert.deepEqual(await pages({}), [all]);
  assert.deepEqual(await pages({ prefix: "b" }), [["b1/x", "b3/x"]]);
  assert.deepEqual(await pages({ prefix: "a2" }), [[]]);
  assert.deepEqual(await pages({ prefix: "top" }), [[]]);
});

it("folds areas as any folder", async () => {
  assert.deepEqual(await pages({ delimiter: "/" }), [["a1/", "b1/", "b3/"]]);
  assert.deepEqual(await pages({ delimiter: "1" }), [["b3/x", "a1", "b1"]]);
  assert.deepEqual(await pages({ delimiter: "y" }), [["a1/x", "a1/z", "b1/x", "b3/x", "a1/y"]]);
  await assert.rejects(pages({ delimiter: "//" }), { code: "NotImplemented" });
});

it("is empty where nothing is asked for", async () => {
  assert.deepEqual(await pages({ maxKeys: 0 }), [[]]);
});

it("goes on where a page ended, whatever its size", async () => {
  for (const maxKeys of [1, 2, 3, 4, 5, 6]) {
    const found = await pages({ maxKeys });
    assert.deepEqual(found.flat(), ["a1/x", "a1/y/1", "a1/y/2", "a1/z", "b1/x", "b3/x"]);
    assert.equal(found.length, Math.ceil(6 / maxKeys), `pages of ${maxKeys}`);
    const folders = await pages({ maxKeys, delimiter: "/" });
    assert.deepEqual(folders.flat(), ["a1/", "b1/", "b3/"]);
    assert.equal(folders.length, Math.ceil(3 / maxKeys));
  }
});
