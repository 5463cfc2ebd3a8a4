import { advance, atLeast, type Code, countDown, type KernelSource, op, whileLoop } from "./wasm-code.ts";

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** Sets `count` pointer locals to `first`, `first` + `stride`, ... */
function pointers(count: number, first: number, stride: number, at: (index: number) => number): Code {
  return range(count).map((index) =>
    index === 0
      ? [op.get(first), op.set(at(0))]
      : [op.get(at(index - 1)), op.get(stride), op.i32Add, op.set(at(index))],
  );
}

/** Source of {@link Kernels.product}: four rows by eight columns of C stay in registers over all of k. */
export function productKernel(): KernelSource {
  const [a, aRow, aColumn, b, bRow, c, cRow, m, n, k] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
  const [nLeft, kLeft, bColumn, cColumn, bAt] = [10, 11, 12, 13, 14];
  const aAt = (row: number): number => 15 + row;
  const cAt = (row: number): number => 19 + row;
  const bVector = (vector: number): number => 23 + vector;
  const sum = (row: number, vector: number): number => 25 + row * 2 + vector;

  const block = (rows: number, vectors: number): Code => [
    pointers(rows, a, aRow, aAt),
    pointers(rows, cColumn, cRow, cAt),
    range(rows).map((row) =>
      range(vectors).map((v) => [op.get(cAt(row)), op.v128Load(16 * v), op.set(sum(row, v))]),
    ),
    [op.get(bColumn), op.set(bAt), op.get(k), op.set(kLeft)],
    whileLoop(atLeast(kLeft, 1), [
      range(vectors).map((v) => [op.get(bAt), op.v128Load(16 * v), op.set(bVector(v))]),
      range(rows).map((row) =>
        range(vectors).map((v) => [
          [op.get(sum(row, v)), op.get(aAt(row)), op.v128LoadSplat(0), op.get(bVector(v))],
          [op.f32x4Mul, op.f32x4Add, op.set(sum(row, v))],
        ]),
      ),
      range(rows).map((row) => advance(aAt(row), op.get(aColumn))),
      advance(bAt, op.get(bRow)),
      countDown(kLeft, 1),
    ]),
    range(rows).map((row) =>
      range(vectors).map((v) => [op.get(cAt(row)), op.get(sum(row, v)), op.v128Store(16 * v)]),
    ),
    advance(bColumn, op.i32(16 * vectors)),
    advance(cColumn, op.i32(16 * vectors)),
    countDown(nLeft, 4 * vectors),
  ];
  const rowsOf = (rows: number): Code =>
    whileLoop(atLeast(m, rows), [
      [op.get(b), op.set(bColumn), op.get(c), op.set(cColumn), op.get(n), op.set(nLeft)],
      whileLoop(atLeast(nLeft, 8), block(rows, 2)),
      whileLoop(atLeast(nLeft, 4), block(rows, 1)),
      advance(a, [op.get(aRow), op.i32(rows), op.i32Mul]),
      advance(c, [op.get(cRow), op.i32(rows), op.i32Mul]),
      countDown(m, rows),
    ]);
  return { name: "product", parameters: 10, i32Locals: 13, v128Locals: 10, body: [rowsOf(4), rowsOf(1)] };
}

/** Source of {@link Kernels.productTransposed}: dot products, four rows of A with two rows of B at a time. */
export function transposedKernel(): KernelSource {
  const [a, aRow, b, bRow, c, cRow, m, n, k] = [0, 1, 2, 3, 4, 5, 6, 7, 8];
  const [nLeft, kLeft, bStart, cColumn] = [9, 10, 11, 12];
  const aAt = (row: number): number => 13 + row;
  const bAt = (column: number): number => 17 + column;
  const cAt = 19;
  const bVector = (column: number): number => 20 + column;
  const sum = (row: number, column: number): number => 22 + row * 2 + column;

  const block = (rows: number, columns: number): Code => [
    pointers(rows, a, aRow, aAt),
    pointers(columns, bStart, bRow, bAt),
    range(rows).map((row) => range(columns).map((column) => [op.v128Zero, op.set(sum(row, column))])),
    [op.get(k), op.set(kLeft)],
    whileLoop(atLeast(kLeft, 4), [
      range(columns).map((column) => [op.get(bAt(column)), op.v128Load(0), op.set(bVector(column))]),
      range(rows).map((row) =>
        range(columns).map((column) => [
          [op.get(sum(row, column)), op.get(aAt(row)), op.v128Load(0), op.get(bVector(column))],
          [op.f32x4Mul, op.f32x4Add, op.set(sum(row, column))],
        ]),
      ),
      range(rows).map((row) => advance(aAt(row), op.i32(16))),
      range(columns).map((column) => advance(bAt(column), op.i32(16))),
      countDown(kLeft, 4),
    ]),
    [op.get(cColumn), op.set(cAt)],
    range(rows).map((row) => [
      range(columns).map((column) => [
        [op.get(cAt), op.get(cAt), op.f32Load(4 * column)],
        range(4).map((lane) => [op.get(sum(row, column)), op.f32x4Lane(lane), op.f32Add]),
        op.f32Store(4 * column),
      ]),
      advance(cAt, op.get(cRow)),
    ]),
    advance(bStart, [op.get(bRow), op.i32(columns), op.i32Mul]),
    advance(cColumn, op.i32(4 * columns)),
    countDown(nLeft, columns),
  ];
  const rowsOf = (rows: number): Code =>
    whileLoop(atLeast(m, rows), [
      [op.get(b), op.set(bStart), op.get(c), op.set(cColumn), op.get(n), op.set(nLeft)],
      whileLoop(atLeast(nLeft, 2), block(rows, 2)),
      whileLoop(atLeast(nLeft, 1), block(rows, 1)),
      advance(a, [op.get(aRow), op.i32(rows), op.i32Mul]),
      advance(c, [op.get(cRow), op.i32(rows), op.i32Mul]),
      countDown(m, rows),
    ]);
  return {
    name: "productTransposed",
    parameters: 9,
    i32Locals: 11,
    v128Locals: 10,
    body: [rowsOf(4), rowsOf(1)],
  };
}
