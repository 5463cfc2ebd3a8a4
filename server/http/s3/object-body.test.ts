import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ReadableObject } from "../../adapters/storage/storage.ts";
import { objectBody } from "./object-body.ts";

/** An object that hands out one buffer again and again, as a storage may; `ended` tells how its read went. */
function objectOf(chunks: number, failAt = -1): { object: ReadableObject; ended: Promise<unknown> } {
  const { promise: ended, resolve: end } = Promise.withResolvers<unknown>();
  const buffer = Buffer.alloc(400_000);
  const read = async (_: unknown, write: (chunk: Uint8Array) => Promise<void>): Promise<void> => {
    for (let index = 0; index < chunks; index++) {
      if (index === failAt) throw new Error("disk");
      await write(buffer.fill(index));
    }
  };
  const object = {
    info: {} as ReadableObject["info"],
    close: async () => undefined,
    read(range: { start: number; end: number }, write: (chunk: Uint8Array) => Promise<void>) {
      const running = read(range, write);
      running.then(end, end);
      return running;
    },
  };
  return { object, ended };
}

describe("objectBody", () => {
  const range = { start: 0, end: 1 };

  it("throws what the storage throws", async () => {
    const { object } = objectOf(9, 5);
    const body = objectBody(object, range);
    await assert.rejects(async () => {
      for await (const _ of body);
    }, /disk/);
  });

  it("stops the storage when its reader stops", async () => {
    const { object, ended } = objectOf(1000);
    for await (const _ of objectBody(object, range)) break;
    assert.match(String(await ended), /Nobody reads|destroyed|closed/i);
  });

  it("keeps chunks whose memory the storage fills again", async () => {
    const { object, ended } = objectOf(12);
    const chunks: Uint8Array[] = [];
    for await (const chunk of objectBody(object, range)) chunks.push(chunk);
    assert.equal(await ended, undefined);
    const whole = Buffer.concat(chunks);
    assert.equal(whole.length, 12 * 400_000);
    for (let index = 0; index < 12; index++) {
      const piece = whole.subarray(index * 400_000, (index + 1) * 400_000);
      assert.ok(piece.every((byte) => byte === index));
    }
  });
});
