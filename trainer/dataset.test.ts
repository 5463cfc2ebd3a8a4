import assert from "node:assert/strict";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import sharp from "sharp";
import { bandTransform } from "./bands.ts";
import type { ImageBackend } from "./data-backends.ts";
import { openDataset } from "./dataset.ts";
import { seededRandom } from "./random.ts";
import { copySamples, memoryLog, testFolder } from "./test-run.ts";
import { captionRows } from "./words.ts";

const transform = bandTransform(32);

function backend(directory: string, changes: Partial<ImageBackend> = {}): ImageBackend {
  return { id: "coast", directory, captionStrategy: "textfile", instancePrompt: "", ...changes };
}

test("a missing folder, an empty one and one of broken images end with one sentence", async () => {
  const folder = await testFolder();
  const open = (directory: string): Promise<unknown> =>
    openDataset([backend(directory)], transform, memoryLog());
  await assert.rejects(open(join(folder, "none")), {
    message: /dataset "coast": the folder .* does not exist/,
    exitCode: 2,
  });
  await assert.rejects(open(folder), { message: /holds no png, jpg or webp image/, exitCode: 2 });
  await writeFile(join(folder, "a.png"), "no image");
  await writeFile(join(folder, "b.jpg"), "");
  await assert.rejects(open(folder), { message: /none of its 2 images can be decoded/, exitCode: 2 });
});

test("a broken image is reported by its relative name and skipped; hidden files and links are not read", async () => {
  const folder = await testFolder();
  const images = await copySamples(folder, 0, 3);
  await mkdir(join(images, "sub"));
  await writeFile(join(images, "sub", "torn.webp"), "RIFF....WEBP");
  await writeFile(join(images, ".hidden.png"), "x");
  await symlink("/etc/hostname", join(images, "link.png"));
  const log = memoryLog();
  const dataset = await openDataset([backend(images)], transform, log);
  assert.equal(dataset.count, 3);
  assert.equal(log.lines.length, 1);
  assert.match(log.lines[0]!, /^WARN Skipping sub\/torn\.webp of dataset "coast"/);
});

test("images beyond the cache are read again when drawn, and one that broke meanwhile is replaced", async () => {
  const folder = await testFolder();
  const images = await copySamples(folder, 0, 3);
  const log = memoryLog();
  const room = 2 * 3 * 32 * 32 * 4;
  const dataset = await openDataset([backend(images)], transform, log, room);
  assert.equal(dataset.count, 3);
  const third = await dataset.load(2);
  assert.notDeepEqual(third.picture, (await dataset.load(0)).picture);
  assert.deepEqual((await dataset.load(2)).picture, third.picture);
  await writeFile(join(images, "coast-03.jpg"), "gone");
  assert.deepEqual(await dataset.load(2), await dataset.load(0));
  await dataset.load(2);
  assert.equal(log.lines.filter((line) => line.includes("coast-03.jpg")).length, 1);
});

test("captions come from the text file, the file name or the one prompt", async () => {
  const folder = await testFolder();
  const images = await copySamples(folder, 0, 1);
  const caption = async (changes: Partial<ImageBackend>): Promise<string> =>
    (await (await openDataset([backend(images, changes)], transform, memoryLog())).load(0)).caption;
  assert.equal(await caption({}), "a lighthouse on a green headland at dawn, pink sky, calm sea");
  assert.equal(await caption({ captionStrategy: "filename" }), "coast 01");
  assert.equal(await caption({ captionStrategy: "instanceprompt", instancePrompt: "sks" }), "sks");
  assert.equal(await caption({ captionStrategy: "none" }), "");
  assert.deepEqual(captionRows("A  Lighthouse"), captionRows("a lighthouse!"));
  assert.notDeepEqual(captionRows("dawn"), captionRows("dusk"));
});

test("grey, transparent and tall images become centred colour squares", async () => {
  const folder = await testFolder();
  const grey = sharp({ create: { width: 20, height: 60, channels: 3, background: "#808080" } });
  await grey.clone().greyscale().png().toFile(join(folder, "a.png"));
  await grey.clone().ensureAlpha(0).webp({ lossless: true }).toFile(join(folder, "b.webp"));
  const dataset = await openDataset([backend(folder)], transform, memoryLog());
  const opaque = transform.fromBands((await dataset.load(0)).picture);
  const clear = transform.fromBands((await dataset.load(1)).picture);
  assert.ok(opaque.every((value) => Math.abs(value) < 0.02));
  assert.ok(clear.every((value) => Math.abs(value - 1) < 0.02));
});

test("the band transform keeps lengths and inverts exactly at every resolution", () => {
  for (const resolution of [16, 32, 48, 64]) {
    const { bands, toBands, fromBands } = bandTransform(resolution);
    const image = new Float32Array(3 * resolution * resolution);
    seededRandom(resolution).fillGaussian(image);
    const there = toBands(image);
    const energy = (numbers: Float32Array): number => numbers.reduce((sum, value) => sum + value * value, 0);
    assert.equal(bands * 256, image.length);
    assert.ok(Math.abs(energy(there) / energy(image) - 1) < 1e-5);
    assert.ok(fromBands(there).every((value, i) => Math.abs(value - image[i]!) < 1e-5));
  }
});
