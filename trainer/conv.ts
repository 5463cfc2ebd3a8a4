import { addProduct, addProductTransposed, matrix, transposed } from "./matrix.ts";
import type { Feature, Heap, Layer, ParameterMaker, Tensor } from "./tensor.ts";

/** How a convolution is built; `deviation` 0 starts it as "adds nothing". */
export interface ConvolutionOptions {
  name: string;
  outChannels: number;
  /** 3 (edges are repeated outwards, so the size stays) or 1. */
  kernel: 1 | 3;
  deviation?: number;
  /** False for the first layer: nobody reads the gradient of the picture itself. */
  needsInputGradient?: boolean;
}

/** How a convolution reads its input: one row of `area` numbers per channel and kernel position. */
interface Patches {
  readonly rows: number;
  readonly value: Tensor;
  readonly gradient: Tensor;
  gather(): void;
  /** Adds `gradient` to the gradient of the input. */
  scatter(): void;
}

/**
 * Convolution with bias that keeps height and width (their product is a multiple of 4). Its patches are laid
 * out as a matrix (im2col), so that the answer and both gradients are one matrix product each.
 */
export function convolution(
  heap: Heap,
  parameters: ParameterMaker,
  input: Feature,
  options: ConvolutionOptions,
): Layer {
  const { kernel, outChannels, name, needsInputGradient = true } = options;
  const { channels, height, width } = input;
  const area = height * width;
  const patches = kernel === 3 ? windows(heap, input) : pixels(input);
  const shape = [outChannels, channels, kernel, kernel];
  const weight = parameters.make(`${name}.weight`, shape, options.deviation ?? Math.sqrt(2 / patches.rows));
  const bias = parameters.make(`${name}.bias`, [outChannels], 0);
  const output = heap.feature(outChannels, height, width);

  const weights = matrix(weight.value, outChannels, patches.rows);
  const weightGradients = matrix(weight.gradient, outChannels, patches.rows);
  const outputs = matrix(output.value, outChannels, area);
  const outputGradients = matrix(output.gradient, outChannels, area);
  const patchValues = matrix(patches.value, patches.rows, area);
  const patchGradients = matrix(patches.gradient, patches.rows, area);
  return {
    output,
    forward: () => {
      patches.gather();
      for (let channel = 0; channel < outChannels; channel++) {
        output.value.data.fill(bias.value.data[channel] as number, channel * area, (channel + 1) * area);
      }
      addProduct(heap.kernels, weights, patchValues, outputs);
    },
    backward: () => {
      addRowSums(output.gradient, bias.gradient, outChannels, area);
      addProductTransposed(heap.kernels, outputGradients, patchValues, weightGradients);
      if (!needsInputGradient) return;
      if (kernel === 3) patches.gradient.data.fill(0);
      addProduct(heap.kernels, transposed(weights), outputGradients, patchGradients);
      patches.scatter();
    },
  };
}

/** A 1×1 kernel reads the input as it is. */
function pixels({ channels, value, gradient }: Feature): Patches {
  return { rows: channels, value, gradient, gather: () => {}, scatter: () => {} };
}

/** The nine shifted copies of every channel that a 3×3 kernel reads. */
function windows(heap: Heap, input: Feature): Patches {
  const { channels, height, width } = input;
  const area = height * width;
  const padded = heap.tensor((height + 2) * (width + 2));
  const value = heap.tensor(channels * 9 * area);
  const gradient = heap.tensor(channels * 9 * area);
  return {
    rows: channels * 9,
    value,
    gradient,
    gather: () => {
      for (let channel = 0; channel < channels; channel++) {
        padPlane(input.value.data, channel * area, height, width, padded.data);
        heap.kernels.gatherPatches(padded.at, value.at + channel * 9 * area * 4, height, width);
      }
    },
    scatter: () => {
      for (let channel = 0; channel < channels; channel++) {
        padded.data.fill(0);
        heap.kernels.scatterPatches(padded.at, gradient.at + channel * 9 * area * 4, height, width);
        unpadPlane(padded.data, input.gradient.data, channel * area, height, width);
      }
    },
  };
}

/** Copies one plane into the middle of `padded` and repeats its edges around it. */
function padPlane(
  source: Float32Array,
  start: number,
  height: number,
  width: number,
  padded: Float32Array,
): void {
  let to = 0;
  for (let y = -1; y <= height; y++) {
    const row = start + Math.min(Math.max(y, 0), height - 1) * width;
    padded[to++] = source[row] as number;
    for (let x = 0; x < width; x++) padded[to++] = source[row + x] as number;
    padded[to++] = source[row + width - 1] as number;
  }
}

/** The transpose of {@link padPlane}: adds every padded number to the pixel it was copied from. */
function unpadPlane(
  padded: Float32Array,
  target: Float32Array,
  start: number,
  height: number,
  width: number,
): void {
  let from = 0;
  for (let y = -1; y <= height; y++) {
    const row = start + Math.min(Math.max(y, 0), height - 1) * width;
    target[row] = (target[row] as number) + (padded[from++] as number);
    for (let x = 0; x < width; x++)
      target[row + x] = (target[row + x] as number) + (padded[from++] as number);
    target[row + width - 1] = (target[row + width - 1] as number) + (padded[from++] as number);
  }
}

function addRowSums(source: Tensor, target: Tensor, rows: number, columns: number): void {
  for (let row = 0; row < rows; row++) {
    let sum = 0;
    for (let i = row * columns; i < (row + 1) * columns; i++) sum += source.data[i] as number;
    target.data[row] = (target.data[row] as number) + sum;
  }
}
