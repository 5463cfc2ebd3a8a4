import { type CrcModel, multiply, powerOfX } from "../../domain/crc-arithmetic.ts";
import { compileCrc, type CrcModule, dataBytes, dataStart, laneBytes } from "./crc-module.ts";

const modules = new Map<CrcModel, CrcModule>();

/** The compiled module with the tables of `model`; made at the first use. */
function moduleOf(model: CrcModel): CrcModule {
  const known = modules.get(model);
  if (known !== undefined) return known;
  const module = compileCrc();
  const tables = new BigUint64Array(module.memory.buffer, 0, dataStart / 8);
  for (let byte = 0; byte < 256; byte++) {
    let value = BigInt(byte);
    for (let bit = 0; bit < 8; bit++)
      value = (value & 1n) === 1n ? (value >> 1n) ^ model.polynomial : value >> 1n;
    tables[byte] = value;
  }
  for (let at = 256; at < 2048; at++) {
    const value = tables[at - 256] ?? 0n;
    tables[at] = (value >> 8n) ^ (tables[Number(value & 0xffn)] ?? 0n);
  }
  // A register moved on by a lane is the sum of its bytes moved on.
  const power = powerOfX(model, BigInt(laneBytes) * 8n);
  for (let byte = 0; byte < model.bits / 8; byte++) {
    for (let value = 0; value < 256; value++)
      tables[2048 + byte * 256 + value] = multiply(model, BigInt(value) << BigInt(8 * byte), power);
  }
  modules.set(model, module);
  return module;
}

/** A running CRC. */
export interface Crc {
  update(bytes: Uint8Array): void;
  value(): bigint;
}

/** A CRC over no bytes yet. */
export function crc(model: CrcModel): Crc {
  const module = moduleOf(model);
  const data = new Uint8Array(module.memory.buffer, dataStart, dataBytes);
  let register = allOnes(model);
  return {
    update(bytes) {
      for (let at = 0; at < bytes.length; at += dataBytes) {
        const piece = bytes.subarray(at, at + dataBytes);
        data.set(piece);
        register = BigInt.asUintN(64, module.update(register, dataStart, dataStart + piece.length));
      }
    },
    value: () => register ^ allOnes(model),
  };
}

function allOnes(model: CrcModel): bigint {
  return model.bits === 64 ? 0xffff_ffff_ffff_ffffn : 0xffff_ffffn;
}
