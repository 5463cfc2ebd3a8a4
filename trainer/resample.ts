import type { Feature, Heap, Layer } from "./tensor.ts";

/** Halves height and width by averaging 2×2 cells. */
export function averagePool(heap: Heap, input: Feature): Layer {
  const output = heap.feature(input.channels, input.height / 2, input.width / 2);
  const { width } = output;
  const rows = output.channels * output.height;
  return {
    output,
    forward: () => {
      const [x, y] = [input.value.data, output.value.data];
      for (let row = 0, to = 0; row < rows; row++) {
        for (let column = 0, at = row * 4 * width; column < width; column++, at += 2, to++) {
          const below = at + 2 * width;
          y[to] =
            0.25 *
            ((x[at] as number) + (x[at + 1] as number) + (x[below] as number) + (x[below + 1] as number));
        }
      }
    },
    backward: () => addUpsampled(output.gradient.data, input.gradient.data, rows, width, 0.25),
  };
}

/** Doubles height and width of `input` by repeating cells and adds the feature `skip` of that size. */
export function upsampleAdd(heap: Heap, input: Feature, skip: Feature): Layer {
  const output = heap.feature(skip.channels, skip.height, skip.width);
  const rows = input.channels * input.height;
  return {
    output,
    forward: () => {
      output.value.data.set(skip.value.data);
      addUpsampled(input.value.data, output.value.data, rows, input.width, 1);
    },
    backward: () => {
      addTo(skip.gradient.data, output.gradient.data);
      const [dx, dy] = [input.gradient.data, output.gradient.data];
      for (let row = 0, to = 0; row < rows; row++) {
        for (let column = 0, at = row * 4 * input.width; column < input.width; column++, at += 2, to++) {
          const below = at + 2 * input.width;
          dx[to] =
            (dx[to] as number) +
            ((dy[at] as number) + (dy[at + 1] as number) + (dy[below] as number) + (dy[below + 1] as number));
        }
      }
    },
  };
}

/** `left + right`, both of one shape. */
export function addition(heap: Heap, left: Feature, right: Feature): Layer {
  const output = heap.feature(left.channels, left.height, left.width);
  return {
    output,
    forward: () => {
      output.value.data.set(left.value.data);
      addTo(output.value.data, right.value.data);
    },
    backward: () => {
      addTo(left.gradient.data, output.gradient.data);
      addTo(right.gradient.data, output.gradient.data);
    },
  };
}

/** `left + scale[channel] · right`; `right` has at least the channels of `left`, and its gradient is not taken. */
export function scaledAddition(heap: Heap, left: Feature, right: Feature, scale: Feature): Layer {
  const output = heap.feature(left.channels, left.height, left.width);
  const area = left.height * left.width;
  return {
    output,
    forward: () => {
      output.value.data.set(left.value.data);
      for (let channel = 0; channel < left.channels; channel++) {
        const factor = scale.value.data[channel] as number;
        for (let i = channel * area; i < (channel + 1) * area; i++) {
          output.value.data[i] = (output.value.data[i] as number) + factor * (right.value.data[i] as number);
        }
      }
    },
    backward: () => {
      addTo(left.gradient.data, output.gradient.data);
      for (let channel = 0; channel < left.channels; channel++) {
        let sum = 0;
        for (let i = channel * area; i < (channel + 1) * area; i++) {
          sum += (output.gradient.data[i] as number) * (right.value.data[i] as number);
        }
        scale.gradient.data[channel] = (scale.gradient.data[channel] as number) + sum;
      }
    },
  };
}

function addTo(target: Float32Array, source: Float32Array): void {
  for (let i = 0; i < target.length; i++) target[i] = (target[i] as number) + (source[i] as number);
}

/** Adds every small cell times `factor` to its four cells in `large`; `rows` counts small rows. */
function addUpsampled(
  small: Float32Array,
  large: Float32Array,
  rows: number,
  width: number,
  factor: number,
): void {
  for (let row = 0, from = 0; row < rows; row++) {
    for (let column = 0, at = row * 4 * width; column < width; column++, at += 2, from++) {
      const value = (small[from] as number) * factor;
      const below = at + 2 * width;
      large[at] = (large[at] as number) + value;
      large[at + 1] = (large[at + 1] as number) + value;
      large[below] = (large[below] as number) + value;
      large[below + 1] = (large[below + 1] as number) + value;
    }
  }
}
