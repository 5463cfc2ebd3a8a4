import { compileCrc, type CrcModule, dataBytes, dataStart, laneBytes } from "./crc-module.ts";

/** A reflected CRC whose register starts and ends inverted, as every CRC of S3 does. */
export interface CrcModel {
  bits: 32 | 64;
  /** The polynomial, lowest power first (reflected), without its highest term. */
  polynomial: bigint;
}

/** CRC-32 of zip and zlib. */
export const crc32Model: CrcModel = { bits: 32, polynomial: 0xedb88320n };
/** CRC-32C (Castagnoli, RFC 3720). */
export const crc32cModel: CrcModel = { bits: 32, polynomial: 0x82f63b78n };
/** CRC-64/NVME (NVM Express base specification 2.0, 5.2.1.3.4). */
export const crc64nvmeModel: CrcModel = { bits: 64, polynomial: 0x9a6c9329ac4bc9b5n };

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

/**
 * Makes a function that joins the CRC of A and the CRC of B into that of A followed by B, given the length of B
 * in bytes: CRC(A) times x^(8·length) plus CRC(B). The power for the last length is kept, since the parts of an
 * upload are of one size.
 */
export function crcCombiner(model: CrcModel): (left: bigint, right: bigint, rightBytes: number) => bigint {
  let knownBytes = -1;
  let knownPower = 0n;
  return (left, right, rightBytes) => {
    if (rightBytes !== knownBytes) {
      knownPower = powerOfX(model, BigInt(rightBytes) * 8n);
      knownBytes = rightBytes;
    }
    return multiply(model, left, knownPower) ^ right;
  };
}

/** x^exponent modulo the polynomial; in reflected order 1 is the highest bit. */
function powerOfX(model: CrcModel, exponent: bigint): bigint {
  const one = 1n << BigInt(model.bits - 1);
  let result = one;
  let square = one >> 1n;
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) result = multiply(model, result, square);
    square = multiply(model, square, square);
  }
  return result;
}

function multiply(model: CrcModel, left: bigint, right: bigint): bigint {
  let product = 0n;
  let shifted = right;
  for (let bit = 1n << BigInt(model.bits - 1); bit > 0n; bit >>= 1n) {
    if ((left & bit) !== 0n) product ^= shifted;
    shifted = (shifted & 1n) === 1n ? (shifted >> 1n) ^ model.polynomial : shifted >> 1n;
  }
  return product;
}
