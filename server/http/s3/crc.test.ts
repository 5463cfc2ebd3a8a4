import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, it } from "node:test";
import { crc32cModel, crc32Model, crc64nvmeModel, type CrcModel } from "../../domain/crc-arithmetic.ts";
import { crc } from "./crc.ts";
import { dataBytes, laneBytes } from "./crc-module.ts";

/** Bit by bit, as the definition says. */
function slowCrc(model: CrcModel, bytes: Uint8Array): bigint {
  const ones = (1n << BigInt(model.bits)) - 1n;
  let register = ones;
  for (const byte of bytes) {
    register ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++)
      register = (register & 1n) === 1n ? (register >> 1n) ^ model.polynomial : register >> 1n;
  }
  return register ^ ones;
}

function valueOf(model: CrcModel, ...pieces: Uint8Array[]): bigint {
  const running = crc(model);
  for (const piece of pieces) running.update(piece);
  return running.value();
}

describe("a CRC", () => {
  const models = { crc32Model, crc32cModel, crc64nvmeModel };
  const checks = { crc32Model: 0xcbf43926n, crc32cModel: 0xe3069283n, crc64nvmeModel: 0xae8b14860a799888n };

  it("has the published check value of its model", () => {
    for (const name of ["crc32Model", "crc32cModel", "crc64nvmeModel"] as const)
      assert.equal(valueOf(models[name], Buffer.from("123456789")), checks[name], name);
  });

  it("is that of the definition for every length around words and blocks", () => {
    const bytes = randomBytes(2 * laneBytes + 40);
    for (const model of Object.values(models)) {
      for (const length of [
        0,
        1,
        7,
        8,
        9,
        100,
        2 * laneBytes - 1,
        2 * laneBytes,
        2 * laneBytes + 1,
        bytes.length,
      ])
        assert.equal(valueOf(model, bytes.subarray(0, length)), slowCrc(model, bytes.subarray(0, length)));
    }
  });

  it("does not depend on how the bytes are cut, or on others that run beside it", () => {
    const bytes = randomBytes(2 * dataBytes + 12_345);
    for (const model of Object.values(models)) {
      const whole = valueOf(model, bytes);
      const other = crc(model);
      const running = crc(model);
      for (let at = 0; at < bytes.length;) {
        const end = at + 1 + Math.floor(Math.random() * 30_000);
        running.update(bytes.subarray(at, end));
        other.update(Buffer.from("in between"));
        at = end;
      }
      assert.equal(running.value(), whole);
    }
  });
});
