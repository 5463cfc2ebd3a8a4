/** Bytes of each of the two stretches of a block that are taken in at the same time. */
export const laneBytes = 4096;

/** Where the bytes to take in begin in the module's memory, behind the two groups of tables. */
export const dataStart = 32_768;

/** Room for bytes behind {@link dataStart}. */
export const dataBytes = 65_536;

const tableBytes = 256 * 8;
const shiftStart = 8 * tableBytes;
const pages = Math.ceil((dataStart + dataBytes) / 65_536);

/** What {@link compileCrc} makes. */
export interface CrcModule {
  memory: WebAssembly.Memory;
  /** The register after the bytes [start, end) of the memory, from the register before them. */
  update(register: bigint, start: number, end: number): bigint;
}

const local = { register: 0, at: 1, end: 2, word: 3, second: 4, laneEnd: 5 };
const i32 = 0x7f;
const i64 = 0x7e;

/** WebAssembly's instructions as they are needed here (WebAssembly core specification, 5.4). */
const op = {
  get: (index: number) => [0x20, index],
  set: (index: number) => [0x21, index],
  i32: (value: number) => [0x41, ...signed(value)],
  i64: (value: number) => [0x42, ...signed(value)],
  loadWord: (offset: number) => [0x29, 0, ...unsigned(offset)],
  loadByte: [0x31, 0, 0],
  block: [0x02, 0x40],
  loop: [0x03, 0x40],
  end: [0x0b],
  branch: (depth: number) => [0x0c, depth],
  branchIf: (depth: number) => [0x0d, depth],
  i32Equal: [0x46],
  i32Less: [0x49],
  i32Add: [0x6a],
  i32Subtract: [0x6b],
  i64And: [0x83],
  i64Xor: [0x85],
  i64ShiftLeft: [0x86],
  i64ShiftRight: [0x88],
  toI32: [0xa7],
};

/** A fresh instance with empty tables: of each byte's remainders, and of a register moved on by one lane. */
export function compileCrc(): CrcModule {
  const name = (text: string): number[] => [text.length, ...Buffer.from(text)];
  // Locals are declared in runs: two of 64 bits, one of 32.
  const body = [2, 2, i64, 1, i32, ...instructions()];
  const code = [1, ...unsigned(body.length), ...body];
  const section = (id: number, content: number[]): number[] => [id, ...unsigned(content.length), ...content];
  const bytes = [
    [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    section(1, [1, 0x60, 3, i64, i32, i32, 1, i64]),
    section(3, [1, 0]),
    section(5, [1, 0, pages]),
    section(7, [2, ...name("memory"), 2, 0, ...name("update"), 0, 0]),
    section(10, code),
  ].flat();
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.from(bytes)), {});
  return exports as unknown as CrcModule;
}

/**
 * Slicing-by-8 (Kounavis and Berry, 2005) over two lanes of a block at once, whose table look-ups do not wait for
 * each other; the first lane's register is then moved on by the length of the second. Words and bytes are the rest.
 */
function instructions(): number[] {
  const { register, at, end, word, second, laneEnd } = local;
  const leaveIfLeft = (bytes: number): number[] =>
    [op.get(end), op.get(at), op.i32Subtract, op.i32(bytes), op.i32Less, op.branchIf(1)].flat();
  const advance = (bytes: number): number[] => [op.get(at), op.i32(bytes), op.i32Add, op.set(at)].flat();
  const lanes = [
    [op.i64(0), op.set(second), op.get(at), op.i32(laneBytes), op.i32Add, op.set(laneEnd)],
    [op.loop, takeWord(register, 0), takeWord(second, laneBytes), advance(8)],
    [op.get(at), op.get(laneEnd), op.i32Less, op.branchIf(0), op.end],
    [advance(laneBytes), op.get(register), op.set(word)],
    [lookUp((byte) => shiftStart + byte * tableBytes), op.get(second), op.i64Xor, op.set(register)],
  ];
  const byte = [
    [op.get(register), op.get(at), op.loadByte, op.i64Xor, op.set(word), indexOf(0), op.loadWord(0)],
    [op.get(register), op.i64(8), op.i64ShiftRight, op.i64Xor, op.set(register), advance(1)],
  ];
  const repeated = (leave: number[], steps: number[][]): number[] =>
    [op.block, op.loop, leave, ...steps, op.branch(0), op.end, op.end].flat();
  const leaveAtEnd = [op.get(at), op.get(end), op.i32Equal, op.branchIf(1)].flat();
  return [
    repeated(leaveIfLeft(2 * laneBytes), lanes.flat()),
    repeated(leaveIfLeft(8), [takeWord(register, 0), advance(8)]),
    repeated(leaveAtEnd, byte.flat()),
    op.get(register),
    op.end,
  ].flat();
}

/** `target` after the eight bytes at `at + offset`. */
function takeWord(target: number, offset: number): number[] {
  const { at, word } = local;
  const folded = [op.get(at), op.loadWord(offset), op.get(target), op.i64Xor, op.set(word)];
  return [...folded, lookUp((byte) => (7 - byte) * tableBytes), op.set(target)].flat();
}

/** The sum of the entries for each byte of `word`, from the table that starts at `tableOf(byte)`. */
function lookUp(tableOf: (byte: number) => number): number[] {
  const entries = Array.from({ length: 8 }, (_, byte) =>
    [indexOf(byte), op.loadWord(tableOf(byte)), byte === 0 ? [] : op.i64Xor].flat(),
  );
  return entries.flat();
}

/** Offset of a byte of `word` in a table of 64-bit entries. */
function indexOf(byte: number): number[] {
  const shift = byte === 0 ? [op.i64(3), op.i64ShiftLeft] : [op.i64(8 * byte - 3), op.i64ShiftRight];
  return [op.get(local.word), ...shift, op.i64(0x7f8), op.i64And, op.toI32].flat();
}

/** LEB128. */
function unsigned(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return [...bytes, rest];
    bytes.push((rest & 0x7f) | 0x80);
  }
}

/** LEB128 with a sign, of numbers that have none. */
function signed(value: number): number[] {
  const bytes = unsigned(value);
  const last = bytes.pop() ?? 0;
  return last < 0x40 ? [...bytes, last] : [...bytes, last | 0x80, 0];
}
