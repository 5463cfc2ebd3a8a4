import { advance, atLeast, type Code, countDown, type KernelSource, op, whileLoop } from "./wasm-code.ts";

/** Order of the float32 settings that {@link Kernels.adam} reads. */
export const adamSettings = [
  /** Multiplies every gradient (clipping). */
  "gradientScale",
  /** 1 - β₁ and 1 - β₂. */
  "firstRate",
  "secondRate",
  /** Learning rate / (1 - β₁ᵗ) and 1 / sqrt(1 - β₂ᵗ). */
  "step",
  "rootScale",
  "epsilon",
  /** 1 - decay of the averaged weights. */
  "averageRate",
] as const;

/** Source of {@link Kernels.adam}. */
export function adamKernel(): KernelSource {
  const [value, gradient, first, second, average, settings, count] = [0, 1, 2, 3, 4, 5, 6];
  const [g, m, v, w] = [7, 8, 9, 10];
  const setting = (name: (typeof adamSettings)[number]): Code => [
    op.get(settings),
    op.v128LoadSplat(4 * adamSettings.indexOf(name)),
  ];
  const load = (pointer: number): Code => [op.get(pointer), op.v128Load(0)];
  const store = (pointer: number, local: number): Code => [op.get(pointer), op.get(local), op.v128Store(0)];
  // old + (target - old) · rate
  const towards = (old: Code, target: Code, rate: Code): Code => [
    [old, target, old, op.f32x4Sub, rate],
    [op.f32x4Mul, op.f32x4Add],
  ];
  const body = whileLoop(atLeast(count, 1), [
    [load(gradient), setting("gradientScale"), op.f32x4Mul, op.set(g)],
    [towards(load(first), op.get(g), setting("firstRate")), op.set(m), store(first, m)],
    [
      towards(load(second), [op.get(g), op.get(g), op.f32x4Mul], setting("secondRate")),
      op.set(v),
      store(second, v),
    ],
    [load(value), setting("step"), op.get(m), op.f32x4Mul],
    [op.get(v), op.f32x4Sqrt, setting("rootScale"), op.f32x4Mul, setting("epsilon"), op.f32x4Add],
    [op.f32x4Div, op.f32x4Sub, op.set(w), store(value, w)],
    [towards(load(average), op.get(w), setting("averageRate")), op.set(w), store(average, w)],
    [value, gradient, first, second, average].map((pointer) => advance(pointer, op.i32(16))),
    countDown(count, 4),
  ]);
  return { name: "adam", parameters: 7, i32Locals: 0, v128Locals: 4, body };
}
