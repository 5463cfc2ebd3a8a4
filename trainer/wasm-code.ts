/** Bytes of a WebAssembly instruction sequence, still nested so that pieces compose without copying. */
export type Code = number | readonly Code[];

/** Unsigned LEB128 bytes of `value` (0 .. 2^32-1). */
export function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value >>> 0;
  do {
    const low = rest & 127;
    rest >>>= 7;
    bytes.push(rest === 0 ? low : low | 128);
  } while (rest !== 0);
  return bytes;
}

function signed(value: number): number[] {
  const bytes: number[] = [];
  let rest = value | 0;
  for (;;) {
    const low = rest & 127;
    rest >>= 7;
    if ((rest === 0 && (low & 64) === 0) || (rest === -1 && (low & 64) !== 0)) return [...bytes, low];
    bytes.push(low | 128);
  }
}

const simd = (opcode: number): number[] => [0xfd, ...unsigned(opcode)];

/** The few instructions that the kernels need, named as in the WebAssembly text format. */
export const op = {
  get: (local: number): Code => [0x20, unsigned(local)],
  set: (local: number): Code => [0x21, unsigned(local)],
  i32: (value: number): Code => [0x41, signed(value)],
  i32Add: 0x6a,
  i32Sub: 0x6b,
  i32Mul: 0x6c,
  i32GeS: 0x4e,
  f32Add: 0x92,
  /** `f32.load` and `f32.store` at address + `offset`; 4-byte aligned. */
  f32Load: (offset: number): Code => [0x2a, 2, unsigned(offset)],
  f32Store: (offset: number): Code => [0x38, 2, unsigned(offset)],
  /** `v128.load` and `v128.store` at address + `offset`; the kernels only promise 4-byte alignment. */
  v128Load: (offset: number): Code => [simd(0x00), 2, unsigned(offset)],
  v128LoadSplat: (offset: number): Code => [simd(0x09), 2, unsigned(offset)],
  v128Store: (offset: number): Code => [simd(0x0b), 2, unsigned(offset)],
  v128Zero: [simd(0x0c), Array.from({ length: 16 }, () => 0)] as Code,
  f32x4Lane: (lane: number): Code => [simd(0x1f), lane],
  f32x4Sqrt: simd(0xe3) as Code,
  f32x4Add: simd(0xe4) as Code,
  f32x4Sub: simd(0xe5) as Code,
  f32x4Mul: simd(0xe6) as Code,
  f32x4Div: simd(0xe7) as Code,
};

/** `while (condition) { body }`; `condition` leaves one i32 on the stack. */
export function whileLoop(condition: Code, body: Code): Code {
  // block { loop { condition; eqz; br_if 1; body; br 0 } }
  return [0x02, 0x40, 0x03, 0x40, condition, 0x45, 0x0d, 1, body, 0x0c, 0, 0x0b, 0x0b];
}

/** `local += amount` for an i32 local; `amount` leaves one i32 on the stack. */
export function advance(local: number, amount: Code): Code {
  return [op.get(local), amount, op.i32Add, op.set(local)];
}

/** Continues while `local` is at least `count`. */
export function atLeast(local: number, count: number): Code {
  return [op.get(local), op.i32(count), op.i32GeS];
}

/** `local -= count`. */
export function countDown(local: number, count: number): Code {
  return [op.get(local), op.i32(count), op.i32Sub, op.set(local)];
}

/** One exported function: all parameters are i32, it returns nothing, then come its i32 and v128 locals. */
export interface KernelSource {
  name: string;
  parameters: number;
  i32Locals: number;
  v128Locals: number;
  body: Code;
}

/** Encodes a module that imports the memory `env.memory` and exports `kernels`. */
export function encodeModule(kernels: readonly KernelSource[]): Uint8Array<ArrayBuffer> {
  const name = (text: string): Code => [unsigned(text.length), [...Buffer.from(text, "latin1")]];
  const vector = (items: readonly Code[]): Code => [unsigned(items.length), items];
  const section = (id: number, content: Code): Code => [id, sized(content)];
  return Uint8Array.from(
    flatten([
      [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      section(
        1,
        vector(kernels.map((k) => [0x60, vector(Array.from({ length: k.parameters }, () => 0x7f)), 0])),
      ),
      section(2, vector([[name("env"), name("memory"), 0x02, 0x00, 0]])),
      section(3, vector(kernels.map((_, index) => unsigned(index)))),
      section(7, vector(kernels.map((k, index) => [name(k.name), 0x00, unsigned(index)]))),
      section(
        10,
        vector(
          kernels.map((k) =>
            sized([
              vector([
                [unsigned(k.i32Locals), 0x7f],
                [unsigned(k.v128Locals), 0x7b],
              ]),
              k.body,
              0x0b,
            ]),
          ),
        ),
      ),
    ]),
  );
}

function sized(content: Code): Code {
  const bytes = flatten(content);
  return [unsigned(bytes.length), bytes];
}

function flatten(code: Code): number[] {
  return typeof code === "number" ? [code] : code.flatMap(flatten);
}
