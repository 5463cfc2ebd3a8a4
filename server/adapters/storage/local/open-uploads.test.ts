import assert from "node:assert/strict";
import { it } from "node:test";
import type { UploadInfo } from "../storage.ts";
import { openUploads } from "./open-uploads.ts";

const upload = (uploadId: string): UploadInfo => ({
  uploadId,
  bucket: "outputs",
  key: "k",
  createdMs: 0,
  headers: {},
  userMetadata: {},
  checksumAlgorithm: null,
  checksumType: "FULL_OBJECT",
});

it("reads an upload once, and one that is over once", async () => {
  const reads: string[] = [];
  const uploads = openUploads(async (uploadId) => {
    reads.push(uploadId);
    return uploadId === "open" ? upload(uploadId) : null;
  });
  for (let times = 0; times < 3; times++) {
    assert.equal((await uploads.find("open"))?.uploadId, "open");
    assert.equal(await uploads.find("over"), null);
  }
  assert.deepEqual(reads, ["open", "over"]);
  uploads.opened(upload("over"));
  assert.equal((await uploads.find("over"))?.uploadId, "over");
});

it("does not bring back one that ended while it was read", async () => {
  let isOpen = true;
  let goOn = (): void => undefined;
  const uploads = openUploads(async (uploadId) => {
    const found = isOpen ? upload(uploadId) : null;
    await new Promise<void>((resolve) => (goOn = resolve));
    return found;
  });
  const early = uploads.find("a");
  isOpen = false;
  uploads.ended("a");
  goOn();
  assert.notEqual(await early, null);
  const late = uploads.find("a");
  goOn();
  assert.equal(await late, null);
});

it("forgets the oldest of very many", async () => {
  let reads = 0;
  const uploads = openUploads(async (uploadId) => {
    reads++;
    return upload(uploadId);
  });
  for (let index = 0; index < 2_001; index++) await uploads.find(String(index));
  await uploads.find("2000");
  assert.equal(reads, 2_001);
  await uploads.find("0");
  assert.equal(reads, 2_002);
});
