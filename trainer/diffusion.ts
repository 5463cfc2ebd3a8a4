import type { Random } from "./random.ts";
import type { ScaledDenoiser } from "./scaled-denoiser.ts";

/**
 * Denoising diffusion on pictures in band form. A noise level σ is the standard deviation of the added noise
 * (the "variance exploding" form of DDPM, Karras et al. 2022).
 */

/** Middle and spread of the training levels: ln σ follows a logistic distribution. */
const meanLogLevel = 0;
const logLevelScale = 0.8;
const quantileMargin = 0.002;

const firstLevel = 40;
/** Sampling stops here: below it a model this small adds speckle rather than detail. */
const lastLevel = 0.2;
/** Spacing of the sampling levels (ρ of Karras et al.). */
const levelCurve = 7;

/** One training example. */
export interface Example {
  /** In band form. */
  picture: Float32Array;
  captionRows: readonly number[];
  /** 0 to 1: which of the training levels, from the lowest to the highest. */
  quantile: number;
  /** Share of this example in the step's gradients, 1 / batch size. */
  share: number;
}

/**
 * Adds noise of `random` to the example, lets the model guess the picture and adds the gradients of its error.
 * Returns the loss: 1 for the best guess that treats every number alone, 0 for a perfect one.
 */
export function learn(denoiser: ScaledDenoiser, example: Example, random: Random): number {
  const { model, size, area } = denoiser;
  const { bands } = model.shape;
  const inside = quantileMargin + (1 - 2 * quantileMargin) * example.quantile;
  const level = Math.exp(meanLogLevel + logLevelScale * Math.log(inside / (1 - inside)));
  const noise = new Float32Array(size);
  random.fillGaussian(noise);
  const clean = denoiser.shifted(example.picture, -1);
  const noisy = clean.map((number, i) => number + level * (noise[i] as number));
  const answer = denoiser.answer(noisy, level, example.captionRows);
  const mixes = Array.from({ length: bands }, (_, band) => denoiser.mix(band, level));
  const weightSum = mixes.reduce((sum, { strength }) => sum + strength * strength, 0);
  const gradient = noise;
  let loss = 0;
  mixes.forEach(({ skip, strength }, band) => {
    // Errors count as they show in pixels; all weights of a picture sum to 1.
    const weight = (strength * strength) / (weightSum * area);
    for (let i = band * area; i < (band + 1) * area; i++) {
      const target = ((clean[i] as number) - skip * (noisy[i] as number)) / strength;
      const error = (answer[i] as number) - target;
      loss += weight * error * error;
      gradient[i] = 2 * weight * error * example.share;
    }
  });
  model.backward(gradient);
  return loss;
}

/** The model's guess at the clean picture behind `noisy` = picture + `level` · noise. */
export function denoise(
  denoiser: ScaledDenoiser,
  noisy: Float32Array,
  level: number,
  captionRows: readonly number[],
): Float32Array {
  const centred = denoiser.shifted(noisy, -1);
  denoiser.guess(centred, denoiser.answer(centred, level, captionRows), level, centred);
  return denoiser.shifted(centred, 1);
}

/** What to paint. */
export interface Wish {
  captionRows: readonly number[];
  /** Sampling steps, at least 2. */
  steps: number;
  /** 1 follows the caption as learnt, more exaggerates it (classifier-free guidance). */
  guidance: number;
}

/** Paints a picture from noise of `random` in deterministic (DDIM) steps. */
export function paint(denoiser: ScaledDenoiser, wish: Wish, random: Random): Float32Array {
  const { size } = denoiser;
  const { captionRows, steps, guidance } = wish;
  const current = new Float32Array(size);
  const guessed = new Float32Array(size);
  random.fillGaussian(current);
  for (let i = 0; i < size; i++) current[i] = (current[i] as number) * firstLevel;
  for (let step = 0; step < steps; step++) {
    const level = samplingLevel(step, steps);
    const next = step === steps - 1 ? 0 : samplingLevel(step + 1, steps);
    const answer = Float32Array.from(denoiser.answer(current, level, captionRows));
    if (guidance !== 1 && captionRows.length > 0) {
      const free = denoiser.answer(current, level, []);
      for (let i = 0; i < size; i++) {
        answer[i] = (free[i] as number) + guidance * ((answer[i] as number) - (free[i] as number));
      }
    }
    denoiser.guess(current, answer, level, guessed);
    for (let i = 0; i < size; i++) {
      const clean = guessed[i] as number;
      current[i] = clean + (next / level) * ((current[i] as number) - clean);
    }
  }
  return denoiser.shifted(current, 1);
}

function samplingLevel(step: number, steps: number): number {
  const at = step / Math.max(1, steps - 1);
  const [first, last] = [firstLevel ** (1 / levelCurve), lastLevel ** (1 / levelCurve)];
  return (first + at * (last - first)) ** levelCurve;
}
