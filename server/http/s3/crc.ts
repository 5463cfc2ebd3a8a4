/** Bytes looked up at once; eight tables make the JavaScript loop run at about 1 GB/s. */
const slices = 8;

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

interface Tables {
  low: Uint32Array;
  high: Uint32Array;
}

const builtTables = new Map<CrcModel, Tables>();

/** `slices` tables of 256 entries each, in halves of 32 bits; built at the first use. */
function tablesOf(model: CrcModel): Tables {
  const known = builtTables.get(model);
  if (known !== undefined) return known;
  const low = new Uint32Array(256 * slices);
  const high = new Uint32Array(256 * slices);
  const first: bigint[] = [];
  for (let byte = 0; byte < 256; byte++) {
    let value = BigInt(byte);
    for (let bit = 0; bit < 8; bit++)
      value = (value & 1n) === 1n ? (value >> 1n) ^ model.polynomial : value >> 1n;
    first.push(value);
  }
  for (let byte = 0; byte < 256; byte++) {
    let value = first[byte] ?? 0n;
    for (let slice = 0; slice < slices; slice++) {
      low[slice * 256 + byte] = Number(value & 0xffffffffn);
      high[slice * 256 + byte] = Number(value >> 32n);
      value = (value >> 8n) ^ (first[Number(value & 0xffn)] ?? 0n);
    }
  }
  const tables = { low, high };
  builtTables.set(model, tables);
  return tables;
}

/** A running CRC; `low` and `high` are the halves of its value so far. */
export interface Crc {
  update(bytes: Uint8Array): void;
  value(): bigint;
}

/** A CRC over no bytes yet. */
export function crc(model: CrcModel): Crc {
  const { low: tableLow, high: tableHigh } = tablesOf(model);
  let low = 0xffffffff;
  let high = model.bits === 64 ? 0xffffffff : 0;
  const at = (table: Uint32Array, slice: number, byte: number): number => table[slice * 256 + byte] as number;
  return {
    update(bytes) {
      let index = 0;
      const blocks = bytes.length - (bytes.length % slices);
      for (; index < blocks; index += 8) {
        const b0 = ((bytes[index] as number) ^ low) & 0xff;
        const b1 = ((bytes[index + 1] as number) ^ (low >>> 8)) & 0xff;
        const b2 = ((bytes[index + 2] as number) ^ (low >>> 16)) & 0xff;
        const b3 = (bytes[index + 3] as number) ^ (low >>> 24);
        const b4 = ((bytes[index + 4] as number) ^ high) & 0xff;
        const b5 = ((bytes[index + 5] as number) ^ (high >>> 8)) & 0xff;
        const b6 = ((bytes[index + 6] as number) ^ (high >>> 16)) & 0xff;
        const b7 = (bytes[index + 7] as number) ^ (high >>> 24);
        low =
          at(tableLow, 7, b0) ^
          at(tableLow, 6, b1) ^
          at(tableLow, 5, b2) ^
          at(tableLow, 4, b3) ^
          at(tableLow, 3, b4) ^
          at(tableLow, 2, b5) ^
          at(tableLow, 1, b6) ^
          at(tableLow, 0, b7);
        high =
          at(tableHigh, 7, b0) ^
          at(tableHigh, 6, b1) ^
          at(tableHigh, 5, b2) ^
          at(tableHigh, 4, b3) ^
          at(tableHigh, 3, b4) ^
          at(tableHigh, 2, b5) ^
          at(tableHigh, 1, b6) ^
          at(tableHigh, 0, b7);
      }
      for (; index < bytes.length; index++) {
        const byte = ((bytes[index] as number) ^ low) & 0xff;
        low = ((low >>> 8) | (high << 24)) ^ at(tableLow, 0, byte);
        high = (high >>> 8) ^ at(tableHigh, 0, byte);
      }
    },
    value() {
      const inverted = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
      return inverted ^ allOnes(model);
    },
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
