import { advance, atLeast, type Code, countDown, type KernelSource, op, whileLoop } from "./wasm-code.ts";

/** Source of {@link Kernels.gatherPatches}. */
export function gatherKernel(): KernelSource {
  return windowKernel("gatherPatches", (padded, patch) => [
    op.get(patch),
    op.get(padded),
    op.v128Load(0),
    op.v128Store(0),
  ]);
}

/** Source of {@link Kernels.scatterPatches}. */
export function scatterKernel(): KernelSource {
  return windowKernel("scatterPatches", (padded, patch) => [
    [op.get(padded), op.get(padded), op.v128Load(0), op.get(patch), op.v128Load(0)],
    [op.f32x4Add, op.v128Store(0)],
  ]);
}

/** Walks the nine height × width windows of one padded plane beside the nine rows of the patch matrix. */
function windowKernel(name: string, visit: (padded: number, patch: number) => Code): KernelSource {
  const [padded, patch, height, width] = [0, 1, 2, 3];
  const [stride, rowStart, at, rowsLeft, columnsLeft] = [4, 5, 6, 7, 8];
  const taps = [0, 1, 2].flatMap((ky) => [0, 1, 2].map((kx) => [ky, kx] as const));
  const body: Code = [
    [op.get(width), op.i32(2), op.i32Add, op.i32(4), op.i32Mul, op.set(stride)],
    taps.map(([ky, kx]) => [
      [
        op.get(padded),
        op.get(stride),
        op.i32(ky),
        op.i32Mul,
        op.i32Add,
        op.i32(4 * kx),
        op.i32Add,
        op.set(rowStart),
      ],
      [op.get(height), op.set(rowsLeft)],
      whileLoop(atLeast(rowsLeft, 1), [
        [op.get(rowStart), op.set(at), op.get(width), op.set(columnsLeft)],
        whileLoop(atLeast(columnsLeft, 4), [
          visit(at, patch),
          advance(at, op.i32(16)),
          advance(patch, op.i32(16)),
          countDown(columnsLeft, 4),
        ]),
        advance(rowStart, op.get(stride)),
        countDown(rowsLeft, 1),
      ]),
    ]),
  ];
  return { name, parameters: 4, i32Locals: 5, v128Locals: 0, body };
}
