import assert from "node:assert/strict";
import { test } from "node:test";
import { addProduct, addProductTransposed, type Matrix, matrix, transposed } from "./matrix.ts";
import { seededRandom } from "./random.ts";
import { tensorHeap } from "./tensor.ts";

const heap = tensorHeap(4 * 1024 * 1024);
const random = seededRandom(5);
const sizes = [1, 2, 3, 4, 5, 7, 8, 13];

function filled(
  rows: number,
  columns: number,
): { view: Matrix; at: (row: number, column: number) => number } {
  const tensor = heap.tensor(rows * columns);
  random.fillGaussian(tensor.data);
  const copy = Float64Array.from(tensor.data);
  return { view: matrix(tensor, rows, columns), at: (row, column) => copy[row * columns + column]! };
}

test("the SIMD products equal plain sums for every remainder of rows, columns and depth", () => {
  for (const m of sizes) {
    for (const n of [4, 8, 12, 20]) {
      for (const k of sizes) {
        const [a, b] = [filled(m, k), filled(k, n)];
        const sum = heap.tensor(m * n);
        sum.data.fill(0.5);
        addProduct(heap.kernels, a.view, b.view, matrix(sum, m, n));
        for (let row = 0; row < m; row++) {
          for (let column = 0; column < n; column++) {
            let expected = 0.5;
            for (let i = 0; i < k; i++) expected += a.at(row, i) * b.at(i, column);
            assert.ok(Math.abs(sum.data[row * n + column]! - expected) < 1e-4, `${m}x${n}x${k}`);
          }
        }
      }
    }
  }
});

test("a transposed left side and a transposed right side give the same numbers as plain sums", () => {
  const [m, n, k] = [7, 9, 12];
  const [a, b] = [filled(m, k), filled(n, k)];
  const sum = heap.tensor(m * n);
  addProductTransposed(heap.kernels, a.view, b.view, matrix(sum, m, n));
  for (let row = 0; row < m; row++) {
    for (let column = 0; column < n; column++) {
      let expected = 0;
      for (let i = 0; i < k; i++) expected += a.at(row, i) * b.at(column, i);
      assert.ok(Math.abs(sum.data[row * n + column]! - expected) < 1e-4);
    }
  }
  const c = filled(m, 8);
  const back = heap.tensor(k * 8);
  addProduct(heap.kernels, transposed(a.view), c.view, matrix(back, k, 8));
  let expected = 0;
  for (let i = 0; i < m; i++) expected += a.at(i, 5) * c.at(i, 3);
  assert.ok(Math.abs(back.data[5 * 8 + 3]! - expected) < 1e-4);
});

test("a heap that is too small says so instead of writing past its end", () => {
  assert.throws(() => tensorHeap(65_536).tensor(20_000), /more memory than its heap holds/);
});
