import { adamSettings } from "./adam-kernel.ts";
import type { Heap, Parameter, Tensor } from "./tensor.ts";

/** Exponential decay of both moments (Kingma and Ba, 2015, with a shorter memory for the second). */
const firstDecay = 0.9;
const secondDecay = 0.99;
/** Gradients longer than this are scaled down to it. */
const maxNorm = 1;

/** What Adam keeps beside one parameter. */
export interface ParameterState {
  readonly parameter: Parameter;
  readonly first: Tensor;
  readonly second: Tensor;
  /** Running average of the weights, which samples and the delivered file use. */
  readonly average: Tensor;
}

/** Adam with gradient clipping and averaged weights. */
export interface Adam {
  readonly states: readonly ParameterState[];
  /** Applies the gathered gradients as step number `step` (from 1); returns their length before clipping. */
  update(step: number, learningRate: number): number;
  /** Runs `action` with the averaged weights in the place of the trained ones. */
  withAverages<T>(action: () => Promise<T>): Promise<T>;
}

/** Makes the optimiser of `parameters`; `averageDecay` bounds the memory of the averaged weights. */
export function adam(heap: Heap, parameters: readonly Parameter[], averageDecay = 0.99): Adam {
  const states = parameters.map((parameter) => {
    const { length } = parameter.value.data;
    const state = {
      parameter,
      first: heap.tensor(length),
      second: heap.tensor(length),
      average: heap.tensor(length),
    };
    state.average.data.set(parameter.value.data);
    return state;
  });
  const settings = heap.tensor(adamSettings.length);
  return {
    states,
    update: (step, learningRate) => {
      const norm = Math.sqrt(parameters.reduce((sum, { gradient }) => sum + squares(gradient.data), 0));
      const chosen: Record<(typeof adamSettings)[number], number> = {
        gradientScale: norm > maxNorm ? maxNorm / norm : 1,
        firstRate: 1 - firstDecay,
        secondRate: 1 - secondDecay,
        step: learningRate / (1 - firstDecay ** step),
        rootScale: 1 / Math.sqrt(1 - secondDecay ** step),
        epsilon: 1e-8,
        // Early weights are far from the end: the average forgets them faster.
        averageRate: 1 - Math.min(averageDecay, (1 + step) / (10 + step)),
      };
      settings.data.set(adamSettings.map((name) => chosen[name]));
      for (const { parameter, first, second, average } of states) {
        heap.kernels.adam(
          parameter.value.at,
          parameter.gradient.at,
          first.at,
          second.at,
          average.at,
          settings.at,
          parameter.value.data.length,
        );
      }
      return norm;
    },
    withAverages: async (action) => {
      const kept = states.map(({ parameter }) => Float32Array.from(parameter.value.data));
      for (const { parameter, average } of states) parameter.value.data.set(average.data);
      try {
        return await action();
      } finally {
        states.forEach(({ parameter }, index) => parameter.value.data.set(kept[index] ?? []));
      }
    },
  };
}

function squares(numbers: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < numbers.length; i++) sum += (numbers[i] as number) ** 2;
  return sum;
}
