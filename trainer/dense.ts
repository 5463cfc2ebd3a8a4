import { addProduct, addProductTransposed, matrix } from "./matrix.ts";
import type { Feature, Heap, Layer, ParameterMaker } from "./tensor.ts";

/** How a dense layer is built; `deviation` 0 starts its matrix at zero. */
export interface DenseOptions {
  name: string;
  outputs: number;
  deviation?: number;
}

/** y = W·x + b on the numbers of `input`, whose channel count is a multiple of 4. */
export function dense(heap: Heap, parameters: ParameterMaker, input: Feature, options: DenseOptions): Layer {
  const inputs = input.channels;
  const { name, outputs } = options;
  const weight = parameters.make(
    `${name}.weight`,
    [outputs, inputs],
    options.deviation ?? 1 / Math.sqrt(inputs),
  );
  const bias = parameters.make(`${name}.bias`, [outputs], 0);
  const output = heap.feature(outputs, 1, 1);
  const weights = matrix(weight.value, outputs, inputs);
  const inputRow = matrix(input.value, 1, inputs);
  const upstreamRow = matrix(output.gradient, 1, outputs);
  const upstreamColumn = matrix(output.gradient, outputs, 1);
  return {
    output,
    forward: () => {
      output.value.data.set(bias.value.data);
      addProductTransposed(heap.kernels, weights, inputRow, matrix(output.value, outputs, 1));
    },
    backward: () => {
      for (let i = 0; i < outputs; i++) {
        bias.gradient.data[i] = (bias.gradient.data[i] as number) + (output.gradient.data[i] as number);
      }
      addProduct(heap.kernels, upstreamColumn, inputRow, matrix(weight.gradient, outputs, inputs));
      addProduct(heap.kernels, upstreamRow, weights, matrix(input.gradient, 1, inputs));
    },
  };
}

/** The activation of norm.ts on its own: x · (1 + x / (1 + |x|)) / 2. */
export function activation(heap: Heap, input: Feature): Layer {
  const output = heap.feature(input.channels, input.height, input.width);
  const count = output.value.data.length;
  return {
    output,
    forward: () => {
      for (let i = 0; i < count; i++) {
        const u = input.value.data[i] as number;
        output.value.data[i] = 0.5 * u * (1 + u / (1 + Math.abs(u)));
      }
    },
    backward: () => {
      const gradient = input.gradient.data;
      for (let i = 0; i < count; i++) {
        const u = input.value.data[i] as number;
        const fall = 1 / (1 + Math.abs(u));
        const slope = 0.5 * (1 + u * fall + u * fall * fall);
        gradient[i] = (gradient[i] as number) + (output.gradient.data[i] as number) * slope;
      }
    },
  };
}
