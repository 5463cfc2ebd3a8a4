import { join } from "node:path";
import sharp from "sharp";
import type { BandTransform } from "./bands.ts";
import { paint, type Wish } from "./diffusion.ts";
import { writeWhole } from "./files.ts";
import { seededRandom } from "./random.ts";
import type { ScaledDenoiser } from "./scaled-denoiser.ts";

/** Samples are enlarged to at least this side, so that a person can see them. */
const shownPixels = 256;

/** Paints one picture per wish and writes `samples/step-<step>/image-<n>.png`; returns their relative paths. */
export async function writeSamples(
  outputDir: string,
  step: number,
  wishes: readonly Wish[],
  denoiser: ScaledDenoiser,
  transform: BandTransform,
  seed: number,
): Promise<string[]> {
  const written: string[] = [];
  for (const [index, wish] of wishes.entries()) {
    // The same noise at every step: the series shows how one picture comes into being.
    const bands = paint(denoiser, wish, seededRandom(seed, 3, index));
    const path = `samples/step-${step}/image-${index}.png`;
    await writeWhole(join(outputDir, path), await png(transform.fromBands(bands), transform.resolution));
    written.push(path);
  }
  return written;
}

/** Encodes three planes of -1 .. 1 as PNG, every pixel enlarged to a square. */
async function png(planes: Float32Array, resolution: number): Promise<Buffer> {
  const area = resolution * resolution;
  const pixels = Buffer.alloc(area * 3);
  for (let i = 0; i < area; i++) {
    for (let plane = 0; plane < 3; plane++) {
      const value = Math.round(((planes[plane * area + i] as number) + 1) * 127.5);
      pixels[i * 3 + plane] = Math.min(255, Math.max(0, value));
    }
  }
  const side = resolution * Math.ceil(shownPixels / resolution);
  return sharp(pixels, { raw: { width: resolution, height: resolution, channels: 3 } })
    .resize(side, side, { kernel: "nearest" })
    .png()
    .toBuffer();
}
