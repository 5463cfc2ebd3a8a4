import type { SafetensorsHeader, SafetensorsTensor } from "@simpletuner-cloud/contract/artifacts.ts";

/** The largest header that is read, in bytes; the largest real ones, of sharded language models, have some 10 MiB. */
export const maxHeaderBytes = 64 << 20;

/** Objects, lists, names and numbers together: a real tensor takes some ten, so this is a header of 100,000 tensors. */
const maxTokens = 1_000_000;
/** A tensor's shape lies in a list in an object in the header. */
const maxDepth = 3;
const maxTensorsListed = 20_000;
const maxMetadataCharacters = 65_536;

/** Bits of one element (format of huggingface/safetensors 0.6); an unknown type is shown without being checked. */
const elementBits: Readonly<Record<string, number>> = {
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  BOOL: 8,
  U8: 8,
  I8: 8,
  F8_E4M3: 8,
  F8_E5M2: 8,
  F8_E8M0: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
};

/** Why a file is no safetensors file, in words that follow "it". */
export class HeaderProblem extends Error {}

/** The length of the header from the file's first 8 bytes; throws a {@link HeaderProblem} when it cannot be true. */
export function headerLength(start: Uint8Array, fileBytes: number): number {
  if (start.length < 8) throw new HeaderProblem("is too short to have a header");
  const length = new DataView(start.buffer, start.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(fileBytes - 8))
    throw new HeaderProblem("does not start with the length of a header, or is cut off");
  if (length > BigInt(maxHeaderBytes))
    throw new HeaderProblem(`has a header of ${length} bytes, and at most ${maxHeaderBytes} are read`);
  if (length < 2n) throw new HeaderProblem("has an empty header");
  return Number(length);
}

const quote = 0x22;
const backslash = 0x5c;

/**
 * Looks at the bytes of a header as they arrive, before anything is made of them: parsing what is nested a million
 * times or holds ten million numbers would stop the server for seconds. Throws a {@link HeaderProblem}.
 */
export function headerGuard(): (bytes: Uint8Array) => void {
  let depth = 0;
  let tokens = 0;
  let inText = false;
  let escaped = false;
  return (bytes) => {
    for (const byte of bytes) {
      if (inText) {
        if (escaped) escaped = false;
        else if (byte === backslash) escaped = true;
        else if (byte === quote) inText = false;
      } else if (byte === quote) inText = true;
      else if (byte === 0x7b || byte === 0x5b) {
        depth++;
        tokens++;
      } else if (byte === 0x7d || byte === 0x5d) depth--;
      else if (byte === 0x2c || byte === 0x3a) tokens++;
      if (depth > maxDepth)
        throw new HeaderProblem("has a header that is nested deeper than the format allows");
      if (tokens > maxTokens) throw new HeaderProblem("has a header with more entries than are read");
    }
  };
}

/** Where a file's header came from. */
export interface HeaderSource {
  key: string;
  fileBytes: number;
}

/** Reads a whole header that went through {@link headerGuard}; throws a {@link HeaderProblem}. */
export function parseSafetensorsHeader(bytes: Uint8Array, source: HeaderSource): SafetensorsHeader {
  const entries = Object.entries(parseObject(bytes));
  const texts = entries.flatMap(([name, value]) => (name === "__metadata__" ? [metadataOf(value)] : []));
  const placed = entries
    .filter(([name]) => name !== "__metadata__")
    .map(([name, value]) => tensorOf(name, value))
    .sort((a, b) => a.begin - b.begin || a.tensor.size_bytes - b.tensor.size_bytes);
  checkPlaces(placed, source.fileBytes - 8 - bytes.length);
  const tensors = placed.map(({ tensor }) => tensor);
  return {
    key: source.key,
    file_bytes: source.fileBytes,
    header_bytes: bytes.length,
    tensor_count: tensors.length,
    parameters: totalOf(tensors),
    dtypes: dtypesOf(tensors),
    metadata: texts[0]?.metadata ?? {},
    cut_metadata: texts[0]?.cut ?? [],
    tensors: tensors.slice(0, maxTensorsListed),
  };
}

function parseObject(bytes: Uint8Array): object {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    throw new HeaderProblem("has a header that is not JSON");
  }
  if (!isObject(parsed)) throw new HeaderProblem("has a header that is not a JSON object");
  return parsed;
}

function metadataOf(value: unknown): { metadata: Record<string, string>; cut: string[] } {
  if (!isObject(value)) throw new HeaderProblem("has metadata that is not a list of texts");
  const cut: string[] = [];
  const texts = Object.entries(value).map(([name, text]): [string, string] => {
    if (typeof text !== "string") throw new HeaderProblem("has metadata that is not a list of texts");
    if (text.length <= maxMetadataCharacters) return [name, text];
    cut.push(name);
    return [name, text.slice(0, maxMetadataCharacters)];
  });
  return { metadata: Object.fromEntries(texts), cut };
}

interface PlacedTensor {
  tensor: SafetensorsTensor;
  begin: number;
}

function tensorOf(name: string, value: unknown): PlacedTensor {
  const wrong = (what: string): HeaderProblem =>
    new HeaderProblem(`describes the tensor ${JSON.stringify(name.slice(0, 80))} with a wrong ${what}`);
  if (!isObject(value)) throw wrong("entry");
  const { dtype, shape, data_offsets: offsets } = value as Record<string, unknown>;
  if (typeof dtype !== "string" || dtype.length > 32) throw wrong("dtype");
  if (!isCounts(shape) || shape.length > 64) throw wrong("shape");
  if (!isCounts(offsets) || offsets.length !== 2) throw wrong("byte range");
  const [begin = 0, end = 0] = offsets;
  const parameters = shape.reduce((product, side) => product * side, 1);
  if (!Number.isSafeInteger(parameters)) throw wrong("shape");
  const bits = Object.hasOwn(elementBits, dtype) ? elementBits[dtype] : undefined;
  if (end < begin || (bits !== undefined && Math.ceil((parameters * bits) / 8) !== end - begin))
    throw wrong("byte range");
  return { begin, tensor: { name, dtype, shape, parameters, size_bytes: end - begin } };
}

/** The format demands that the tensors fill the data without holes and overlaps. */
function checkPlaces(placed: readonly PlacedTensor[], dataBytes: number): void {
  let at = 0;
  for (const { begin, tensor } of placed) {
    if (begin !== at)
      throw new HeaderProblem(
        `has a hole or an overlap before the tensor ${JSON.stringify(tensor.name.slice(0, 80))}`,
      );
    at += tensor.size_bytes;
  }
  if (at !== dataBytes)
    throw new HeaderProblem(`holds ${dataBytes} bytes of data where its header describes ${at}`);
}

function dtypesOf(tensors: readonly SafetensorsTensor[]): SafetensorsHeader["dtypes"] {
  const totals = new Map<string, SafetensorsHeader["dtypes"][number]>();
  for (const { dtype, parameters, size_bytes } of tensors) {
    const total = totals.get(dtype) ?? { dtype, tensor_count: 0, parameters: 0, size_bytes: 0 };
    total.tensor_count += 1;
    total.parameters += parameters;
    total.size_bytes += size_bytes;
    totals.set(dtype, total);
  }
  return [...totals.values()].sort((a, b) => b.size_bytes - a.size_bytes);
}

function totalOf(tensors: readonly SafetensorsTensor[]): number {
  const total = tensors.reduce((sum, { parameters }) => sum + parameters, 0);
  if (!Number.isSafeInteger(total)) throw new HeaderProblem("claims more parameters than a number can hold");
  return total;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}
