import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { memoryFile, weights } from "../conformance.ts";
import { PublishedBlob } from "./published-blob.ts";

const mebibyte = 1024 * 1024;

describe("a published file as a blob", () => {
  const content = weights(8 * mebibyte, "blob");

  test("is read no further than somebody wants it", async () => {
    const file = memoryFile("model.safetensors", content);
    let read = 0;
    const blob = new PublishedBlob({
      ...file,
      async *read(start, end) {
        for await (const piece of file.read(start, end)) {
          read += piece.byteLength;
          yield piece;
        }
      },
    });
    const reader = blob.stream().getReader();
    await reader.read();
    await new Promise((done) => setTimeout(done, 50));
    assert.ok(read <= 3 * 65_536, `${read} bytes were read for the first piece`);
    await reader.cancel();
    assert.equal(blob.size, content.length);
  });

  test("has slices of slices, and a file that became shorter is no file", async () => {
    const blob = new PublishedBlob(memoryFile("model.safetensors", content));
    const slice = blob.slice(1_000, 200_000).slice(500, 100_500);
    assert.equal(slice.size, 100_000);
    assert.ok(Buffer.from(await slice.arrayBuffer()).equals(content.subarray(1_500, 101_500)));
    assert.equal(blob.slice(content.length - 10, content.length + 10).size, 10);
    const shorter = new PublishedBlob({ ...memoryFile("model.safetensors", content), async *read() {} });
    await assert.rejects(shorter.arrayBuffer(), /was changed or deleted/);
  });
});
