import assert from "node:assert/strict";
import { test } from "node:test";
import { convolution } from "./conv.ts";
import { denoiser } from "./denoiser.ts";
import { seededRandom } from "./random.ts";
import { parameterMaker, tensorHeap } from "./tensor.ts";

const random = seededRandom(11);

function gaussians(length: number): Float32Array {
  const numbers = new Float32Array(length);
  random.fillGaussian(numbers);
  return numbers;
}

/** Slope of `run` along `direction` in `values`, by central difference. */
function slopeAlong(values: Float32Array, direction: Float32Array, run: () => number): number {
  const kept = Float32Array.from(values);
  const step = 1e-3;
  values.set(kept.map((value, i) => value + step * direction[i]!));
  const above = run();
  values.set(kept.map((value, i) => value - step * direction[i]!));
  const below = run();
  values.set(kept);
  return (above - below) / (2 * step);
}

function dot(left: Float32Array, right: Float32Array): number {
  return left.reduce((sum, value, i) => sum + value * right[i]!, 0);
}

test("a convolution equals its definition with repeated edges", () => {
  const heap = tensorHeap(1024 * 1024);
  const input = heap.feature(2, 4, 4);
  const parameters = parameterMaker(heap, random.gaussian);
  const layer = convolution(heap, parameters, input, { name: "c", outChannels: 3, kernel: 3 });
  random.fillGaussian(input.value.data);
  layer.forward();
  const weight = parameters.all[0]!.value.data;
  const pixel = (channel: number, y: number, x: number): number =>
    input.value.data[channel * 16 + Math.min(3, Math.max(0, y)) * 4 + Math.min(3, Math.max(0, x))]!;
  for (const [out, y, x] of [
    [0, 0, 0],
    [1, 2, 1],
    [2, 3, 3],
  ] as const) {
    let expected = 0;
    for (let channel = 0; channel < 2; channel++) {
      for (let ky = 0; ky < 3; ky++) {
        for (let kx = 0; kx < 3; kx++) {
          expected +=
            weight[((out * 2 + channel) * 3 + ky) * 3 + kx]! * pixel(channel, y + ky - 1, x + kx - 1);
        }
      }
    }
    assert.ok(Math.abs(layer.output.value.data[out * 16 + y * 4 + x]! - expected) < 1e-4);
  }
});

test("the gradient of a convolution's input equals numeric differences", () => {
  const heap = tensorHeap(1024 * 1024);
  const input = heap.feature(3, 4, 8);
  const layer = convolution(heap, parameterMaker(heap, random.gaussian), input, {
    name: "c",
    outChannels: 5,
    kernel: 3,
  });
  random.fillGaussian(input.value.data);
  const upstream = gaussians(layer.output.value.data.length);
  const run = (): number => {
    layer.forward();
    return dot(layer.output.value.data, upstream);
  };
  run();
  layer.output.gradient.data.set(upstream);
  layer.backward();
  const direction = gaussians(input.value.data.length);
  const numeric = slopeAlong(input.value.data, direction, run);
  assert.ok(Math.abs(dot(direction, input.gradient.data) - numeric) < 0.02 * Math.max(1, Math.abs(numeric)));
});

test("the gradient of every parameter of the denoiser equals numeric differences", () => {
  const model = denoiser({ bands: 12, grid: 16, width: 8 }, 3);
  // Zero first weights would hide mistakes behind them.
  for (const { value } of model.parameters)
    value.data.set(value.data.map((number) => number + 0.1 * random.gaussian()));
  const picture = gaussians(12 * 256);
  const upstream = gaussians(12 * 256);
  const run = (): number => dot(model.forward(picture, 0.3, [1, 2, 200]), upstream);
  run();
  model.zeroGradients();
  model.backward(upstream);
  for (const { name, value, gradient } of model.parameters) {
    const direction = gaussians(value.data.length);
    const numeric = slopeAlong(value.data, direction, run);
    const exact = dot(direction, gradient.data);
    assert.ok(
      Math.abs(exact - numeric) < 0.02 * Math.max(2, Math.abs(numeric)),
      `${name}: ${exact} and ${numeric}`,
    );
  }
});

test("an untrained denoiser answers zero and equal seeds give equal weights", () => {
  const [one, two] = [1, 2].map(() => denoiser({ bands: 3, grid: 16, width: 8 }, 9));
  const other = denoiser({ bands: 3, grid: 16, width: 8 }, 10);
  assert.ok(one!.forward(gaussians(3 * 256), 0, []).every((number) => number === 0));
  assert.deepEqual(one!.parameters[0]!.value.data, two!.parameters[0]!.value.data);
  assert.notDeepEqual(one!.parameters[0]!.value.data, other.parameters[0]!.value.data);
});
