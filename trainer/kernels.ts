import { adamKernel } from "./adam-kernel.ts";
import { productKernel, transposedKernel } from "./gemm.ts";
import { gatherKernel, scatterKernel } from "./patch-kernels.ts";
import { encodeModule } from "./wasm-code.ts";

/**
 * The inner loops of training, on float32 numbers in one WebAssembly memory. Addresses and strides are bytes,
 * sizes count elements.
 */
export interface Kernels {
  /**
   * C[m×n] += A[m×k] · B[k×n]; `n` is a multiple of 4 and the rows of B and C are contiguous. A is read through
   * both strides, so swapping them multiplies by its transpose.
   */
  product(
    a: number,
    aRowStride: number,
    aColumnStride: number,
    b: number,
    bRowStride: number,
    c: number,
    cRowStride: number,
    m: number,
    n: number,
    k: number,
  ): void;
  /** C[m×n] += A[m×k] · B[n×k]ᵀ; `k` is a multiple of 4, rows of A and B are contiguous. */
  productTransposed(
    a: number,
    aRowStride: number,
    b: number,
    bRowStride: number,
    c: number,
    cRowStride: number,
    m: number,
    n: number,
    k: number,
  ): void;
  /**
   * Copies the nine windows of one plane of (height + 2) × (width + 2) to nine rows of height · width, in the
   * order of a 3×3 kernel; `width` is a multiple of 4.
   */
  gatherPatches(padded: number, patches: number, height: number, width: number): void;
  /** The transpose of `gatherPatches`: adds the nine rows to the windows they came from. */
  scatterPatches(padded: number, patches: number, height: number, width: number): void;
  /**
   * One Adam step on `count` weights with their gradients, two moments and running average; `settings` points
   * to the numbers of adamSettings. `count` is rounded up to 4: the arrays have room for that.
   */
  adam(
    value: number,
    gradient: number,
    first: number,
    second: number,
    average: number,
    settings: number,
    count: number,
  ): void;
}

/**
 * Compiles the kernels for `memory`. They are WebAssembly SIMD because plain JavaScript does about one
 * multiply-add per cycle and these do about four; plain (not relaxed) SIMD keeps results equal on every
 * processor.
 */
export function compileKernels(memory: WebAssembly.Memory): Kernels {
  const sources = [productKernel(), transposedKernel(), gatherKernel(), scatterKernel(), adamKernel()];
  const module = new WebAssembly.Module(encodeModule(sources));
  return new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Kernels;
}
