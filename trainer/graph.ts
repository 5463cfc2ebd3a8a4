import { convolution, type ConvolutionOptions } from "./conv.ts";
import { activation, dense, type DenseOptions } from "./dense.ts";
import { modulatedNorm } from "./norm.ts";
import { addition, averagePool, scaledAddition, upsampleAdd } from "./resample.ts";
import type { Feature, Heap, Layer, ParameterMaker } from "./tensor.ts";
import { wordBag, type WordBag } from "./words.ts";

/** Channels per normalisation group; every width of the network is a multiple of it. */
export const groupChannels = 8;

/** Builds a network step by step: every method adds one layer, in running order, and returns its output. */
export interface Graph {
  /** A feature that is filled from outside before every forward pass. */
  source(channels: number, height: number, width: number): Feature;
  words(name: string, outputs: number): { output: Feature; bag: WordBag };
  dense(input: Feature, options: DenseOptions): Feature;
  activation(input: Feature): Feature;
  conv(input: Feature, options: ConvolutionOptions): Feature;
  norm(name: string, input: Feature, condition: Feature): Feature;
  add(left: Feature, right: Feature): Feature;
  addScaled(left: Feature, right: Feature, scale: Feature): Feature;
  pool(input: Feature): Feature;
  upsampleAdd(input: Feature, skip: Feature): Feature;
  /** Runs all layers. */
  forward(): void;
  /** Runs them backwards from `gradient`, the gradient of the last layer's output. */
  backward(gradient: Float32Array): void;
}

/** An empty graph whose tensors lie in `heap` and whose trained arrays come from `parameters`. */
export function emptyGraph(heap: Heap, parameters: ParameterMaker): Graph {
  const layers: Layer[] = [];
  const features: Feature[] = [];
  const added = (layer: Layer): Feature => {
    layers.push(layer);
    features.push(layer.output);
    return layer.output;
  };
  const addDense = (input: Feature, options: DenseOptions): Feature =>
    added(dense(heap, parameters, input, options));
  return {
    source: (channels, height, width) => {
      const feature = heap.feature(channels, height, width);
      features.push(feature);
      return feature;
    },
    words: (name, outputs) => {
      const bag = wordBag(heap, parameters, { name, outputs });
      return { output: added(bag), bag };
    },
    dense: addDense,
    activation: (input) => added(activation(heap, input)),
    conv: (input, options) => added(convolution(heap, parameters, input, options)),
    norm: (name, input, condition) => {
      const outputs = input.channels * 2;
      const modulation = addDense(condition, { name: `${name}.modulation`, outputs, deviation: 0 });
      return added(modulatedNorm(heap, input, modulation, groupChannels));
    },
    add: (left, right) => added(addition(heap, left, right)),
    addScaled: (left, right, scale) => added(scaledAddition(heap, left, right, scale)),
    pool: (input) => added(averagePool(heap, input)),
    upsampleAdd: (input, skip) => added(upsampleAdd(heap, input, skip)),
    forward: () => {
      for (const layer of layers) layer.forward();
    },
    backward: (gradient) => {
      for (const feature of features) feature.gradient.data.fill(0);
      features.at(-1)?.gradient.data.set(gradient);
      for (let i = layers.length - 1; i >= 0; i--) layers[i]?.backward();
    },
  };
}
