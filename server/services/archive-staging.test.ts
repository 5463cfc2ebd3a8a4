import assert from "node:assert/strict";
import { mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { openLocalStorage } from "../adapters/storage/local/local-storage.ts";
import type { ObjectStorage } from "../adapters/storage/storage.ts";
import { archiveStaging, stagingBucket } from "./archive-staging.ts";

const never = new AbortController().signal;
const partBytes = 16 << 20;

let folder: string;
let storage: ObjectStorage;
let archivePath: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "staging "));
  storage = await openLocalStorage({ root: join(folder, "storage"), keepFreeBytes: 0 });
  archivePath = join(folder, "data.zip");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function staging(over: ObjectStorage = storage) {
  const share = { endpointUrl: "https://host/storage", accessKeyId: "K", secretAccessKey: "S" };
  return archiveStaging({
    storage: over,
    place: async () => "server",
    share: async () => share,
    presign: ({ endpointUrl }, bucket, key, seconds) => `${endpointUrl}/${bucket}/${key}?${seconds}`,
  });
}

async function staged(): Promise<Buffer> {
  const object = await storage.getObject(stagingBucket, "j1/datasets.zip");
  const pieces: Buffer[] = [];
  await object?.read({ start: 0, end: object.info.sizeBytes }, async (chunk) => {
    pieces.push(Buffer.from(chunk));
  });
  await object?.close();
  return Buffer.concat(pieces);
}

/** Breaks off when the given part is put. */
function breakingAt(part: number): ObjectStorage {
  return {
    ...storage,
    putPart: async (input) => {
      if (input.partNumber === part) throw new Error("cut");
      return storage.putPart(input);
    },
  };
}

const put = (over?: ObjectStorage) =>
  staging(over).put({ jobId: "j1", archivePath, onProgress: () => undefined, signal: never });

test("an upload that was cut goes on with the parts that are there; the whole archive arrives once", async () => {
  const bytes = Buffer.alloc(2 * partBytes + 5, "a");
  await writeFile(archivePath, bytes);
  await assert.rejects(put(breakingAt(2)), /cut/);
  let parts = 0;
  const counting = { ...storage, putPart: (input: never) => (parts++, storage.putPart(input)) };
  assert.equal(await put(counting), "https://host/storage/datasets/j1/datasets.zip?604800");
  assert.equal(parts, 2);
  assert.ok((await staged()).equals(bytes));
  await put(counting);
  assert.equal(parts, 2);
});

test("parts of an archive that was packed anew are not mixed with those of the first", async () => {
  await writeFile(archivePath, Buffer.alloc(partBytes + 5, "a"));
  await assert.rejects(put(breakingAt(2)), /cut/);
  const other = Buffer.alloc(partBytes + 5, "b");
  await writeFile(archivePath, other);
  await utimes(archivePath, new Date(), new Date(Date.now() + 5_000));
  await put();
  assert.ok((await staged()).equals(other));
  assert.deepEqual(await storage.listUploads(stagingBucket, "j1/"), []);
});

test("removing takes the archive and what was begun of it; where nothing is, it does nothing", async () => {
  await staging().remove("j1");
  await writeFile(archivePath, Buffer.alloc(partBytes + 5, "a"));
  await assert.rejects(put(breakingAt(2)), /cut/);
  await staging().remove("j1");
  assert.deepEqual(await storage.listUploads(stagingBucket, ""), []);
  await put();
  await staging().remove("j1");
  assert.equal(await storage.headObject(stagingBucket, "j1/datasets.zip"), null);
});
