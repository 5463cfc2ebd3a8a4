import { open } from "node:fs/promises";

/** One named array of a safetensors file; only 32-bit floats are written and read as numbers. */
export interface SafetensorsEntry {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** What a header says of one tensor: element type, shape and byte range within the data part. */
export interface TensorInfo {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** A checked header. */
export interface SafetensorsHeader {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** Where the data part starts in the file. */
  readonly dataStart: number;
}

/** The format's own limit for a header. */
const maxHeaderBytes = 100_000_000;
const bytesPerElement: Readonly<Record<string, number>> = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  I64: 8,
  U64: 8,
  F64: 8,
};

/** Encodes tensors and text metadata as one safetensors file (format of huggingface/safetensors, v0.4). */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, SafetensorsEntry>,
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const [name, { shape, data }] of tensors) {
    header[name] = { dtype: "F32", shape, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  const text = JSON.stringify(header);
  // The data part starts at a multiple of 8; spaces fill the header up to it.
  const padded = Buffer.from(text + " ".repeat((8 - (Buffer.byteLength(text) % 8)) % 8));
  const file = new Uint8Array(8 + padded.length + offset);
  new DataView(file.buffer).setBigUint64(0, BigInt(padded.length), true);
  file.set(padded, 8);
  let at = 8 + padded.length;
  for (const { data } of tensors.values()) {
    const view = new DataView(file.buffer, at, data.byteLength);
    for (let i = 0; i < data.length; i++) view.setFloat32(i * 4, data[i] as number, true);
    at += data.byteLength;
  }
  return file;
}

/**
 * Reads and checks the header of a file without reading its data. Throws an Error that says what is wrong:
 * sizes beyond the file, overlapping or unaligned ranges, names or shapes that are not what they must be.
 */
export async function readSafetensorsHeader(path: string): Promise<SafetensorsHeader> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const start = Buffer.alloc(8);
    if (size < 8 || (await file.read(start, 0, 8, 0)).bytesRead < 8)
      throw new Error("is too short for a header");
    const headerBytes = headerLength(start, size);
    const text = Buffer.alloc(headerBytes);
    const { bytesRead } = await file.read(text, 0, headerBytes, 8);
    return parseHeader(text.subarray(0, bytesRead), size - 8 - headerBytes);
  } finally {
    await file.close();
  }
}

/** Reads a whole file whose tensors are all 32-bit floats. Throws as {@link readSafetensorsHeader} does. */
export async function readSafetensors(
  path: string,
): Promise<{ metadata: Readonly<Record<string, string>>; tensors: Map<string, SafetensorsEntry> }> {
  const header = await readSafetensorsHeader(path);
  const file = await open(path, "r");
  try {
    const tensors = new Map<string, SafetensorsEntry>();
    for (const [name, { dtype, shape, begin, end }] of header.tensors) {
      if (dtype !== "F32") throw new Error(`holds ${dtype} numbers in "${name}"; only F32 is read`);
      const bytes = Buffer.alloc(end - begin);
      const { bytesRead } = await file.read(bytes, 0, bytes.length, header.dataStart + begin);
      if (bytesRead !== bytes.length) throw new Error(`ends within "${name}"`);
      const data = new Float32Array(bytes.length / 4);
      for (let i = 0; i < data.length; i++) data[i] = bytes.readFloatLE(i * 4);
      tensors.set(name, { shape, data });
    }
    return { metadata: header.metadata, tensors };
  } finally {
    await file.close();
  }
}

function headerLength(start: Buffer, fileBytes: number): number {
  const length = start.readBigUInt64LE(0);
  if (length > BigInt(maxHeaderBytes)) throw new Error(`claims a header of ${length} bytes`);
  if (length > BigInt(fileBytes - 8)) throw new Error("is shorter than its header claims");
  return Number(length);
}

function parseHeader(text: Buffer, dataBytes: number): SafetensorsHeader {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(text));
  } catch {
    throw new Error("has a header that is not JSON");
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw new Error("has a header that is not a JSON object");
  }
  const tensors = new Map<string, TensorInfo>();
  let metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(parsed)) {
    if (name === "__metadata__") metadata = parseMetadata(value);
    else tensors.set(name, parseTensor(name, value));
  }
  checkRanges(tensors, dataBytes);
  return { metadata, tensors, dataStart: 8 + text.length };
}

function parseMetadata(value: unknown): Record<string, string> {
  const pairs =
    typeof value === "object" && value !== null ? Object.entries(value) : [["", undefined] as const];
  const texts = pairs.filter((pair): pair is [string, string] => typeof pair[1] === "string");
  if (texts.length !== pairs.length) throw new Error("has metadata that is not a map of texts");
  return Object.fromEntries(texts);
}

function parseTensor(name: string, value: unknown): TensorInfo {
  const wrong = (what: string): Error => new Error(`describes "${name.slice(0, 80)}" with a wrong ${what}`);
  if (typeof value !== "object" || value === null) throw wrong("entry");
  const { dtype, shape, data_offsets: offsets } = value as Record<string, unknown>;
  const size =
    typeof dtype === "string" && Object.hasOwn(bytesPerElement, dtype) ? bytesPerElement[dtype] : undefined;
  if (typeof dtype !== "string" || size === undefined) throw wrong("dtype");
  if (!isCounts(shape) || shape.length > 16) throw wrong("shape");
  if (!isCounts(offsets) || offsets.length !== 2) throw wrong("byte range");
  const [begin = 0, end = 0] = offsets;
  if (shape.reduce((product, side) => product * side, size) !== end - begin) throw wrong("byte range");
  return { dtype, shape, begin, end };
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

/** The ranges must fill the data part exactly, without holes or overlaps, as the format demands. */
function checkRanges(tensors: ReadonlyMap<string, TensorInfo>, dataBytes: number): void {
  let at = 0;
  for (const [name, { begin, end }] of [...tensors].sort(
    (a, b) => a[1].begin - b[1].begin || a[1].end - b[1].end,
  )) {
    if (begin !== at) throw new Error(`has a hole or an overlap before "${name.slice(0, 80)}"`);
    at = end;
  }
  if (at !== dataBytes) throw new Error(`holds ${dataBytes} bytes of data where its header describes ${at}`);
}
