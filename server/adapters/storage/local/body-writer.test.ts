import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { describe, it } from "node:test";
import { bodyOf, failsWith, md5 } from "../conformance-kit.ts";
import type { Body } from "../storage.ts";
import { type WriteAt, writeBody } from "./body-writer.ts";

/** A write that keeps what it is given, at its position, after a while. */
function memory(): { write: WriteAt; bytes: () => Buffer; largest: () => number } {
  const pieces: [position: number, bytes: Buffer][] = [];
  return {
    async write(bytes, position) {
      await new Promise((resolve) => setImmediate(resolve));
      pieces.push([position, Buffer.from(bytes)]);
    },
    bytes() {
      const whole = Buffer.alloc(Math.max(0, ...pieces.map(([position, bytes]) => position + bytes.length)));
      for (const [position, bytes] of pieces) bytes.copy(whole, position);
      return whole;
    },
    largest: () => Math.max(...pieces.map(([, bytes]) => bytes.length)),
  };
}

describe("writing a body", () => {
  it("writes the same bytes whatever the sizes of its chunks, also several at once", async () => {
    const bodies = [1, 100, 65_536, 131_072, 131_073, 700_000].map((chunkBytes) => {
      const data = randomBytes(900_001);
      const chunks: Buffer[] = [];
      for (let at = 0; at < data.length; at += chunkBytes) chunks.push(data.subarray(at, at + chunkBytes));
      return { data, chunks: chunkBytes === 1 ? chunks.slice(0, 3000) : chunks };
    });
    await Promise.all(
      bodies.map(async ({ chunks }) => {
        const target = memory();
        const written = await writeBody(bodyOf(...chunks), target.write, { start: 7 });
        const whole = Buffer.concat(chunks);
        assert.deepEqual(written, { sizeBytes: whole.length, md5: md5(whole) });
        assert.ok(target.bytes().subarray(7).equals(whole));
      }),
    );
  });

  it("rejects with the error of a write, and ends the body", async () => {
    let isEnded = false;
    const endless = async function* (): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield Buffer.alloc(65_536);
      } finally {
        isEnded = true;
      }
    };
    const write = async (): Promise<void> => {
      throw new Error("no space");
    };
    await assert.rejects(writeBody(endless(), write, { start: 0 }), /no space/);
    assert.equal(isEnded, true);
  });

  it("lets no write run on after it has rejected", async () => {
    let running = 0;
    const write = async (): Promise<void> => {
      running++;
      await new Promise((resolve) => setTimeout(resolve, 5));
      running--;
    };
    const body = async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(300_000);
      throw new Error("cut");
    };
    await assert.rejects(writeBody(body(), write, { start: 0 }), /cut/);
    assert.equal(running, 0);
  });

  it("takes an MD5 unless the body is vouched for, and always when one is expected or needed", async () => {
    const vouched = (): Body => ({
      isVouchedFor: true,
      [Symbol.asyncIterator]: () => bodyOf("data")[Symbol.asyncIterator](),
    });
    const { write } = memory();
    const digest = createHash("md5").update("data").digest("hex");
    const md5Of = async (options: object): Promise<string | null> =>
      (await writeBody(vouched(), write, { start: 0, ...options })).md5;
    assert.equal(await md5Of({}), null);
    assert.equal(await md5Of({ needsMd5: true }), digest);
    assert.equal(await md5Of({ expectedMd5: digest }), digest);
    await assert.rejects(md5Of({ expectedMd5: "0".repeat(32) }), failsWith("object_digest_mismatch"));
  });
});
