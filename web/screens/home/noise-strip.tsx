import { useEffect, useRef } from "preact/hooks";
import { t } from "./words.ts";

const columns = 44;
const rows = 44;
const frames = 6;
const gap = 2;

type Rgb = readonly [number, number, number];

const mix = (one: Rgb, other: Rgb, share: number): Rgb => [
  one[0] + (other[0] - one[0]) * share,
  one[1] + (other[1] - one[1]) * share,
  one[2] + (other[2] - one[2]) * share,
];

/** A coast at dusk: sky, sun, hills, sea. */
function scene(x: number, y: number): Rgb {
  const across = x / columns;
  const down = y / rows;
  const sun = Math.hypot(across - 0.66, down - 0.4);
  const hill = 0.58 - 0.16 * Math.exp(-(((across - 0.22) / 0.2) ** 2)) - 0.05 * Math.sin(across * 9);
  if (down > 0.72) {
    const glint = Math.abs(across - 0.66) < 0.05 + (down - 0.72) * 0.4 && Math.sin(y * 2.3 + x) > -0.2;
    return glint ? [255, 208, 150] : mix([44, 82, 150], [20, 36, 92], (down - 0.72) * 3.5);
  }
  if (down > hill + 0.08) return mix([36, 66, 84], [16, 34, 60], (down - hill) * 3);
  if (down > hill) return [58, 92, 110];
  if (sun < 0.15) return mix([255, 244, 214], [255, 196, 110], sun / 0.15);
  return mix(mix([62, 84, 190], [255, 158, 108], down * 1.5), [255, 190, 120], Math.max(0, 0.42 - sun));
}

/** The same noise on every visit: a small generator with a fixed seed (mulberry32). */
function seededNoise(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function tinted(grey: number, tint: number): number {
  return 255 * (grey * 0.62 + tint * 0.38);
}

function draw(canvas: HTMLCanvasElement): void {
  const context = canvas.getContext("2d");
  if (!context) return;
  for (let frame = 0; frame < frames; frame += 1) {
    const clear = (frame / (frames - 1)) ** 1.4;
    const random = seededNoise(7);
    const pixels = context.createImageData(columns, rows);
    for (let place = 0; place < columns * rows; place += 1) {
      // Grey noise with a little colour: pure colour noise shouts on a quiet page.
      const grey = (random() + random() + random()) / 3;
      const noise: Rgb = [tinted(grey, random()), tinted(grey, random()), tinted(grey, random())];
      const colour = mix(noise, scene(place % columns, Math.floor(place / columns)), clear);
      pixels.data.set([...colour, 255], place * 4);
    }
    context.putImageData(pixels, frame * (columns + gap), 0);
  }
}

/** Six small pictures from pure noise to a coast, as a diffusion model makes one. */
export function NoiseStrip() {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    if (canvas.current) draw(canvas.current);
  }, []);
  return (
    <canvas
      ref={canvas}
      class="noise-strip"
      role="img"
      aria-label={t("strip")}
      width={frames * columns + (frames - 1) * gap}
      height={rows}
    />
  );
}
