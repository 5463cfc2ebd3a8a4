import assert from "node:assert/strict";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { test } from "node:test";
import { testFolder } from "./dataset-fixture.ts";
import { spool } from "./spool.ts";

for (const [what, sizes] of [
  ["nothing", []],
  ["a little", [10, 0, 20]],
  ["just a piece", [1 << 20]],
  ["more than a piece", [1 << 19, 1 << 19, 1, 700_000, 900_000]],
  ["more than a piece at once", [5, 3_000_000, 7]],
] as const) {
  test(`${what} is read back as it was appended, twice, and no file has a name`, async (t) => {
    const folder = await testFolder(t);
    await writeFile(join(folder, "list"), "left by a crash");
    const list = spool(join(folder, "list"));
    const parts = sizes.map((size, index) => Buffer.alloc(size, index + 1));
    for (const part of parts) await list.append(part);
    const expected = Buffer.concat(parts);
    assert.equal(list.size(), expected.length);
    if (expected.length > 1 << 20) assert.deepEqual(await readdir(folder), []);
    for (let round = 0; round < 2; round += 1)
      assert.ok((await buffer(copies(list.read()))).equals(expected));
    await list.close();
  });
}

async function* copies(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const piece of pieces) yield Buffer.from(piece);
}
