/**
 * Paints the sample data set of this repository: small coast pictures and their captions. Run it by hand
 * (`node scripts/make-samples.ts [folder]`); its output is kept in `samples/`. Equal seeds paint equal scenes.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { moods, type Mood } from "./sample-moods.ts";

const pictures = 36;
const sidePixels = 256;
/** Scenes are drawn on a canvas of twice the final side and scaled down, so that edges are smooth. */
const canvas = 512;
/** Drawn around the canvas and cut off, because the brush filter tears the outermost pixels. */
const margin = 16;

type Random = () => number;
const subjects = ["lighthouse", "sailing boat", "cottage"] as const;

/** mulberry32: small, and equal on every machine. */
function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

const between = (random: Random, low: number, high: number): number => low + (high - low) * random();
const round = (value: number): string => value.toFixed(1);

interface Scene {
  mood: Mood;
  subject: (typeof subjects)[number];
  random: Random;
  /** Height of the waterline in canvas pixels. */
  horizon: number;
  /** Where the sun or moon stands. */
  lightX: number;
  lightY: number;
  /** True when the near land rises on the right. */
  landOnRight: boolean;
}

/** A smooth ridge from left to right, closed along the bottom edge. */
function ridge(
  random: Random,
  base: number,
  height: number,
  bumps: number,
  profile: (at: number) => number,
): string {
  const phases = Array.from({ length: bumps }, () => between(random, 0, Math.PI * 2));
  const points: string[] = [];
  for (let x = -20; x <= canvas + 20; x += 8) {
    const at = x / canvas;
    const wave = phases.reduce((sum, phase, i) => sum + Math.sin(at * (i + 1) * 4.3 + phase) / (i + 1), 0);
    points.push(`${x},${round(base - height * profile(at) * (0.75 + wave * 0.22))}`);
  }
  return `<polygon points="-20,${canvas + 20} ${points.join(" ")} ${canvas + 20},${canvas + 20}"`;
}

function sky({ mood, horizon, lightX, lightY }: Scene): string {
  const stops = mood.sky.map(
    (color, i) => `<stop offset="${i / (mood.sky.length - 1)}" stop-color="${color}"/>`,
  );
  const radius = mood.moon ? 17 : 26;
  return `
    <linearGradient id="sky" x2="0" y2="1">${stops.join("")}</linearGradient>
    <radialGradient id="glow"><stop offset="0" stop-color="${mood.light}" stop-opacity="${mood.glow}"/>
      <stop offset="0.35" stop-color="${mood.light}" stop-opacity="${mood.glow * 0.42}"/>
      <stop offset="1" stop-color="${mood.light}" stop-opacity="0"/></radialGradient>
    <rect width="${canvas}" height="${round(horizon + 2)}" fill="url(#sky)"/>
    <circle cx="${round(lightX)}" cy="${round(lightY)}" r="230" fill="url(#glow)"/>
    ${mood.disc ? `<circle cx="${round(lightX)}" cy="${round(lightY)}" r="${radius}" fill="${mood.disc}" filter="url(#soft)"/>` : ""}`;
}

function stars({ mood, random, horizon }: Scene): string {
  if (!mood.moon) return "";
  return Array.from({ length: 46 }, () => {
    const size = round(between(random, 0.8, 2.1));
    return `<circle cx="${round(random() * canvas)}" cy="${round(random() * horizon * 0.8)}" r="${size}" fill="#fff" opacity="${round(between(random, 0.4, 0.9))}"/>`;
  }).join("");
}

/** Banks of puffs: a shaded underside, then the lit top shifted towards the light. */
function clouds({ mood, random, horizon, lightX }: Scene): string {
  return Array.from({ length: mood.clouds }, () => {
    const x = between(random, -30, canvas + 30);
    const y = between(random, 40, horizon * 0.72);
    const width = between(random, 70, 170) * (0.5 + y / horizon);
    const lean = lightX > x ? 7 : -7;
    const puffs = Array.from({ length: 7 }, () => ({
      x: x + between(random, -width, width) * 0.62,
      y: y + between(random, -10, 6),
      rx: between(random, width * 0.22, width * 0.42),
      ry: between(random, 7, 19),
    }));
    const draw = (color: string, dx: number, dy: number, scale: number): string =>
      puffs
        .map(
          (p) =>
            `<ellipse cx="${round(p.x + dx)}" cy="${round(p.y + dy)}" rx="${round(p.rx * scale)}" ry="${round(p.ry * scale)}" fill="${color}"/>`,
        )
        .join("");
    return `<g filter="url(#cloud)" opacity="${round(between(random, 0.65, 0.95))}">${draw(mood.cloudShade, 0, 6, 1)}${draw(mood.cloudLight, lean, -3, 0.82)}</g>`;
  }).join("");
}

function sea({ mood, random, horizon, lightX }: Scene): string {
  const depth = canvas - horizon;
  const strokes = Array.from({ length: 120 }, () => {
    const near = random() ** 1.4;
    const y = horizon + 3 + near * depth;
    const length = 8 + near * between(random, 20, 70);
    const color = random() < 0.5 ? mood.seaLight : mood.seaDark;
    return `<rect x="${round(random() * canvas - length / 2)}" y="${round(y)}" width="${round(length)}" height="${round(1 + near * 4.5)}" rx="2" fill="${color}" opacity="${round(between(random, 0.2, 0.55))}"/>`;
  });
  const glitter = Array.from({ length: 90 }, () => {
    const near = random();
    const spread = 12 + near * 46;
    const x = lightX + between(random, -spread, spread) * random();
    const length = 6 + near * between(random, 8, 34);
    return `<rect x="${round(x - length / 2)}" y="${round(horizon + 2 + near * depth)}" width="${round(length)}" height="${round(1.4 + near * 3.2)}" rx="1.5" fill="${mood.light}" opacity="${round(between(random, 0.3, 0.9) * mood.glow)}"/>`;
  });
  return `
    <linearGradient id="sea" x2="0" y2="1"><stop offset="0" stop-color="${mood.sea[0]}"/><stop offset="1" stop-color="${mood.sea[1]}"/></linearGradient>
    <rect y="${round(horizon)}" width="${canvas}" height="${round(depth)}" fill="url(#sea)"/>
    ${strokes.join("")}${glitter.join("")}`;
}

function farHills({ mood, random, horizon, landOnRight }: Scene): string {
  const layers = mood.far.map((color, i) => {
    const height = between(random, 34, 72) * (1 - i * 0.25);
    const shape = ridge(random, horizon + 1, height, 4, (at) => {
      const side = landOnRight ? 1 - at : at;
      return Math.max(0, 1.15 - side * (1.05 + i * 0.4));
    });
    // The closed shape reaches down to the bottom edge; only its part above the waterline is seen.
    return `<g clip-path="url(#above)">${shape} fill="${color}"/></g>`;
  });
  return `<clipPath id="above"><rect width="${canvas}" height="${round(horizon + 1)}"/></clipPath>${layers.join("")}`;
}

/** The near headland: rock, a lit rim, grass and flowers. Returns its drawing and its height at `x`. */
function headland(scene: Scene): { drawing: string; heightAt: (x: number) => number } {
  const { mood, random, landOnRight, horizon } = scene;
  const top = horizon - between(random, 18, 60);
  const reach = between(random, 0.5, 0.72);
  const wobble = between(random, 0, 6);
  const heightAt = (x: number): number => {
    const at = (landOnRight ? canvas - x : x) / canvas / reach;
    const fall = 1 / (1 + Math.exp((at - 0.78) * 11));
    return canvas + 30 - (canvas + 30 - top) * fall - Math.sin(x / 31 + wobble) * 5;
  };
  const points: string[] = [];
  for (let x = -20; x <= canvas + 20; x += 6) points.push(`${x},${round(heightAt(x))}`);
  const outline = points.join(" ");
  const meadow = Array.from({ length: 70 }, () => {
    const x = random() * canvas;
    const y = heightAt(x) + 14 + random() * 230;
    const color = random() < 0.5 ? mood.grassLight : mood.grassDark;
    return `<ellipse cx="${round(x)}" cy="${round(y)}" rx="${round(between(random, 14, 46))}" ry="${round(between(random, 4, 11))}" fill="${color}" opacity="${round(between(random, 0.1, 0.34))}" filter="url(#soft)"/>`;
  });
  // Bare rock where the ground falls to the sea: slabs along the outline, lit from above.
  const cliff = Array.from({ length: 230 }, () => {
    const x = random() * canvas;
    const y = heightAt(x) + between(random, 4, 44);
    const steep = Math.abs(heightAt(x + 6) - heightAt(x - 6)) > 15;
    if (!steep || y < horizon + 8) return "";
    const [w, h] = [between(random, 9, 26), between(random, 10, 30)];
    const slab = `M${round(x)} ${round(y)} l${round(w)} ${round(-h * 0.3)} l${round(w * 0.5)} ${round(h * 0.8)} l${round(-w * 0.9)} ${round(h * 0.5)} Z`;
    return `<path d="${slab}" fill="${mood.rock}" opacity="0.9"/><path d="M${round(x)} ${round(y)} l${round(w)} ${round(-h * 0.3)}" stroke="${mood.rim}" stroke-width="2" opacity="0.5"/>`;
  });
  const blades = Array.from({ length: 260 }, () => {
    const x = random() * canvas;
    const y = heightAt(x) + 4 + random() ** 1.5 * 190;
    const tall = between(random, 5, 15);
    const flower = random() < mood.flowers && y > horizon;
    return flower
      ? `<circle cx="${round(x)}" cy="${round(y)}" r="${round(between(random, 1.8, 4))}" fill="${mood.flower}"/>`
      : `<path d="M${round(x)} ${round(y)} q${round(between(random, -4, 4))} ${round(-tall / 2)} ${round(between(random, -7, 7))} ${round(-tall)}" stroke="${random() < 0.5 ? mood.grassLight : mood.grassDark}" stroke-width="2.4" fill="none" opacity="0.8"/>`;
  });
  const drawing = `
    <linearGradient id="land" x2="0" y2="1"><stop offset="0" stop-color="${mood.grassLight}"/>
      <stop offset="0.35" stop-color="${mood.grass}"/><stop offset="1" stop-color="${mood.grassDark}"/></linearGradient>
    <polygon points="-20,${canvas + 20} ${outline} ${canvas + 20},${canvas + 20}" fill="${mood.rock}" transform="translate(${landOnRight ? -7 : 7} 9)"/>
    <clipPath id="ground"><polygon points="-20,${canvas + 20} ${outline} ${canvas + 20},${canvas + 20}"/></clipPath>
    <linearGradient id="slope" x1="${landOnRight ? 0 : 1}" x2="${landOnRight ? 1 : 0}"><stop offset="0.2" stop-color="${mood.rim}" stop-opacity="0.42"/>
      <stop offset="0.55" stop-color="${mood.rim}" stop-opacity="0"/><stop offset="1" stop-color="${mood.grassDark}" stop-opacity="0.6"/></linearGradient>
    <g clip-path="url(#ground)"><rect width="${canvas}" height="${canvas}" y="${round(top)}" fill="url(#land)"/>
      <rect width="${canvas}" height="${canvas}" y="${round(top)}" fill="url(#slope)"/>${meadow.join("")}${cliff.join("")}${blades.join("")}</g>
    <polyline points="${outline}" fill="none" stroke="${mood.rim}" stroke-width="3" opacity="0.65"/>`;
  return { drawing, heightAt };
}

function lighthouse(scene: Scene, x: number, ground: number): string {
  const { mood, random, lightX } = scene;
  const tall = between(random, 128, 168);
  const wide = tall * 0.21;
  const bands = random() < 0.6;
  const top = ground - tall;
  const half = (at: number): number => (wide / 2) * (1 - 0.38 * at);
  const band = (from: number, to: number, color: string): string =>
    `<polygon points="${round(x - half(from))},${round(ground - tall * from)} ${round(x + half(from))},${round(ground - tall * from)} ${round(x + half(to))},${round(ground - tall * to)} ${round(x - half(to))},${round(ground - tall * to)}" fill="${color}"/>`;
  const stripes = bands ? [0.12, 0.44, 0.76].map((at) => band(at, at + 0.16, mood.red)).join("") : "";
  const shadeLeft = lightX > x ? 1 : 0;
  const lamp = half(1) * 0.72;
  const beam = mood.beam
    ? `<polygon points="${round(x)},${round(top - 12)} ${scene.landOnRight ? -20 : canvas + 20},${round(top - 74)} ${scene.landOnRight ? -20 : canvas + 20},${round(top + 22)}" fill="#fff3c4" opacity="0.3" filter="url(#soft)"/>`
    : "";
  return `
    <linearGradient id="round" x1="${shadeLeft}" x2="${1 - shadeLeft}"><stop offset="0.2" stop-color="#fff" stop-opacity="0.12"/><stop offset="1" stop-color="#0b1030" stop-opacity="0.5"/></linearGradient>
    ${beam}${band(-0.06, 1, mood.white)}${stripes}${band(-0.06, 1, "url(#round)")}
    <rect x="${round(x - half(1) - 5)}" y="${round(top - 4)}" width="${round(half(1) * 2 + 10)}" height="6" fill="${mood.roof}"/>
    <rect x="${round(x - lamp)}" y="${round(top - 22)}" width="${round(lamp * 2)}" height="18" fill="${mood.window}"/>
    <circle cx="${round(x)}" cy="${round(top - 13)}" r="${mood.beam ? 13 : 6}" fill="#fff6cf" opacity="0.9" filter="url(#soft)"/>
    <polygon points="${round(x - lamp - 4)},${round(top - 21)} ${round(x)},${round(top - 40)} ${round(x + lamp + 4)},${round(top - 21)}" fill="${mood.red}"/>`;
}

function cottage(scene: Scene, x: number, ground: number): string {
  const { mood, random } = scene;
  const wide = between(random, 92, 120);
  const tall = wide * 0.44;
  const left = x - wide / 2;
  const top = ground - tall + 8;
  const pane = (at: number): string =>
    `<rect x="${round(left + wide * at)}" y="${round(top + tall * 0.3)}" width="${round(wide * 0.15)}" height="${round(tall * 0.34)}" fill="${mood.window}"/>`;
  return `
    <rect x="${round(left + wide * 0.7)}" y="${round(top - tall * 0.85)}" width="${round(wide * 0.1)}" height="${round(tall * 0.6)}" fill="${mood.roof}"/>
    <rect x="${round(left)}" y="${round(top)}" width="${round(wide)}" height="${round(tall + 14)}" fill="${mood.white}"/>
    <rect x="${round(left + wide * 0.6)}" y="${round(top)}" width="${round(wide * 0.4)}" height="${round(tall + 14)}" fill="#0b1030" opacity="0.22"/>
    <polygon points="${round(left - 9)},${round(top + 3)} ${round(left + wide * 0.16)},${round(top - tall * 0.74)} ${round(left + wide * 0.84)},${round(top - tall * 0.74)} ${round(left + wide + 9)},${round(top + 3)}" fill="${mood.red}"/>
    ${pane(0.13)}${pane(0.67)}
    <rect x="${round(left + wide * 0.42)}" y="${round(top + tall * 0.34)}" width="${round(wide * 0.14)}" height="${round(tall * 0.78)}" fill="${mood.roof}"/>`;
}

function sailingBoat({ mood, random }: Scene, x: number, y: number, size: number): string {
  const sail = random() < 0.5 ? mood.white : mood.red;
  const path = (d: string, fill: string, opacity = 1): string =>
    `<path d="${d}" fill="${fill}" opacity="${opacity}"/>`;
  const at = (dx: number, dy: number): string => `${round(x + dx * size)} ${round(y + dy * size)}`;
  return [
    path(`M${at(-0.5, 0.06)} L${at(0.5, 0.06)} L${at(0.1, 0.62)} L${at(-0.12, 0.5)} Z`, sail, 0.22),
    path(
      `M${at(0.02, -1.18)} L${at(0.02, -0.13)} L${at(0.56, -0.13)} Q${at(0.36, -0.7)} ${at(0.02, -1.18)} Z`,
      sail,
    ),
    path(
      `M${at(-0.05, -1)} L${at(-0.05, -0.13)} L${at(-0.46, -0.13)} Q${at(-0.18, -0.5)} ${at(-0.05, -1)} Z`,
      mood.white,
    ),
    path(
      `M${at(-0.62, -0.08)} L${at(0.66, -0.08)} Q${at(0.5, 0.14)} ${at(0.36, 0.14)} L${at(-0.4, 0.14)} Q${at(-0.56, 0.1)} ${at(-0.62, -0.08)} Z`,
      mood.roof,
    ),
  ].join("");
}

function birds({ mood, random, horizon }: Scene): string {
  if (mood.moon) return "";
  return Array.from({ length: Math.floor(between(random, 0, 6)) }, () => {
    const [x, y, s] = [between(random, 60, 450), between(random, 50, horizon * 0.6), between(random, 5, 10)];
    return `<path d="M${round(x - s)} ${round(y)} q${round(s / 2)} ${round(-s * 0.7)} ${round(s)} 0 q${round(s / 2)} ${round(-s * 0.7)} ${round(s)} 0" stroke="${mood.roof}" stroke-width="2.2" fill="none"/>`;
  }).join("");
}

/** The whole scene as SVG; the outer filter bends edges a little, as a brush does. */
function paint(scene: Scene, seed: number): string {
  const { random, landOnRight, horizon, subject } = scene;
  const boat = subject === "sailing boat";
  const land = headland(scene);
  const placeX = (landOnRight ? 1 : -1) * between(random, 128, 176) + canvas / 2;
  const seaX = canvas / 2 - (landOnRight ? 1 : -1) * between(random, 60, 150);
  const builtOnLand =
    subject === "lighthouse"
      ? lighthouse(scene, placeX, land.heightAt(placeX) + 8)
      : subject === "cottage"
        ? cottage(scene, placeX, land.heightAt(placeX) + 4)
        : "";
  const boats = boat
    ? sailingBoat(
        scene,
        canvas / 2 - (landOnRight ? 40 : -40),
        horizon + between(random, 52, 84),
        between(random, 84, 112),
      )
    : random() < 0.45
      ? sailingBoat(scene, seaX, horizon + between(random, 10, 22), between(random, 24, 36))
      : "";
  const drawn = canvas + 2 * margin;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${drawn}" height="${drawn}" viewBox="${-margin} ${-margin} ${drawn} ${drawn}">
    <filter id="soft"><feGaussianBlur stdDeviation="2.2"/></filter>
    <filter id="cloud" x="-50%" y="-50%" width="200%" height="200%"><feGaussianBlur stdDeviation="5"/></filter>
    <filter id="brush" x="0" y="0" width="100%" height="100%"><feTurbulence type="fractalNoise" baseFrequency="0.035" numOctaves="3" seed="${seed}"/>
      <feDisplacementMap in="SourceGraphic" scale="11" xChannelSelector="R" yChannelSelector="G"/></filter>
    <filter id="strokes" x="0" y="0" width="100%" height="100%"><feTurbulence type="fractalNoise" baseFrequency="0.02 0.11" numOctaves="3" seed="${seed + 90}"/>
      <feColorMatrix values="0 0 0 0 0.5  0 0 0 0 0.5  0 0 0 0 0.5  3.2 0 0 0 -1.3"/></filter>
    <g filter="url(#brush)"><g transform="translate(${-margin} ${-margin}) scale(${drawn / canvas})">
      ${sky(scene)}${stars(scene)}${clouds(scene)}${birds(scene)}${sea(scene)}${farHills(scene)}
      ${boat ? "" : boats}${builtOnLand}${land.drawing}${boat ? boats : ""}
    </g></g>
    <rect width="${canvas}" height="${canvas}" filter="url(#strokes)" opacity="0.55" style="mix-blend-mode:soft-light"/></svg>`;
}

/** Adds film grain, then encodes; the grain keeps flat areas from being a clean synthetic gradient. */
async function encode(svg: string, random: Random): Promise<Buffer> {
  const { data, info } = await sharp(Buffer.from(svg))
    .extract({ left: margin, top: margin, width: canvas, height: canvas })
    .resize(sidePixels, sidePixels)
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  for (let at = 0; at < data.length; at += 3) {
    const grain = (random() + random() + random() - 1.5) * 9;
    for (let channel = 0; channel < 3; channel++) {
      data[at + channel] = Math.max(0, Math.min(255, Math.round((data[at + channel] ?? 0) + grain)));
    }
  }
  return sharp(data, { raw: { width: info.width, height: info.height, channels: 3 } })
    .jpeg({ quality: 85 })
    .toBuffer();
}

const folder = process.argv[2] ?? fileURLToPath(new URL("../samples/lighthouse-coast", import.meta.url));
await mkdir(folder, { recursive: true });
let totalBytes = 0;
for (let number = 1; number <= pictures; number++) {
  const random = seededRandom(7000 + number * 131);
  const mood = moods[(number - 1) % moods.length];
  const subject = subjects[Math.floor((number - 1) / moods.length) % subjects.length];
  if (mood === undefined || subject === undefined)
    throw new Error("the lists of moods and subjects are empty");
  const horizon = between(random, 262, 318);
  const landOnRight = random() < 0.5;
  const lightX = canvas / 2 + (landOnRight ? -1 : 1) * between(random, 20, 150);
  const lightY = horizon - between(random, mood.lightHeight[0], mood.lightHeight[1]);
  const scene: Scene = { mood, subject, random, horizon, lightX, lightY, landOnRight };
  const name = `coast-${String(number).padStart(2, "0")}`;
  const jpeg = await encode(paint(scene, number), random);
  totalBytes += jpeg.length;
  const place = subject === "sailing boat" ? "on the sea" : "on a green headland";
  await writeFile(join(folder, `${name}.jpg`), jpeg);
  await writeFile(join(folder, `${name}.txt`), `a ${subject} ${place} ${mood.caption}\n`);
}
console.log(`${pictures} pictures, ${totalBytes} bytes in ${folder}`);
