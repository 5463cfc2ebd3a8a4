import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * Packaging beside `cp -r` and `zip -0` of the same files: 2,000 images of about 512 KiB with captions, 1 GiB in all,
 * in the page cache. Runs alternate so that a noisy machine troubles all alike.
 * Usage: `node bench/packaging.ts [--images 2000] [--rounds 5] [--dir /tmp] [--only "our writer"]`; `cp -r` always runs.
 */
function option(name: string, otherwise: string): string {
  const at = process.argv.indexOf(`--${name}`);
  return (at === -1 ? undefined : process.argv[at + 1]) ?? otherwise;
}

interface Contender {
  readonly name: string;
  readonly seconds: number[];
  peakRssBytes: number;
  run(target: string): { readonly seconds: number; readonly peakRssBytes?: number };
}

const images = Number(option("images", "2000"));
const rounds = Number(option("rounds", "5"));
const workDir = await mkdtemp(join(option("dir", tmpdir()), "packaging-bench-"));
const source = join(workDir, "source");
const child = fileURLToPath(new URL("packaging-child.ts", import.meta.url));

async function makeImages(): Promise<number> {
  await mkdir(source);
  const noise = randomBytes(8 << 20);
  let total = 0;
  for (let index = 0; index < images; index += 1) {
    const name = `image_${String(index).padStart(5, "0")}`;
    const bytes = (425 << 10) + ((index * 7919) % (200 << 10));
    const picture = Buffer.from(noise.subarray((index * 4099) % (7 << 20)).subarray(0, bytes));
    picture.writeUInt32LE(index, 0);
    await writeFile(join(source, `${name}.jpg`), picture);
    await writeFile(
      join(source, `${name}.txt`),
      `a photo of a clay pot number ${index}, soft window light, 50 mm, shallow depth of field, film grain`,
    );
    total += picture.length;
  }
  return total;
}

function timed(command: string, args: readonly string[], cwd = workDir): { seconds: number } {
  const startedAt = performance.now();
  execFileSync(command, args, { cwd, stdio: "ignore" });
  return { seconds: (performance.now() - startedAt) / 1000 };
}

function ours(mode: string, target: string): { seconds: number; peakRssBytes: number } {
  const result: unknown = JSON.parse(
    execFileSync(process.execPath, [child, mode, source, target], { encoding: "utf8" }),
  );
  return result as { seconds: number; peakRssBytes: number };
}

function contender(name: string, run: Contender["run"]): Contender {
  return { name, run, seconds: [], peakRssBytes: 0 };
}

const contenders = [
  contender("cp -r", (target) => timed("cp", ["-r", source, target])),
  contender("our writer", (target) => ours("write", target)),
  contender("packDatasets, flushed to disk", (target) => ours("pack", target)),
];
if (spawnSync("zip", ["-v"], { stdio: "ignore" }).status === 0) {
  contenders.push(contender("zip -0", (target) => timed("zip", ["-0", "-r", "-q", target, "source"])));
} else console.log("skipped: zip -0 (there is no zip command on this machine)");
contenders.push(
  contender("cp -r, synced", (target) => ({
    seconds: timed("cp", ["-r", source, target]).seconds + timed("sync", ["-f", target]).seconds,
  })),
);

const only = option("only", "");
const chosen = contenders.filter(({ name }, index) => index === 0 || name.includes(only));

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

try {
  const bytes = await makeImages();
  console.log(`${images} images with captions, ${(bytes / 2 ** 30).toFixed(2)} GiB, ${rounds} rounds`);
  for (let round = 0; round < rounds; round += 1) {
    for (const one of chosen) {
      const target = join(workDir, "target.zip");
      execFileSync("sync", ["-f", workDir]);
      const { seconds, peakRssBytes = 0 } = one.run(target);
      one.seconds.push(seconds);
      one.peakRssBytes = Math.max(one.peakRssBytes, peakRssBytes);
      if ((await stat(target)).isFile() && (await stat(target)).size < bytes)
        throw new Error(`${one.name} wrote too little`);
      await rm(target, { recursive: true });
    }
  }
  const secondsOf = (name: string): number[] => chosen.find((one) => one.name === name)?.seconds ?? [];
  const row = (name: string, cells: readonly string[]): string =>
    name.padEnd(32) + cells.map((cell) => cell.padStart(10)).join("");
  console.log("× cp, × zip: speed as a multiple of theirs, by medians");
  console.log(row("", ["best s", "median s", "× cp", "× zip", "peak MiB"]));
  for (const { name, seconds, peakRssBytes } of chosen) {
    const times = (other: string): string => {
      const ratio = median(secondsOf(other)) / median(seconds);
      return Number.isNaN(ratio) ? "" : ratio.toFixed(2);
    };
    const peak = peakRssBytes === 0 ? "" : (peakRssBytes / 2 ** 20).toFixed(0);
    console.log(
      row(name, [
        Math.min(...seconds).toFixed(2),
        median(seconds).toFixed(2),
        times("cp -r"),
        times("zip -0"),
        peak,
      ]),
    );
  }
} finally {
  await rm(workDir, { recursive: true, force: true });
}
