import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  headerGuard,
  headerLength,
  HeaderProblem,
  maxHeaderBytes,
  parseSafetensorsHeader,
} from "./safetensors-header.ts";

const tensor = (begin: number, end: number, shape = [end - begin], dtype = "U8") => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});

function read(header: unknown, dataBytes = 0) {
  const bytes = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  headerGuard()(bytes);
  return parseSafetensorsHeader(bytes, {
    key: "model.safetensors",
    fileBytes: 8 + bytes.length + dataBytes,
  });
}

function start(length: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, length, true);
  return bytes;
}

describe("the length of a header", () => {
  const fileBytes = maxHeaderBytes * 2;
  const wrong: [title: string, bytes: Uint8Array, fileBytes: number, why: RegExp][] = [
    ["an empty file", new Uint8Array(0), 0, /too short/],
    ["seven bytes", new Uint8Array(7), 7, /too short/],
    ["a text file", Buffer.from("# A read"), 4_000, /cut off/],
    ["longer than the file", start(93n), 100, /cut off/],
    ["all bits set", start(2n ** 64n - 1n), fileBytes, /cut off/],
    ["one byte too many", start(BigInt(maxHeaderBytes) + 1n), fileBytes, /at most 67108864/],
    ["none", start(0n), fileBytes, /empty/],
  ];
  for (const [title, bytes, size, why] of wrong) {
    test(`refused: ${title}`, () => {
      assert.throws(
        () => headerLength(bytes, size),
        (error) => error instanceof HeaderProblem && why.test(error.message),
      );
    });
  }
  test("the longest one is taken, and the bytes may lie anywhere in their buffer", () => {
    assert.equal(headerLength(start(BigInt(maxHeaderBytes)), fileBytes), maxHeaderBytes);
    const shifted = Buffer.concat([Buffer.from("xyz"), start(92n)]).subarray(3);
    assert.equal(headerLength(shifted, 100), 92);
  });
});

describe("a header that cannot be true is refused in one sentence", () => {
  const wrong: [title: string, header: unknown, dataBytes: number, why: RegExp][] = [
    ["not JSON", "{", 0, /not JSON/],
    ["not UTF-8 is not JSON", '{"\u{fffd}', 0, /not JSON/],
    ["a list", [], 0, /not a JSON object/],
    ["null", "null", 0, /not a JSON object/],
    ["nested deeply", "[".repeat(100_000), 0, /deeper/],
    ["nested one level too deep", '{"a":{"shape":[[]]}}', 0, /deeper/],
    ["millions of numbers", `{"a":[${"0,".repeat(1_000_001)}0]}`, 0, /more entries/],
    ["a text for a tensor", { a: "x" }, 0, /"a" with a wrong entry/],
    ["a list for a tensor", { a: [] }, 0, /wrong entry/],
    ["no dtype", { a: { shape: [], data_offsets: [0, 1] } }, 1, /wrong dtype/],
    ["a long dtype", { a: tensor(0, 1, [1], "x".repeat(99)) }, 1, /wrong dtype/],
    ["a negative side", { a: tensor(0, 1, [-1]) }, 1, /wrong shape/],
    ["half a side", { a: tensor(0, 1, [0.5]) }, 1, /wrong shape/],
    ["too many sides", { a: tensor(0, 1, Array<number>(65).fill(1)) }, 1, /wrong shape/],
    ["a product beyond numbers", { a: tensor(0, 1, [2 ** 40, 2 ** 40]) }, 1, /wrong shape/],
    ["a range backwards", { a: tensor(5, 1, [4], "NEW") }, 1, /wrong byte range/],
    ["a range of three", { a: { ...tensor(0, 1), data_offsets: [0, 1, 2] } }, 1, /wrong byte range/],
    ["a range that does not fit the shape", { a: tensor(0, 8, [3], "F32") }, 8, /wrong byte range/],
    ["an offset beyond numbers", '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1e30]}}', 1, /byte range/],
    ["an overlap", { a: tensor(0, 4), b: tensor(2, 6) }, 6, /overlap before the tensor "b"/],
    ["a hole", { a: tensor(0, 4), b: tensor(5, 6) }, 6, /hole/],
    ["a file that ends too early", { a: tensor(0, 4) }, 3, /holds 3 bytes of data.*describes 4/],
    ["bytes that belong to nothing", { a: tensor(0, 4) }, 9, /holds 9 bytes/],
    ["metadata that is a list", { __metadata__: ["x"] }, 0, /metadata/],
    ["metadata with a number", { __metadata__: { epochs: 3 } }, 0, /metadata/],
  ];
  for (const [title, header, dataBytes, why] of wrong) {
    test(title, () => {
      assert.throws(
        () => read(header, dataBytes),
        (error) => error instanceof HeaderProblem && why.test(error.message),
      );
    });
  }

  test("brackets inside texts are no depth, whatever pieces the bytes come in", () => {
    const bytes = Buffer.from(JSON.stringify({ __metadata__: { 'a"[[\\': '{{{{"[[[[\\' } }));
    for (let cut = 0; cut <= bytes.length; cut++) {
      const look = headerGuard();
      look(bytes.subarray(0, cut));
      look(bytes.subarray(cut));
    }
    assert.deepEqual(read(bytes.toString()).metadata, { 'a"[[\\': '{{{{"[[[[\\' });
  });

  test("names like __proto__ are names", () => {
    const header = read('{"__proto__":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}', 2);
    assert.deepEqual(
      header.tensors.map(({ name }) => name),
      ["__proto__"],
    );
    assert.deepEqual(Object.entries(read('{"__metadata__":{"__proto__":"x"}}').metadata), [
      ["__proto__", "x"],
    ]);
  });

  test("whatever the bytes are, the answer is a header or a HeaderProblem", () => {
    const near = fc.string().map((text) => `{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]${text}`);
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), near), (text) => {
        try {
          read(text, 4);
        } catch (error) {
          assert.ok(error instanceof HeaderProblem, String(error));
        }
      }),
    );
  });
});

describe("a good header", () => {
  test("tensors in the order of their data, totals by type, metadata", () => {
    const header = read(
      {
        __metadata__: { format: "pt", ss_steps: "200" },
        late: tensor(24, 32, [2, 2], "F16"),
        early: tensor(0, 24, [2, 3], "F32"),
        scalar: tensor(32, 40, [], "F64"),
        packed: tensor(40, 42, [3], "F4"),
        future: tensor(42, 45, [9], "F2_X"),
      },
      45,
    );
    assert.deepEqual(
      header.tensors.map(({ name, parameters, size_bytes }) => [name, parameters, size_bytes]),
      [
        ["early", 6, 24],
        ["late", 4, 8],
        ["scalar", 1, 8],
        ["packed", 3, 2],
        ["future", 9, 3],
      ],
    );
    assert.deepEqual([header.tensor_count, header.parameters], [5, 23]);
    assert.deepEqual(header.dtypes[0], { dtype: "F32", tensor_count: 1, parameters: 6, size_bytes: 24 });
    assert.deepEqual(header.metadata, { format: "pt", ss_steps: "200" });
  });

  test("an empty tensor and a model of nothing", () => {
    assert.equal(read({ none: tensor(0, 0, [0, 5], "F32") }).parameters, 0);
    assert.deepEqual(read({ __metadata__: {} }).tensors, []);
  });

  test("long metadata is cut and says so; more tensors than fit are counted", () => {
    const many = Object.fromEntries(
      Array.from({ length: 20_001 }, (_, at) => [`t${at}`, tensor(at, at + 1)]),
    );
    const header = read({ __metadata__: { tags: "x".repeat(70_000) }, ...many }, 20_001);
    assert.equal(header.metadata["tags"]?.length, 65_536);
    assert.deepEqual(header.cut_metadata, ["tags"]);
    assert.deepEqual(
      [header.tensors.length, header.tensor_count, header.parameters],
      [20_000, 20_001, 20_001],
    );
  });
});
