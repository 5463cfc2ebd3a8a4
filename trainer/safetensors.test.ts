import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { encodeSafetensors, readSafetensors, readSafetensorsHeader } from "./safetensors.ts";

const folder = await mkdtemp(join(tmpdir(), "safetensors-"));
const path = join(folder, "x.safetensors");
after(() => rm(folder, { recursive: true }));

function fileOf(header: unknown, dataBytes: number, claimedLength?: bigint): Buffer {
  const text = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const start = Buffer.alloc(8);
  start.writeBigUInt64LE(claimedLength ?? BigInt(text.length));
  return Buffer.concat([start, text, Buffer.alloc(dataBytes)]);
}

test("hostile headers are refused with the reason", async () => {
  const entry = { dtype: "F32", shape: [2], data_offsets: [0, 8] };
  const cases: [string, Buffer, RegExp][] = [
    ["empty file", Buffer.alloc(0), /too short/],
    ["huge header", fileOf({}, 0, 2n ** 60n), /claims a header of/],
    ["longer than the file", fileOf({}, 0, 500n), /shorter than its header claims/],
    ["not JSON", fileOf("{oops", 0), /not JSON/],
    [
      "invalid UTF-8",
      Buffer.concat([Buffer.from([2, 0, 0, 0, 0, 0, 0, 0]), Buffer.from([0xff, 0xfe])]),
      /not JSON/,
    ],
    ["an array", fileOf("[]", 0), /not a JSON object/],
    ["unknown dtype", fileOf({ a: { ...entry, dtype: "constructor" } }, 8), /wrong dtype/],
    ["negative shape", fileOf({ a: { ...entry, shape: [-2] } }, 8), /wrong shape/],
    ["overflowing shape", fileOf({ a: { ...entry, shape: [2 ** 52, 2 ** 52] } }, 8), /wrong byte range/],
    ["range beyond the file", fileOf({ a: entry }, 4), /describes 8/],
    ["data that nothing describes", fileOf({ a: entry }, 12), /describes 8/],
    ["overlap", fileOf({ a: entry, b: { ...entry, data_offsets: [4, 12] } }, 12), /overlap/],
    ["hole", fileOf({ a: { ...entry, data_offsets: [4, 12] } }, 12), /hole/],
    ["swapped range", fileOf({ a: { ...entry, data_offsets: [8, 0] } }, 8), /wrong byte range/],
    ["metadata of numbers", fileOf({ __metadata__: { step: 1 } }, 0), /metadata/],
  ];
  for (const [name, file, expected] of cases) {
    await writeFile(path, file);
    await assert.rejects(readSafetensorsHeader(path), expected, name);
  }
});

test("any tensors and texts come back as they were written", async () => {
  const tensor = fc.array(fc.float({ noNaN: true }), { maxLength: 12 });
  const names = fc.string({ minLength: 1 }).filter((name) => name !== "__metadata__" && name !== "__proto__");
  const content = fc.dictionary(names, tensor, { noNullPrototype: true, maxKeys: 6 });
  await fc.assert(
    fc.asyncProperty(content, fc.string(), async (arrays, note) => {
      const tensors = new Map(
        Object.entries(arrays).map(([name, numbers]) => [
          name,
          { shape: [numbers.length], data: Float32Array.from(numbers) },
        ]),
      );
      await writeFile(path, encodeSafetensors(tensors, { note }));
      const read = await readSafetensors(path);
      assert.equal(read.metadata["note"], note);
      assert.deepEqual([...read.tensors].sort(), [...tensors].sort());
      assert.equal((await readSafetensorsHeader(path)).dataStart % 8, 0);
    }),
    { numRuns: 60 },
  );
});

test("a truncated file and numbers of another type are refused", async () => {
  const tensors = new Map([["a", { shape: [4], data: Float32Array.of(1, 2, 3, 4) }]]);
  await writeFile(path, encodeSafetensors(tensors, {}).subarray(0, -3));
  await assert.rejects(readSafetensors(path), /describes 16/);
  await writeFile(path, fileOf({ a: { dtype: "F16", shape: [2], data_offsets: [0, 4] } }, 4));
  await assert.rejects(readSafetensors(path), /only F32/);
});
