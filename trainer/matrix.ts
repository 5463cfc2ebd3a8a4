import type { Kernels } from "./kernels.ts";
import type { Tensor } from "./tensor.ts";

/** Numbers of a tensor seen as rows × columns; strides are bytes. */
export interface Matrix {
  readonly at: number;
  readonly rows: number;
  readonly columns: number;
  readonly rowStride: number;
  readonly columnStride: number;
}

/** `tensor` as a matrix, row after row. */
export function matrix(tensor: Tensor, rows: number, columns: number): Matrix {
  return { at: tensor.at, rows, columns, rowStride: columns * 4, columnStride: 4 };
}

/** The same numbers with rows and columns exchanged. */
export function transposed({ at, rows, columns, rowStride, columnStride }: Matrix): Matrix {
  return { at, rows: columns, columns: rows, rowStride: columnStride, columnStride: rowStride };
}

/** c += a · b. The columns of `b` and `c` are contiguous and a multiple of 4; `a` may be transposed. */
export function addProduct(kernels: Kernels, a: Matrix, b: Matrix, c: Matrix): void {
  kernels.product(
    a.at,
    a.rowStride,
    a.columnStride,
    b.at,
    b.rowStride,
    c.at,
    c.rowStride,
    a.rows,
    b.columns,
    a.columns,
  );
}

/** c += a · bᵀ. The columns of `a` and `b` are contiguous and a multiple of 4. */
export function addProductTransposed(kernels: Kernels, a: Matrix, b: Matrix, c: Matrix): void {
  kernels.productTransposed(
    a.at,
    a.rowStride,
    b.at,
    b.rowStride,
    c.at,
    c.rowStride,
    a.rows,
    b.rows,
    a.columns,
  );
}
