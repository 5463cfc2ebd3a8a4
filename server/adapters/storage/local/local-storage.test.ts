import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { bodyOf, createUpload, failsWith, get, plain, put } from "../conformance-kit.ts";
import { testStoragePort } from "../conformance.ts";
import { type LocalStorage, openLocalStorage } from "./local-storage.ts";

let folder: string;
let root: string;
let storage: LocalStorage;

async function open(clock = Date.now): Promise<LocalStorage> {
  return openLocalStorage({ root, durability: "fast", keepFreeBytes: 0, clock });
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "storage-test-"));
  root = join(folder, "root");
  storage = await open();
  await storage.createBucket("outputs");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Every file under the storage's own folder but records, by path relative to it. */
async function ownFiles(...names: string[]): Promise<string[]> {
  const entries = await readdir(join(root, ".s3", ...names), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

describe("local storage keeps the promises of the port", () => {
  testStoragePort(() => storage);
});

describe("files of the local storage", () => {
  it("are plain files where the key is a path, and nothing lies outside of the root otherwise", async () => {
    await put(storage, "job1/checkpoint-1/model.safetensors", "weights");
    const path = join(root, "outputs/job1/checkpoint-1/model.safetensors");
    assert.equal(await readFile(path, "utf8"), "weights");
    assert.equal(await storage.filePath("outputs", "job1/checkpoint-1/model.safetensors"), path);
    const odd = [
      "../out",
      "..",
      "/etc/x",
      "a/../../../out",
      "a//b",
      "dir/",
      "n\0l",
      "x".repeat(300),
      "back\\slash",
    ];
    for (const key of odd) await put(storage, key, key);
    for (const key of odd) assert.equal(String(await get(storage, key)), key);
    assert.deepEqual(await readdir(folder), ["root"]);
    assert.deepEqual(await readdir(join(root, "outputs")), ["job1"]);
    assert.match((await storage.filePath("outputs", "../out")) ?? "", /\.s3\/alt\/outputs\/[0-9a-f]{64}$/);
  });

  it("survive a restart beside each other: a, a/b and odd keys", async () => {
    for (const key of ["a", "a/b", "a/b/c", "../x", "d/e", "d"]) await put(storage, key, `:${key}`);
    const reopened = await open();
    for (const key of ["a", "a/b", "a/b/c", "../x", "d/e", "d"]) {
      assert.equal(String(await get(reopened, key)), `:${key}`);
    }
    const { objects } = await reopened.listObjects({ bucket: "outputs", maxKeys: 10 });
    assert.deepEqual(
      objects.map(({ key }) => key),
      ["../x", "a", "a/b", "a/b/c", "d", "d/e"],
    );
    for (const { key } of objects) assert.equal(await reopened.deleteObject("outputs", key), true);
    assert.deepEqual(await readdir(join(root, "outputs")), []);
    assert.deepEqual(await ownFiles(), []);
  });

  it("written by others are objects too, with an ETag that is no MD5 and changes with the file", async () => {
    await mkdir(join(root, "outputs/job1"));
    await writeFile(join(root, "outputs/job1/log.txt"), "one");
    const before = await storage.headObject("outputs", "job1/log.txt");
    assert.match(before?.etag ?? "", /^[0-9a-f]{32}-1$/);
    await put(storage, "job1/log.txt", "stored");
    await writeFile(join(root, "outputs/job1/log.txt"), "changed behind");
    const after = await storage.headObject("outputs", "job1/log.txt");
    assert.equal(after?.sizeBytes, 14);
    assert.match(after?.etag ?? "", /^[0-9a-f]{32}-1$/);
    assert.notEqual(after?.etag, before?.etag);
  });
});

describe("a folder restored from a backup", () => {
  it("keeps what is known about its objects", async () => {
    const headers = { contentType: "image/png" };
    await storage.putObject({ bucket: "outputs", key: "a/k", headers, userMetadata: {}, body: bodyOf("x") });
    const before = await storage.headObject("outputs", "a/k");
    execFileSync("cp", ["-a", root, `${root}-copy`]);
    await rm(root, { recursive: true });
    execFileSync("mv", [`${root}-copy`, root]);
    assert.deepEqual(await (await open()).headObject("outputs", "a/k"), before);
  });
});

describe("symbolic links in the local storage", () => {
  it("are not followed, neither as a file nor on the way", async () => {
    const outside = join(folder, "outside");
    await mkdir(outside);
    await writeFile(join(outside, "secret"), "secret");
    await mkdir(join(root, "outputs/job1"));
    await symlink(join(outside, "secret"), join(root, "outputs/job1/link"));
    await symlink(outside, join(root, "outputs/job1/dir"));
    await symlink(outside, join(root, "outputs/other"));
    for (const key of ["job1/link", "job1/dir/secret", "other/secret"]) {
      assert.equal(await get(storage, key), null, key);
      assert.equal(await storage.headObject("outputs", key), null, key);
      assert.equal(await storage.deleteObject("outputs", key), false, key);
    }
    assert.deepEqual((await storage.listObjects({ bucket: "outputs", maxKeys: 9 })).objects, []);
    assert.deepEqual(
      (await storage.listObjects({ bucket: "outputs", prefix: "other/", maxKeys: 9 })).objects,
      [],
    );
    for (const key of ["job1/link", "job1/dir/secret", "job1/dir/new/x", "other/y"])
      await put(storage, key, key);
    for (const key of ["job1/link", "job1/dir/secret", "job1/dir/new/x", "other/y"]) {
      assert.equal(String(await get(storage, key)), key);
    }
    assert.deepEqual(await storage.deletePrefix("outputs", ""), { deletedObjects: 4 });
    assert.deepEqual(await readdir(outside), ["secret"]);
    assert.equal(await readFile(join(outside, "secret"), "utf8"), "secret");
  });

  it("are no buckets", async () => {
    await symlink(folder, join(root, "linked"));
    assert.equal(await storage.findBucket("linked"), null);
    await assert.rejects(storage.createBucket("linked"));
    assert.deepEqual(
      (await storage.listBuckets()).map(({ name }) => name),
      ["outputs"],
    );
  });

  it("a pipe is no object and does not block", { skip: process.platform === "win32" }, async () => {
    execFileSync("mkfifo", [join(root, "outputs/pipe")]);
    assert.equal(await get(storage, "pipe"), null);
  });
});

describe("what a crash leaves in the local storage", () => {
  it("is removed at start, but not what a living process writes", async () => {
    await writeFile(join(root, ".s3/tmp/999999999.aa.bb"), "dead");
    await writeFile(join(root, `.s3/tmp/${process.pid}.00000000.bb`), "an earlier process of our number");
    await writeFile(join(root, `.s3/tmp/${process.ppid}.aa.bb`), "alive");
    await writeFile(join(root, ".s3/trash/x"), "trash");
    const reopened = await open();
    assert.deepEqual(await ownFiles("tmp"), [join(root, `.s3/tmp/${process.ppid}.aa.bb`)]);
    assert.deepEqual(await ownFiles("trash"), []);
    const { promise: isOpen, resolve } = Promise.withResolvers<void>();
    const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>();
    const body = async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.from("x");
      resolve();
      await mayEnd;
    };
    const writing = reopened.putObject({ bucket: "outputs", key: "k", ...plain, body: body() });
    await isOpen;
    await reopened.sweep();
    end();
    await writing;
    assert.equal(String(await get(reopened, "k")), "x");
  });

  it("between the record and the file leaves the old object with its record", async () => {
    const headers = { contentType: "text/old" };
    await storage.putObject({
      bucket: "outputs",
      key: "k",
      headers,
      userMetadata: { v: "1" },
      body: bodyOf("old"),
    });
    const path = join(root, "outputs/k");
    const stats = await lstat(path, { bigint: true });
    // What a writer that dies there has written: its own record first, then the old one.
    const [recordPath = ""] = await ownFiles("meta");
    const file = JSON.parse(await readFile(recordPath, "utf8"));
    file.records.unshift({ ...file.records[0], inode: String(stats.ino + 1n), etag: "new", headers: {} });
    await writeFile(recordPath, JSON.stringify(file));
    const info = await (await open()).headObject("outputs", "k");
    assert.deepEqual(info?.headers, headers);
    assert.deepEqual(info?.userMetadata, { v: "1" });
  });

  it("as a torn record costs the metadata, never the object", async () => {
    await put(storage, "k", "content");
    const [recordPath = ""] = await ownFiles("meta");
    await writeFile(recordPath, '{"key":"k","rec');
    assert.equal(String(await get(storage, "k")), "content");
  });

  it("keeps an upload's parts, also behind a torn line of its log", async () => {
    const ref = await createUpload(storage, "m");
    const contents = [randomBytes(5 << 20), randomBytes(5 << 20), randomBytes(99)];
    const send = (partNumber: number): Promise<{ etag: string; partNumber: number }> => {
      const content = contents[partNumber - 1]!;
      return storage.putPart({ ...ref, partNumber, body: bodyOf(content), declaredBytes: content.length });
    };
    await send(1);
    const log = join(root, ".s3/mpu", ref.uploadId, "parts.log");
    await writeFile(log, `${await readFile(log, "utf8")}\n{"partNumber":2,"fi`);
    storage = await open();
    assert.deepEqual(
      (await storage.listParts(ref)).map(({ partNumber }) => partNumber),
      [1],
    );
    await send(2);
    await send(3);
    storage = await open();
    const parts = await storage.listParts(ref);
    await storage.completeUpload({ ...ref, parts, checksums: {}, checksumType: "COMPOSITE" });
    assert.ok((await get(storage, "m"))?.equals(Buffer.concat(contents)));
    assert.deepEqual((await ownFiles("mpu")).map((path) => path.split("/").at(-1)).sort(), [
      "complete.json",
      "upload.json",
    ]);
  });

  it("drops abandoned uploads after seven days and results after one", async () => {
    const open1 = await createUpload(storage, "open");
    const done = await createUpload(storage, "done");
    const part = await storage.putPart({ ...done, partNumber: 1, body: bodyOf("x"), declaredBytes: 1 });
    const completion = { ...done, parts: [part], checksums: {}, checksumType: "COMPOSITE" } as const;
    await storage.completeUpload(completion);
    await mkdir(join(root, ".s3/mpu", "f".repeat(32)));
    const dayMs = 24 * 3_600_000;
    await (await open(() => Date.now() + 0.9 * dayMs)).sweep();
    await storage.completeUpload(completion);
    await (await open(() => Date.now() + 1.1 * dayMs)).sweep();
    await assert.rejects(storage.completeUpload(completion), failsWith("upload_not_found"));
    assert.deepEqual(await readdir(join(root, ".s3/mpu")), [open1.uploadId]);
    await utimes(join(root, ".s3/mpu", open1.uploadId), new Date(), new Date());
    await (await open(() => Date.now() + 7.1 * dayMs)).sweep();
    assert.deepEqual(await readdir(join(root, ".s3/mpu")), []);
    assert.equal(String(await get(storage, "done")), "x");
  });
});

describe("multipart uploads of the local storage", () => {
  it("become the object without a copy when the parts are of one size", async () => {
    const ref = await createUpload(storage, "m");
    for (const partNumber of [1, 2, 3]) {
      const content = randomBytes(partNumber === 3 ? 10 : 5 << 20);
      await storage.putPart({ ...ref, partNumber, body: bodyOf(content), declaredBytes: content.length });
    }
    assert.deepEqual((await readdir(join(root, ".s3/mpu", ref.uploadId))).sort(), [
      "data",
      "parts.log",
      "upload.json",
    ]);
    const before = await lstat(join(root, ".s3/mpu", ref.uploadId, "data"));
    const parts = await storage.listParts(ref);
    await storage.completeUpload({ ...ref, parts, checksums: {}, checksumType: "COMPOSITE" });
    const after = await lstat(join(root, "outputs/m"));
    assert.equal(after.ino, before.ino);
  });
});

const isRoot = process.platform === "linux" && process.getuid?.() === 0;

describe("a full disk", { skip: isRoot ? false : "needs root to mount a tmpfs" }, () => {
  it("refuses with disk_full, keeps what was there and goes on when there is room again", async (t) => {
    const mount = join(folder, "mount");
    await mkdir(mount);
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", mount], { stdio: "ignore" });
    } catch {
      t.skip("mounting a tmpfs is not allowed here");
      return;
    }
    let small: LocalStorage | undefined;
    try {
      small = await openLocalStorage({ root: mount, keepFreeBytes: 0 });
      await small.createBucket("outputs");
      await put(small, "k", "old");
      const tooMuch = Array.from({ length: 12 }, () => randomBytes(1 << 20));
      const input = { bucket: "outputs", key: "k", ...plain, body: bodyOf(...tooMuch) };
      await assert.rejects(small.putObject(input), failsWith("disk_full"));
      await assert.rejects(small.checkSpace(9 << 20), failsWith("disk_full"));
      const ref = await createUpload(small, "k");
      const part = { ...ref, partNumber: 1, body: bodyOf(...tooMuch), declaredBytes: 12 << 20 };
      await assert.rejects(small.putPart(part), failsWith("disk_full"));
      assert.deepEqual(await small.listParts(ref), []);
      await small.abortUpload(ref);
      // What was aborted is freed in the background; this waits for it.
      await small.sweep();
      assert.equal(String(await get(small, "k")), "old");
      assert.deepEqual(await readdir(join(mount, ".s3/tmp")), []);
      await put(small, "k", randomBytes(2 << 20));
      assert.equal((await get(small, "k"))?.length, 2 << 20);
    } finally {
      small?.close();
      execFileSync("umount", [mount]);
    }
  });
});
