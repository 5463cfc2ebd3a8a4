import { createHash } from "node:crypto";
import { type Adam, adam } from "./adam.ts";
import type { BandStatistics, BandTransform } from "./bands.ts";
import type { TrainerConfig } from "./config.ts";
import { type Denoiser, denoiser } from "./denoiser.ts";
import type { SafetensorsEntry } from "./safetensors.ts";
import { type ScaledDenoiser, scaledDenoiser } from "./scaled-denoiser.ts";

/** Names of the band statistics in the weights file. */
const meanName = "bands.mean";
const deviationName = "bands.deviation";

/** A network with all that trains and runs it. */
export interface Model {
  readonly network: Denoiser;
  readonly scaled: ScaledDenoiser;
  readonly optimiser: Adam;
  readonly statistics: BandStatistics;
}

/** Builds an untrained model for pictures of `transform` with these statistics. */
export function untrainedModel(
  transform: BandTransform,
  width: number,
  seed: number,
  statistics: BandStatistics,
): Model {
  const network = denoiser({ bands: transform.bands, grid: transform.grid, width }, seed);
  return {
    network,
    scaled: scaledDenoiser(network, statistics),
    optimiser: adam(network.heap, network.parameters),
    statistics,
  };
}

/** The delivered tensors: averaged weights and the statistics that scale their inputs. */
export function weightTensors({ optimiser, statistics }: Model): Map<string, SafetensorsEntry> {
  const tensors = new Map<string, SafetensorsEntry>();
  for (const { parameter, average } of optimiser.states) {
    tensors.set(parameter.name, { shape: parameter.shape, data: average.data });
  }
  tensors.set(meanName, { shape: [statistics.mean.length], data: statistics.mean });
  tensors.set(deviationName, { shape: [statistics.deviation.length], data: statistics.deviation });
  return tensors;
}

/** What only a resumed run needs: the weights as trained and both moments of Adam. */
export function optimiserTensors({ optimiser }: Model): Map<string, SafetensorsEntry> {
  const tensors = new Map<string, SafetensorsEntry>();
  for (const { parameter, first, second } of optimiser.states) {
    const { name, shape, value } = parameter;
    tensors.set(`${name}.trained`, { shape, data: value.data });
    tensors.set(`${name}.first_moment`, { shape, data: first.data });
    tensors.set(`${name}.second_moment`, { shape, data: second.data });
  }
  return tensors;
}

/** The statistics of a weights file; undefined when it has none of that size. */
export function statisticsOf(
  tensors: ReadonlyMap<string, SafetensorsEntry>,
  bands: number,
): BandStatistics | undefined {
  const [mean, deviation] = [tensors.get(meanName)?.data, tensors.get(deviationName)?.data];
  return mean?.length === bands && deviation?.length === bands ? { mean, deviation } : undefined;
}

/** Fills the averaged weights, and the trained ones where `optimiser` tensors are given or equal to them else. */
export function fillModel(
  model: Model,
  weights: ReadonlyMap<string, SafetensorsEntry>,
  optimiser?: ReadonlyMap<string, SafetensorsEntry>,
): void {
  for (const { parameter, first, second, average } of model.optimiser.states) {
    const { name } = parameter;
    copy(weights, name, average.data);
    if (optimiser === undefined) {
      parameter.value.data.set(average.data);
    } else {
      copy(optimiser, `${name}.trained`, parameter.value.data);
      copy(optimiser, `${name}.first_moment`, first.data);
      copy(optimiser, `${name}.second_moment`, second.data);
    }
  }
}

/** Fingerprint of the settings that decide the training curve; secrets, paths and addresses are not in it. */
export function configHash(config: TrainerConfig): string {
  const { maxTrainSteps, epochs, learningRate, schedule, warmupSteps, batchSize, resolution, width, seed } =
    config;
  const deciding = [
    maxTrainSteps,
    epochs,
    learningRate,
    schedule,
    warmupSteps,
    batchSize,
    resolution,
    width,
    seed,
  ];
  return createHash("sha256").update(JSON.stringify(deciding)).digest("hex").slice(0, 16);
}

function copy(tensors: ReadonlyMap<string, SafetensorsEntry>, name: string, target: Float32Array): void {
  const data = tensors.get(name)?.data;
  if (data === undefined) throw new Error(`lacks "${name}"`);
  if (data.length !== target.length)
    throw new Error(`holds ${data.length} numbers in "${name}", not ${target.length}`);
  target.set(data);
}
