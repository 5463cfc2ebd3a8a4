import { readdir } from "node:fs/promises";
import { join, relative } from "node:path";
import sharp from "sharp";
import { bandStatistics, type BandStatistics, type BandTransform } from "./bands.ts";
import { readCaption } from "./captions.ts";
import type { ImageBackend } from "./data-backends.ts";
import { reasonOf, systemCode, unusable } from "./failure.ts";
import type { Log } from "./log.ts";
import { captionRows } from "./words.ts";

/** One decoded picture: band form, caption and the caption's rows in the word table. */
export interface TrainingPicture {
  readonly picture: Float32Array;
  readonly caption: string;
  readonly rows: readonly number[];
}

/** The pictures of a run. Those that fit stay in memory; the others are decoded each time they are drawn. */
export interface Dataset {
  readonly ids: readonly string[];
  /** Pictures that can be drawn; stays the same for the whole run. */
  readonly count: number;
  /** Over the pictures in memory. */
  readonly statistics: BandStatistics;
  /** The picture at `index` (0 .. count - 1); a broken one is reported once and its neighbour taken. */
  load(index: number): Promise<TrainingPicture>;
}

interface Source {
  readonly backend: ImageBackend;
  readonly path: string;
}

const extensions = /\.(png|jpe?g|webp)$/i;
/** Decoded pictures beyond this are read from disk again: about 21,000 at 32 pixels. */
const defaultCacheBytes = 256 * 1024 * 1024;

/** Lists, decodes and measures the pictures of `backends`. Broken ones are reported and left out. */
export async function openDataset(
  backends: readonly ImageBackend[],
  transform: BandTransform,
  log: Log,
  cacheBytes: number = defaultCacheBytes,
): Promise<Dataset> {
  sharp.concurrency(1);
  const sources = (await Promise.all(backends.map(listImages))).flat();
  const cacheable = Math.max(1, Math.floor(cacheBytes / (transform.bands * transform.grid ** 2 * 4)));
  const cache = new Map<Source, TrainingPicture>();
  const broken = new Set<Source>();
  const decode = async (source: Source): Promise<TrainingPicture | undefined> => {
    try {
      return await readPicture(source, transform);
    } catch (error) {
      broken.add(source);
      const name = relative(source.backend.directory, source.path);
      log.warn(`Skipping ${name} of dataset "${source.backend.id}": ${reasonOf(error)}`);
      return undefined;
    }
  };

  let tried = 0;
  for (; tried < sources.length && cache.size < cacheable; tried++) {
    const source = sources[tried] as Source;
    const picture = await decode(source);
    if (picture) cache.set(source, picture);
    if (tried % 500 === 499) log.info(`Preprocessing ${tried + 1}/${sources.length} images`);
  }
  if (cache.size === 0) {
    const names = backends.map(({ id }) => `"${id}"`).join(", ");
    throw unusable(
      `dataset ${names}: none of its ${sources.length} images can be decoded. Replace the broken files.`,
    );
  }
  const usable = sources.filter((source) => !broken.has(source));
  return {
    ids: backends.map(({ id }) => id),
    count: usable.length,
    statistics: bandStatistics(
      [...cache.values()].map(({ picture }) => picture),
      transform.bands,
    ),
    load: async (index) => {
      for (let step = 0; step < usable.length; step++) {
        const source = usable[(index + step) % usable.length] as Source;
        const picture = cache.get(source) ?? (broken.has(source) ? undefined : await decode(source));
        if (picture) return picture;
      }
      throw unusable("dataset: every image became unreadable during training. Restore the files and resume.");
    },
  };
}

/** Images below the dataset's folder in the order of their paths; hidden files and links are passed over. */
async function listImages(backend: ImageBackend): Promise<Source[]> {
  const { id, directory } = backend;
  const files: string[] = [];
  const walk = async (folder: string): Promise<void> => {
    const items = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
      const missing = systemCode(error) === "ENOENT";
      const problem = missing
        ? "does not exist. Correct instance_data_dir."
        : `cannot be read (${reasonOf(error)}).`;
      throw unusable(`dataset "${id}": the folder ${folder} ${problem}`, error);
    });
    for (const item of items) {
      if (item.name.startsWith(".")) continue;
      if (item.isDirectory()) await walk(join(folder, item.name));
      else if (item.isFile() && extensions.test(item.name)) files.push(join(folder, item.name));
    }
  };
  await walk(directory);
  if (files.length === 0) {
    throw unusable(`dataset "${id}": the folder ${directory} holds no png, jpg or webp image. Add some.`);
  }
  return files.sort().map((path) => ({ backend, path }));
}

/** Decodes the middle square of an image at the transform's resolution. */
async function readPicture({ backend, path }: Source, transform: BandTransform): Promise<TrainingPicture> {
  const { resolution } = transform;
  const pixels = await sharp(path)
    .autoOrient()
    .resize(resolution, resolution, { fit: "cover", position: "centre" })
    .flatten({ background: "#ffffff" })
    .toColourspace("srgb")
    .raw()
    .toBuffer();
  const area = resolution * resolution;
  if (pixels.length !== area * 3)
    throw new Error(`has ${pixels.length / area} channels where three are needed`);
  const planes = new Float32Array(3 * area);
  for (let i = 0; i < area; i++) {
    for (let plane = 0; plane < 3; plane++)
      planes[plane * area + i] = (pixels[i * 3 + plane] as number) / 127.5 - 1;
  }
  const caption = await readCaption(backend, path);
  return { picture: transform.toBands(planes), caption, rows: captionRows(caption) };
}
