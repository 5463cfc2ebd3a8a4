/**
 * The bytes of a zip archive (PKWARE APPNOTE 6.3.10): headers, records and their exact sizes. Names are UTF-8, times are
 * fixed and modes are 0644, so that equal files always give equal bytes.
 */

/** From which value on a number needs its zip64 form; a test lowers it to exercise that form on small files. */
export interface Zip64Limits {
  readonly bytes: number;
  readonly entries: number;
}

/** The limits of the format itself: all bits set means "see the zip64 field". */
export const formatLimits: Zip64Limits = { bytes: 0xffff_ffff, entries: 0xffff };

/** How the bytes of an entry are kept. */
export type ZipMethod = "store" | "deflate";

/** What the central directory says of one entry. */
export interface ZipRecord {
  readonly name: Buffer;
  readonly method: ZipMethod;
  readonly crc: number;
  readonly packedBytes: number;
  readonly bytes: number;
  /** Where its local header starts. */
  readonly position: number;
}

const utf8Names = 0x0800;
/** 1980-01-01, the first day the format knows. */
const dosDate = 0x0021;
const unixRegular0644 = 0o100644 * 0x1_0000;
const methodCode = { store: 0, deflate: 8 } as const;

/** Where in a local header the CRC-32 and the two sizes after it are. */
export const crcOffset = 14;

/** Bytes before the data of an entry that may grow to `maxBytes` either packed or not. */
export function localHeaderBytes(nameBytes: number, maxBytes: number, limits: Zip64Limits): number {
  return 30 + nameBytes + (maxBytes >= limits.bytes ? 20 : 0);
}

/** The most bytes deflate can need for `bytes` bytes; level 6 falls back to stored blocks of at least 8 KiB. */
export function deflatedBound(bytes: number): number {
  return bytes + 5 * (Math.floor(bytes / 8192) + 1) + 8;
}

/** Writes the local header into `target` at `start`; `maxBytes` as given to {@link localHeaderBytes}. */
export function writeLocalHeader(
  target: Buffer,
  start: number,
  entry: Omit<ZipRecord, "position">,
  maxBytes: number,
  limits: Zip64Limits,
): void {
  const isZip64 = maxBytes >= limits.bytes;
  target.writeUInt32LE(0x04034b50, start);
  target.writeUInt16LE(isZip64 ? 45 : 20, start + 4);
  target.writeUInt16LE(utf8Names, start + 6);
  target.writeUInt16LE(methodCode[entry.method], start + 8);
  target.writeUInt16LE(0, start + 10);
  target.writeUInt16LE(dosDate, start + 12);
  target.writeUInt32LE(entry.crc, start + crcOffset);
  target.writeUInt32LE(isZip64 ? 0xffff_ffff : entry.packedBytes, start + 18);
  target.writeUInt32LE(isZip64 ? 0xffff_ffff : entry.bytes, start + 22);
  target.writeUInt16LE(entry.name.length, start + 26);
  target.writeUInt16LE(isZip64 ? 20 : 0, start + 28);
  entry.name.copy(target, start + 30);
  if (isZip64) writeZip64Field(target, start + 30 + entry.name.length, [entry.bytes, entry.packedBytes]);
}

/** The central directory's record of one entry. */
export function centralRecord(entry: ZipRecord, limits: Zip64Limits): Buffer {
  const bigSizes = Math.max(entry.bytes, entry.packedBytes) >= limits.bytes;
  const bigPosition = entry.position >= limits.bytes;
  const values = [
    ...(bigSizes ? [entry.bytes, entry.packedBytes] : []),
    ...(bigPosition ? [entry.position] : []),
  ];
  const extraBytes = values.length === 0 ? 0 : 4 + 8 * values.length;
  const record = Buffer.alloc(46 + entry.name.length + extraBytes);
  record.writeUInt32LE(0x02014b50, 0);
  // Made on Unix, which tells readers that the name's backslashes are characters and the mode below counts.
  record.writeUInt16LE((3 << 8) | 45, 4);
  record.writeUInt16LE(values.length === 0 ? 20 : 45, 6);
  record.writeUInt16LE(utf8Names, 8);
  record.writeUInt16LE(methodCode[entry.method], 10);
  record.writeUInt16LE(dosDate, 14);
  record.writeUInt32LE(entry.crc, 16);
  record.writeUInt32LE(bigSizes ? 0xffff_ffff : entry.packedBytes, 20);
  record.writeUInt32LE(bigSizes ? 0xffff_ffff : entry.bytes, 24);
  record.writeUInt16LE(entry.name.length, 28);
  record.writeUInt16LE(extraBytes, 30);
  record.writeUInt32LE(unixRegular0644, 38);
  record.writeUInt32LE(bigPosition ? 0xffff_ffff : entry.position, 42);
  entry.name.copy(record, 46);
  if (values.length > 0) writeZip64Field(record, 46 + entry.name.length, values);
  return record;
}

/** The end of the archive: its zip64 records where the numbers need them, then the classic one. */
export function archiveEnd(
  entries: number,
  directoryBytes: number,
  directoryPosition: number,
  limits: Zip64Limits,
): Buffer {
  const isZip64 =
    entries >= limits.entries || directoryBytes >= limits.bytes || directoryPosition >= limits.bytes;
  const end = Buffer.alloc(isZip64 ? 98 : 22);
  const classicAt = end.length - 22;
  if (isZip64) {
    end.writeUInt32LE(0x06064b50, 0);
    end.writeBigUInt64LE(44n, 4);
    end.writeUInt16LE((3 << 8) | 45, 12);
    end.writeUInt16LE(45, 14);
    end.writeBigUInt64LE(BigInt(entries), 24);
    end.writeBigUInt64LE(BigInt(entries), 32);
    end.writeBigUInt64LE(BigInt(directoryBytes), 40);
    end.writeBigUInt64LE(BigInt(directoryPosition), 48);
    end.writeUInt32LE(0x07064b50, 56);
    end.writeBigUInt64LE(BigInt(directoryPosition + directoryBytes), 64);
    end.writeUInt32LE(1, 72);
  }
  end.writeUInt32LE(0x06054b50, classicAt);
  end.writeUInt16LE(entries >= limits.entries ? 0xffff : entries, classicAt + 8);
  end.writeUInt16LE(entries >= limits.entries ? 0xffff : entries, classicAt + 10);
  end.writeUInt32LE(directoryBytes >= limits.bytes ? 0xffff_ffff : directoryBytes, classicAt + 12);
  end.writeUInt32LE(directoryPosition >= limits.bytes ? 0xffff_ffff : directoryPosition, classicAt + 16);
  return end;
}

function writeZip64Field(target: Buffer, start: number, values: readonly number[]): void {
  target.writeUInt16LE(0x0001, start);
  target.writeUInt16LE(8 * values.length, start + 2);
  values.forEach((value, index) => target.writeBigUInt64LE(BigInt(value), start + 4 + 8 * index));
}
