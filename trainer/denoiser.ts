import { emptyGraph, type Graph, groupChannels } from "./graph.ts";
import { seededRandom } from "./random.ts";
import { type Feature, type Heap, type Parameter, parameterMaker, tensorHeap } from "./tensor.ts";

/** What fixes the shapes of a model. */
export interface DenoiserShape {
  /** Channels of a picture as the model sees it (see bands.ts). */
  bands: number;
  /** Height and width of those channels: 4 · 2ⁿ. */
  grid: number;
  /** Channels of the first level; a multiple of 8. */
  width: number;
}

/** A residual convolutional denoiser for one picture at a time: bands × grid × grid in and out. */
export interface Denoiser {
  readonly heap: Heap;
  readonly shape: DenoiserShape;
  readonly parameters: readonly Parameter[];
  /**
   * Runs the network on `picture` at noise level `level` (a number of about -1 to 1) for the words of
   * `captionRows`. The answer is valid until the next call.
   */
  forward(picture: Float32Array, level: number, captionRows: readonly number[]): Float32Array;
  /** Adds to the gradients of the parameters for `gradient`, the loss gradient of the last answer. */
  backward(gradient: Float32Array): void;
  zeroGradients(): void;
}

/** Room for the largest model the configuration allows; only touched pages count. */
const heapBytes = 256 * 1024 * 1024;
const levelFeatures = 32;
const conditionSize = 64;
/** x, y and their squares: lets the network know where it paints. */
const positionChannels = 4;
/** Every lower level has this many times the channels of the one above. */
const widening = 1.5;
const smallestGrid = 4;

/** Builds a denoiser; its first weights follow from `seed`, and its first answer is zero. */
export function denoiser(shape: DenoiserShape, seed: number): Denoiser {
  const { bands, grid, width } = shape;
  const heap = tensorHeap(heapBytes);
  const parameters = parameterMaker(heap, seededRandom(seed, 1).gaussian);
  const graph = emptyGraph(heap, parameters);

  const input = graph.source(bands + positionChannels, grid, grid);
  const level = graph.source(levelFeatures, 1, 1);
  const words = graph.words("words", conditionSize);
  const levelVector = graph.dense(level, { name: "level", outputs: conditionSize });
  const hidden = graph.activation(graph.add(levelVector, words.output));
  const condition = graph.activation(graph.dense(hidden, { name: "condition", outputs: conditionSize }));

  const stem = graph.conv(input, { name: "stem", outChannels: width, kernel: 3, needsInputGradient: false });
  const body = pyramid(graph, condition, "outer", stem);
  const headNorm = graph.norm("head.norm", body, condition);
  const painted = graph.conv(headNorm, { name: "head", outChannels: bands, kernel: 3, deviation: 0 });
  // How much of the noisy input to take or give back depends on the noise level alone; learning that through
  // the whole network would take most of a short training.
  const share = graph.dense(condition, { name: "share", outputs: bands, deviation: 0 });
  const output = graph.addScaled(painted, input, share);

  writePosition(input, bands);
  return {
    heap,
    shape,
    parameters: parameters.all,
    forward: (picture, at, captionRows) => {
      input.value.data.set(picture);
      writeLevel(level.value.data, at);
      words.bag.setRows(captionRows);
      graph.forward();
      return output.value.data;
    },
    backward: graph.backward,
    zeroGradients: () => {
      for (const { gradient } of parameters.all) gradient.data.fill(0);
    },
  };
}

/** Residual block, the same at half the size (down to 4 × 4), and a residual block on the way back. */
function pyramid(graph: Graph, condition: Feature, name: string, input: Feature): Feature {
  const block = (part: string, from: Feature): Feature => {
    const outChannels = from.channels;
    const first = graph.conv(from, { name: `${name}.${part}.conv1`, outChannels, kernel: 3 });
    const middle = graph.norm(`${name}.${part}.norm`, first, condition);
    const second = graph.conv(middle, {
      name: `${name}.${part}.conv2`,
      outChannels,
      kernel: 3,
      deviation: 0,
    });
    return graph.add(from, second);
  };
  if (input.height <= smallestGrid) {
    // The condition's own rough sketch of the picture: captions and noise level decide its layout directly.
    const sketch = graph.dense(condition, { name: `${name}.sketch`, outputs: input.value.data.length });
    return block("second", block("first", graph.add(input, sketch)));
  }
  const down = block("down", input);
  const innerChannels = Math.ceil((input.channels * widening) / groupChannels) * groupChannels;
  const reduced = graph.conv(graph.pool(down), {
    name: `${name}.reduce`,
    outChannels: innerChannels,
    kernel: 1,
  });
  const inner = pyramid(graph, condition, `${name}.inner`, reduced);
  const back = graph.conv(inner, { name: `${name}.expand`, outChannels: input.channels, kernel: 1 });
  return block("up", graph.upsampleAdd(back, down));
}

/** Sinusoids of the noise level, from half a turn up to 32 turns (in radians) over its range. */
function writeLevel(target: Float32Array, level: number): void {
  const pairs = levelFeatures / 2;
  for (let i = 0; i < pairs; i++) {
    const angle = level * 32 * Math.exp((-Math.log(64) * i) / (pairs - 1));
    target[i] = Math.sin(angle);
    target[pairs + i] = Math.cos(angle);
  }
}

function writePosition({ height, width, value }: Feature, firstChannel: number): void {
  const area = height * width;
  for (let i = 0; i < area; i++) {
    const down = (2 * Math.floor(i / width)) / (height - 1) - 1;
    const right = (2 * (i % width)) / (width - 1) - 1;
    value.data[firstChannel * area + i] = down;
    value.data[(firstChannel + 1) * area + i] = right;
    value.data[(firstChannel + 2) * area + i] = down * down;
    value.data[(firstChannel + 3) * area + i] = right * right;
  }
}
