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
export function powerOfX(model: CrcModel, exponent: bigint): bigint {
  const one = 1n << BigInt(model.bits - 1);
  let result = one;
  let square = one >> 1n;
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) result = multiply(model, result, square);
    square = multiply(model, square, square);
  }
  return result;
}

/** The product of two polynomials modulo that of the model. */
export function multiply(model: CrcModel, left: bigint, right: bigint): bigint {
  let product = 0n;
  let shifted = right;
  for (let bit = 1n << BigInt(model.bits - 1); bit > 0n; bit >>= 1n) {
    if ((left & bit) !== 0n) product ^= shifted;
    shifted = (shifted & 1n) === 1n ? (shifted >> 1n) ^ model.polynomial : shifted >> 1n;
  }
  return product;
}
