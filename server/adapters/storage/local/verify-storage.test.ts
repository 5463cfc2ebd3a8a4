import assert from "node:assert/strict";
import {
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rm,
  symlink,
  truncate,
  unlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { checksumHasher, joinChecksums } from "../../../http/s3/checksums.ts";
import { bodyOf, createUpload, get, plain, put } from "../conformance-kit.ts";
import type { Body, ObjectStorage } from "../storage.ts";
import { type LocalStorage, openLocalStorage } from "./local-storage.ts";
import { type StorageFinding, type StorageVerdict, verifyStorage } from "./verify-storage.ts";

const mebibyte = 1024 * 1024;

describe("verifying a storage", () => {
  let root: string;
  let storage: LocalStorage;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "verify-storage-"));
    storage = await openLocalStorage({ root, durability: "fast", keepFreeBytes: 0 });
    await storage.createBucket("outputs");
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  async function verify(
    options: { bucket?: string; prefix?: string; quarantine?: boolean } = {},
  ): Promise<{ verdict: StorageVerdict; findings: StorageFinding[] }> {
    const findings: StorageFinding[] = [];
    const onFinding = (finding: StorageFinding): void => void findings.push(finding);
    const verdict = await verifyStorage({ root, ...options, startChecksum: checksumHasher, onFinding });
    return { verdict, findings };
  }

  /** Changes one byte as a failing disk does: nothing else about the file changes. */
  async function rot(path: string, position: number): Promise<void> {
    const handle = await open(path, "r+");
    const { atime, mtime, mtimeMs } = await handle.stat();
    const { mtimeNs } = await handle.stat({ bigint: true });
    await handle.write(Buffer.from([255]), 0, 1, position);
    await handle.utimes(atime, mtime);
    await handle.close();
    // Times go through a double, which loses nanoseconds; the record is made to fit.
    const rounded = BigInt(Math.round(mtimeMs * 1000)) * 1000n;
    if (rounded !== mtimeNs) await changeRecords((text) => text.replaceAll(String(mtimeNs), String(rounded)));
    const exact = await open(path, "r");
    const now = (await exact.stat({ bigint: true })).mtimeNs;
    await exact.close();
    await changeRecords((text) => text.replaceAll(String(rounded), String(now)));
  }

  async function changeRecords(change: (text: string) => string): Promise<void> {
    const folder = join(root, ".s3/meta");
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      await writeFile(path, change(await readFile(path, "utf8")));
    }
  }

  /** A body that checksums vouch for, with the CRC64NVME of `data`. */
  function vouched(data: Buffer): { body: Body; checksums: () => { CRC64NVME: string } } {
    const hasher = checksumHasher("CRC64NVME");
    hasher.update(data);
    const body = { isVouchedFor: true, [Symbol.asyncIterator]: () => bodyOf(data)[Symbol.asyncIterator]() };
    const sum = hasher.digest();
    return { body, checksums: () => ({ CRC64NVME: sum }) };
  }

  async function putParts(
    target: ObjectStorage,
    key: string,
    parts: readonly Buffer[],
    type: "FULL_OBJECT" | "COMPOSITE" | null,
  ): Promise<void> {
    const ref =
      type === null
        ? await createUpload(target, key)
        : await target.createUpload({
            bucket: "outputs",
            key,
            ...plain,
            checksumAlgorithm: type === "COMPOSITE" ? "SHA256" : "CRC64NVME",
            checksumType: type,
          });
    const stored = [];
    for (const [index, data] of parts.entries()) {
      const sha256 = checksumHasher("SHA256");
      sha256.update(data);
      const sum = sha256.digest();
      const checked =
        type === "COMPOSITE"
          ? { ...vouched(data), checksums: () => ({ SHA256: sum }) }
          : type === null
            ? { body: bodyOf(data) }
            : vouched(data);
      const part = { ...ref, partNumber: index + 1, declaredBytes: data.length, ...checked };
      stored.push(await target.putPart(part));
    }
    const algorithm = type === "COMPOSITE" ? "SHA256" : "CRC64NVME";
    const checksums = type === null ? {} : joinChecksums(algorithm, type, stored);
    await target.completeUpload({ ...ref, parts: stored, checksums, checksumType: type ?? "COMPOSITE" });
  }

  async function fill(): Promise<void> {
    const parts = [Buffer.alloc(5 * mebibyte, 1), Buffer.alloc(2 * mebibyte, 2)];
    await put(storage, "job1/small", "content");
    await put(storage, "job1/../odd\\key", "aside");
    await storage.putObject({
      bucket: "outputs",
      key: "job1/sum",
      ...plain,
      ...vouched(Buffer.alloc(3 * mebibyte, 3)),
    });
    await putParts(storage, "job2/md5s", parts, null);
    await putParts(storage, "job2/whole", parts, "FULL_OBJECT");
    await putParts(storage, "job2/composite", parts, "COMPOSITE");
  }

  it("finds nothing in a sound one, of whatever kind the objects are, and changes nothing", async () => {
    await fill();
    const namesBefore = (await readdir(root, { recursive: true })).sort();
    const { verdict, findings } = await verify();
    assert.deepEqual(findings, []);
    const sizeBytes = 7 + 5 + 3 * mebibyte + 3 * 7 * mebibyte;
    const none = { unchecked: 0, damaged: 0, missing: 0, stray: 0 };
    assert.deepEqual(verdict, { objects: 6, sizeBytes, ...none });
    assert.deepEqual((await readdir(root, { recursive: true })).sort(), namesBefore);
    assert.equal((await verify({ bucket: "outputs", prefix: "job2/" })).verdict.objects, 3);
  });

  it("tells one changed byte, whatever it is checked by", async () => {
    await fill();
    for (const key of ["job1/small", "job1/sum", "job2/md5s", "job2/whole", "job2/composite"])
      await rot(join(root, "outputs", key), key === "job1/small" ? 3 : mebibyte);
    const { verdict, findings } = await verify();
    assert.deepEqual(
      findings.map(({ kind, key, problem }) => [kind, key, problem]),
      [
        ["damaged", "job1/small", "its bytes do not have the stored MD5"],
        ["damaged", "job1/sum", "its bytes do not have the stored CRC64NVME"],
        ["damaged", "job2/composite", "its bytes do not have the stored SHA256 of part 1"],
        ["damaged", "job2/md5s", "its bytes do not have its ETag"],
        ["damaged", "job2/whole", "its bytes do not have the stored CRC64NVME"],
      ],
    );
    assert.equal(verdict.damaged, 5);
  });

  it("tells a file that was cut off, changed, only touched, or removed behind the storage's back", async () => {
    for (const key of ["cut", "changed", "touched", "removed"]) await put(storage, key, "content");
    await truncate(join(root, "outputs/cut"), 3);
    await writeFile(join(root, "outputs/changed"), "CONTENT");
    await utimes(join(root, "outputs/touched"), 1, 1);
    await unlink(join(root, "outputs/removed"));
    const { findings } = await verify();
    assert.deepEqual(
      findings.map(({ kind, key, problem }) => [kind, key, problem]),
      [
        ["damaged", "changed", "its bytes do not have the stored MD5"],
        ["damaged", "cut", "it has 3 bytes instead of 7"],
        ["missing", "removed", "its file is gone"],
      ],
    );
  });

  it("tells files that belong to nothing", async () => {
    await put(storage, "k", "content");
    await writeFile(join(root, "outputs/foreign"), "x");
    await symlink("/etc/hostname", join(root, "outputs/link"));
    await writeFile(join(root, ".s3/tmp/999999999.aa.bb"), "dead");
    await writeFile(join(root, `.s3/tmp/${process.ppid}.aa.bb`), "alive");
    await mkdir(join(root, ".s3/mpu/0123"));
    await mkdir(join(root, ".s3/alt/outputs"), { recursive: true });
    await writeFile(join(root, ".s3/alt/outputs", "f".repeat(64)), "lost");
    const { verdict, findings } = await verify();
    assert.deepEqual(
      findings.map(({ path }) => path.slice(root.length + 1)),
      ["outputs/foreign", ".s3/tmp/999999999.aa.bb", `.s3/alt/outputs/${"f".repeat(64)}`, ".s3/mpu/0123"],
    );
    assert.deepEqual([verdict.stray, verdict.damaged, verdict.missing], [4, 0, 0]);
  });

  it("moves a damaged file and its record away when it is told to, and nothing else", async () => {
    for (const key of ["bad", "good"]) await put(storage, key, "content");
    await truncate(join(root, "outputs/bad"), 3);
    const { findings } = await verify({ quarantine: true });
    const [found] = findings;
    assert.equal(await readFile(found?.quarantinedTo ?? "", "utf8"), "con");
    assert.match(await readFile(`${found?.quarantinedTo}.json`, "utf8"), /"key":"bad"/);
    assert.equal(await get(storage, "bad"), null);
    assert.equal(String(await get(storage, "good")), "content");
    assert.deepEqual((await verify()).findings, []);
  });

  it("is not confused by a server that writes, replaces and deletes meanwhile", async () => {
    for (let index = 0; index < 40; index++) await put(storage, `k${index}`, `first ${index}`);
    const over = new AbortController();
    const writing = (async () => {
      for (let round = 0; !over.signal.aborted; round++) {
        await put(storage, `k${round % 40}`, `round ${round} ${"x".repeat(round % 1000)}`);
        if (round % 3 === 0) await storage.deleteObject("outputs", `k${(round * 7) % 40}`);
      }
    })();
    try {
      for (let run = 0; run < 5; run++) assert.deepEqual((await verify()).findings, []);
    } finally {
      over.abort();
      await writing;
    }
  });
});
