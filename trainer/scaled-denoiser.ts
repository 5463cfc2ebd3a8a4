import type { BandStatistics } from "./bands.ts";
import type { Denoiser } from "./denoiser.ts";

/** Weights of the noisy input and of the network's answer in the guess at one band. */
export interface BandMix {
  readonly skip: number;
  readonly strength: number;
}

/**
 * A denoiser for centred pictures of any noise level: scales every band as Karras et al. (2022) scale a whole
 * picture, so that the network sees and answers numbers of unit variance and an answer of zero is already the
 * best guess that treats every number alone.
 */
export interface ScaledDenoiser {
  readonly model: Denoiser;
  /** Numbers of one picture and of one band in it. */
  readonly size: number;
  readonly area: number;
  /** picture + sign · mean of its band, as a new array. */
  shifted(picture: Float32Array, sign: 1 | -1): Float32Array;
  mix(band: number, level: number): BandMix;
  /** The network's scaled answer for `noisy` = centred picture + `level` · noise; valid until the next call. */
  answer(noisy: Float32Array, level: number, rows: readonly number[]): Float32Array;
  /** Writes the guess at the clean centred picture that `answer` stands for. */
  guess(noisy: Float32Array, answer: Float32Array, level: number, target: Float32Array): void;
}

/** Wraps `model` for pictures with these band statistics. */
export function scaledDenoiser(model: Denoiser, { mean, deviation }: BandStatistics): ScaledDenoiser {
  const { bands, grid } = model.shape;
  const area = grid * grid;
  const size = bands * area;
  const scaled = new Float32Array(size);
  const variance = Float64Array.from(deviation, (number) => number * number);
  const mix = (band: number, level: number): BandMix => {
    const own = variance[band] as number;
    const total = own + level * level;
    return { skip: own / total, strength: level * Math.sqrt(own / total) };
  };
  return {
    model,
    size,
    area,
    mix,
    shifted: (picture, sign) =>
      picture.map((number, i) => number + sign * (mean[Math.floor(i / area)] as number)),
    answer: (noisy, level, rows) => {
      for (let band = 0; band < bands; band++) {
        const factor = 1 / Math.sqrt((variance[band] as number) + level * level);
        for (let i = band * area; i < (band + 1) * area; i++) scaled[i] = (noisy[i] as number) * factor;
      }
      return model.forward(scaled, Math.log(level) / 4, rows);
    },
    guess: (noisy, answer, level, target) => {
      for (let band = 0; band < bands; band++) {
        const { skip, strength } = mix(band, level);
        for (let i = band * area; i < (band + 1) * area; i++) {
          target[i] = skip * (noisy[i] as number) + strength * (answer[i] as number);
        }
      }
    },
  };
}
