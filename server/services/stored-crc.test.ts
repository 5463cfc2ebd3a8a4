import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { it } from "node:test";
import { crc32 } from "node:zlib";
import type { ObjectInfo } from "../adapters/storage/storage.ts";
import { storedCrc32 } from "./stored-crc.ts";

const info = (change: Partial<ObjectInfo>): ObjectInfo => ({
  bucket: "outputs",
  key: "k",
  sizeBytes: 0,
  etag: "e",
  lastModifiedMs: 0,
  headers: {},
  userMetadata: {},
  checksums: {},
  checksumType: "FULL_OBJECT",
  partRuns: [],
  ...change,
});

function digest(bytes: Uint8Array): Buffer {
  const found = Buffer.alloc(4);
  found.writeUInt32BE(crc32(bytes));
  return found;
}

it("is what was declared for the whole", () => {
  const bytes = randomBytes(100);
  assert.equal(storedCrc32(info({ checksums: { CRC32: digest(bytes).toString("base64") } })), crc32(bytes));
  assert.equal(storedCrc32(info({})), null);
  assert.equal(storedCrc32(info({ checksums: { SHA1: "x" } })), null);
});

it("is joined from that of the parts", () => {
  const parts = [randomBytes(700), randomBytes(700), randomBytes(33), Buffer.alloc(0)];
  const digests = Buffer.concat(parts.map(digest)).toString("base64");
  const parted = info({
    checksumType: "COMPOSITE",
    checksums: { CRC32: "AAAAAA==-4" },
    partRuns: [
      [2, 700],
      [1, 33],
      [1, 0],
    ],
    partChecksums: { algorithm: "CRC32", digests },
  });
  assert.equal(storedCrc32(parted), crc32(Buffer.concat(parts)));
  assert.equal(storedCrc32({ ...parted, partRuns: [[2, 700]] }), null);
  assert.equal(storedCrc32({ ...parted, partChecksums: { algorithm: "SHA1", digests } }), null);
});
