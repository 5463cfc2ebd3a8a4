import type { Feature, Heap, Layer } from "./tensor.ts";

const epsilon = 1e-5;

/** One layer's wiring and what its forward pass leaves for its backward pass. */
interface NormState {
  readonly input: Feature;
  readonly modulation: Feature;
  readonly output: Feature;
  readonly groupChannels: number;
  readonly area: number;
  readonly normalised: Float32Array;
  /** Gradients of the normalised numbers of one group. */
  readonly upstream: Float32Array;
  /** 1 / standard deviation per group. */
  readonly inverses: Float64Array;
}

/**
 * Group normalisation, then the condition's scale and shift per channel, then the activation:
 * y = act(normalised · (1 + scale) + shift). `modulation` holds `channels` scales, then `channels` shifts.
 * The activation x · (1 + x / (1 + |x|)) / 2 has the shape of SiLU without its exponential.
 */
export function modulatedNorm(heap: Heap, input: Feature, modulation: Feature, groupChannels: number): Layer {
  const { channels, height, width } = input;
  const output = heap.feature(channels, height, width);
  const area = height * width;
  const state: NormState = {
    input,
    modulation,
    output,
    groupChannels,
    area,
    normalised: new Float32Array(channels * area),
    upstream: new Float32Array(groupChannels * area),
    inverses: new Float64Array(channels / groupChannels),
  };
  return { output, forward: () => runForward(state), backward: () => runBackward(state) };
}

function runForward({
  input,
  modulation,
  output,
  groupChannels,
  area,
  normalised,
  inverses,
}: NormState): void {
  for (let group = 0; group < inverses.length; group++) {
    const start = group * groupChannels * area;
    inverses[group] = normalise(input.value.data, normalised, start, start + groupChannels * area);
  }
  for (let channel = 0; channel < input.channels; channel++) {
    const scale = 1 + (modulation.value.data[channel] as number);
    const shift = modulation.value.data[input.channels + channel] as number;
    activate(normalised, output.value.data, channel * area, (channel + 1) * area, scale, shift);
  }
}

function runBackward(state: NormState): void {
  const { modulation, groupChannels, inverses } = state;
  for (let group = 0; group < inverses.length; group++) {
    let sum = 0;
    let sumWithNormalised = 0;
    for (let channel = group * groupChannels; channel < (group + 1) * groupChannels; channel++) {
      const [scaleGradient, shiftGradient] = backThroughActivation(state, channel, group);
      const scale = 1 + (modulation.value.data[channel] as number);
      sum += shiftGradient * scale;
      sumWithNormalised += scaleGradient * scale;
    }
    backThroughNorm(state, group, sum, sumWithNormalised);
  }
}

/** Leaves the gradients of the normalised numbers in `upstream`; returns those of the channel's scale and shift. */
function backThroughActivation(state: NormState, channel: number, group: number): [number, number] {
  const { input, modulation, output, groupChannels, area, normalised, upstream } = state;
  const scale = 1 + (modulation.value.data[channel] as number);
  const shift = modulation.value.data[input.channels + channel] as number;
  const outer = output.gradient.data;
  const groupStart = group * groupChannels * area;
  let scaleGradient = 0;
  let shiftGradient = 0;
  for (let i = channel * area; i < (channel + 1) * area; i++) {
    const n = normalised[i] as number;
    const u = n * scale + shift;
    const fall = 1 / (1 + Math.abs(u));
    const gradient = (outer[i] as number) * 0.5 * (1 + u * fall + u * fall * fall);
    scaleGradient += gradient * n;
    shiftGradient += gradient;
    upstream[i - groupStart] = gradient * scale;
  }
  const target = modulation.gradient.data;
  target[channel] = (target[channel] as number) + scaleGradient;
  target[input.channels + channel] = (target[input.channels + channel] as number) + shiftGradient;
  return [scaleGradient, shiftGradient];
}

function backThroughNorm(state: NormState, group: number, sum: number, sumWithNormalised: number): void {
  const { input, groupChannels, area, normalised, upstream, inverses } = state;
  const mean = sum / upstream.length;
  const slope = sumWithNormalised / upstream.length;
  const inverse = inverses[group] as number;
  const target = input.gradient.data;
  const start = group * groupChannels * area;
  for (let i = 0; i < upstream.length; i++) {
    const n = normalised[start + i] as number;
    target[start + i] =
      (target[start + i] as number) + inverse * ((upstream[i] as number) - mean - n * slope);
  }
}

/** Writes (x - mean) / deviation of x[start, end) and returns 1 / deviation. */
function normalise(x: Float32Array, normalised: Float32Array, start: number, end: number): number {
  let sum = 0;
  for (let i = start; i < end; i++) sum += x[i] as number;
  const mean = sum / (end - start);
  let squares = 0;
  for (let i = start; i < end; i++) {
    const centred = (x[i] as number) - mean;
    squares += centred * centred;
  }
  const inverse = 1 / Math.sqrt(squares / (end - start) + epsilon);
  for (let i = start; i < end; i++) normalised[i] = ((x[i] as number) - mean) * inverse;
  return inverse;
}

function activate(
  from: Float32Array,
  to: Float32Array,
  start: number,
  end: number,
  scale: number,
  shift: number,
): void {
  for (let i = start; i < end; i++) {
    const u = (from[i] as number) * scale + shift;
    to[i] = 0.5 * u * (1 + u / (1 + Math.abs(u)));
  }
}
