/**
 * The orthonormal picture transform the model works in: every cell of side × side pixels becomes 3 · side²
 * numbers, its cosine frequencies (DCT-II) in a lightness and two colour-difference channels. Fine detail and
 * broad colour then have numbers of their own, each with its own strength.
 */
export interface BandTransform {
  readonly resolution: number;
  /** 3 · side². Band 0 is the cell's mean lightness. */
  readonly bands: number;
  /** Cells per row and per column. */
  readonly grid: number;
  /** `image` is three planes (r, g, b) of resolution²; the answer is bands × grid × grid. */
  toBands(image: Float32Array): Float32Array;
  /** The inverse of `toBands`. */
  fromBands(bands: Float32Array): Float32Array;
}

/** Mean and standard deviation of every band over a dataset. */
export interface BandStatistics {
  readonly mean: Float32Array;
  readonly deviation: Float32Array;
}

/** Cells per side of every model, whatever its resolution. */
export const gridSize = 16;

/** A band that hardly varies counts as this strong: keeps its scaled numbers finite. */
const minDeviation = 0.02;

/** Rows are orthonormal: lightness, yellow-blue, red-green. */
const opponent = [
  [1 / Math.sqrt(3), 1 / Math.sqrt(3), 1 / Math.sqrt(3)],
  [1 / Math.sqrt(6), 1 / Math.sqrt(6), -2 / Math.sqrt(6)],
  [1 / Math.sqrt(2), -1 / Math.sqrt(2), 0],
];

/** Makes the transform for square images of `resolution` pixels, a multiple of {@link gridSize}. */
export function bandTransform(resolution: number): BandTransform {
  const grid = gridSize;
  const side = resolution / grid;
  const bands = 3 * side * side;
  const matrix = bandMatrix(side);
  const cellPixels = pixelOffsets(resolution, side);
  const cellStart = (cell: number): number =>
    Math.floor(cell / grid) * side * resolution + (cell % grid) * side;
  const cells = grid * grid;
  return {
    resolution,
    bands,
    grid,
    toBands: (image) => {
      const target = new Float32Array(bands * cells);
      for (let cell = 0; cell < cells; cell++) {
        const start = cellStart(cell);
        for (let band = 0; band < bands; band++) {
          let sum = 0;
          for (let i = 0; i < bands; i++) {
            sum +=
              (matrix[band * bands + i] as number) * (image[start + (cellPixels[i] as number)] as number);
          }
          target[band * cells + cell] = sum;
        }
      }
      return target;
    },
    fromBands: (source) => {
      const image = new Float32Array(bands * cells);
      for (let cell = 0; cell < cells; cell++) {
        const start = cellStart(cell);
        for (let i = 0; i < bands; i++) {
          let sum = 0;
          for (let band = 0; band < bands; band++) {
            sum += (matrix[band * bands + i] as number) * (source[band * cells + cell] as number);
          }
          image[start + (cellPixels[i] as number)] = sum;
        }
      }
      return image;
    },
  };
}

/** Statistics over the band form of `images`. */
export function bandStatistics(images: readonly Float32Array[], bands: number): BandStatistics {
  const mean = new Float32Array(bands);
  const deviation = new Float32Array(bands);
  const cells = gridSize * gridSize;
  for (let band = 0; band < bands; band++) {
    let sum = 0;
    let squares = 0;
    for (const image of images) {
      for (let i = band * cells; i < (band + 1) * cells; i++) {
        sum += image[i] as number;
        squares += (image[i] as number) ** 2;
      }
    }
    const count = Math.max(1, images.length * cells);
    mean[band] = sum / count;
    deviation[band] = Math.max(minDeviation, Math.sqrt(Math.max(0, squares / count - (sum / count) ** 2)));
  }
  return { mean, deviation };
}

/** Index of every pixel of a cell, in plane order, relative to the cell's first pixel. */
function pixelOffsets(resolution: number, side: number): Int32Array {
  const area = side * side;
  return Int32Array.from({ length: 3 * area }, (_, i) => {
    const plane = Math.floor(i / area);
    return (plane * resolution + Math.floor((i % area) / side)) * resolution + (i % side);
  });
}

/** bands × bands: one row per band over the cell's pixels in plane order. */
function bandMatrix(side: number): Float64Array {
  const wave = (frequency: number, at: number): number =>
    Math.sqrt((frequency === 0 ? 1 : 2) / side) * Math.cos((Math.PI * (at + 0.5) * frequency) / side);
  const steps = Array.from({ length: side }, (_, index) => index);
  return Float64Array.from(
    opponent.flatMap((color) =>
      steps.flatMap((v) =>
        steps.flatMap((u) =>
          color.flatMap((share) => steps.flatMap((y) => steps.map((x) => share * wave(v, y) * wave(u, x)))),
        ),
      ),
    ),
  );
}
