import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { link, readFile, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough, Writable } from "node:stream";
import { buffer } from "node:stream/consumers";
import type { TestContext } from "node:test";
import { test } from "node:test";
import fc from "fast-check";
import { openPromise } from "yauzl";
import { archiveSize } from "./archive-size.ts";
import type { ArchiveSink } from "./archive-sinks.ts";
import { fileSink, streamSink } from "./archive-sinks.ts";
import { folderEntries, testFolder, writeFiles } from "./dataset-fixture.ts";
import type { ArchiveEntry } from "./entry-source.ts";
import { bytesEntry } from "./entry-source.ts";
import { closeFile, openFile, writeAt } from "./file-calls.ts";
import type { ZipOptions } from "./zip-writer.ts";
import { writeZip } from "./zip-writer.ts";

const everythingZip64 = { bytes: 0, entries: 0 };
const hasUnzip = spawnSync("unzip", ["-v"]).status === 0;
const hasPython = spawnSync("python3", ["-c", "import zipfile"]).status === 0;

async function zipTo(
  path: string,
  entries: Iterable<ArchiveEntry> | AsyncIterable<ArchiveEntry>,
  options?: ZipOptions,
) {
  const fd = await openFile(path, constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC);
  return writeZip(entries, fileSink(fd), options).finally(() => closeFile(fd));
}

async function contents(archive: string): Promise<Record<string, Buffer>> {
  const zip = await openPromise(archive, { lazyEntries: true, decodeStrings: false });
  const found: Record<string, Buffer> = {};
  for await (const entry of zip.eachEntry())
    found[String(entry.fileNameRaw)] = await buffer(await zip.openReadStreamPromise(entry));
  return found;
}

async function checkWithTools(
  t: TestContext,
  archive: string,
  expected: Record<string, Buffer>,
): Promise<void> {
  await t.test("unzip -t", { skip: !hasUnzip && "unzip is not installed" }, () => {
    const run = spawnSync("unzip", ["-tqq", archive], { encoding: "utf8" });
    assert.equal(run.status, 0, run.stdout + run.stderr);
  });
  await t.test("python zipfile", { skip: !hasPython && "python3 is not installed" }, () => {
    const script =
      "import zipfile,sys,json,hashlib\nz=zipfile.ZipFile(sys.argv[1])\nprint(json.dumps({i.filename:hashlib.sha256(z.read(i)).hexdigest() for i in z.infolist()}))";
    const run = spawnSync("python3", ["-c", script, archive], { encoding: "utf8" });
    const sums = Object.fromEntries(
      Object.entries(expected).map(([name, bytes]) => [
        name,
        createHash("sha256").update(bytes).digest("hex"),
      ]),
    );
    assert.deepEqual(JSON.parse(run.stdout || run.stderr), sums);
  });
  await t.test("yauzl", async () => assert.deepEqual(await contents(archive), expected));
}

/** Every way an entry can be written: empty, small, deflated, larger than a slab, larger and deflated. */
function everyKind(): Record<string, Buffer> {
  return {
    "a/b.jpg": randomBytes(300_000),
    "a/b.txt": Buffer.from("a caption, ".repeat(50)),
    "a/random.txt": randomBytes(100),
    "a.jpg": randomBytes(10),
    "empty.jpg": Buffer.alloc(0),
    "empty.txt": Buffer.alloc(0),
    "exact.jpg": randomBytes(1 << 20),
    "large.json": Buffer.from(
      JSON.stringify(Array.from({ length: 90_000 }, (_, index) => ({ index, caption: `number ${index}` }))),
    ),
    "large.png": randomBytes(5_000_000),
    "middle.csv": Buffer.from("name,caption\n".repeat(20_000)),
    "one-more.png": randomBytes((1 << 20) + 1),
    "random.jsonl": randomBytes(1_500_000),
    "z.txt": Buffer.from("x"),
  };
}

for (const [kind, limits] of [
  ["plain", undefined],
  ["zip64", everythingZip64],
] as const) {
  test(`a ${kind} archive of every kind of entry is read back by other readers`, async (t) => {
    const folder = await testFolder(t);
    const files = everyKind();
    const source = await writeFiles(join(folder, "source"), files);
    const archive = join(folder, "a.zip");
    const options = limits === undefined ? {} : { limits };
    const summary = await zipTo(archive, folderEntries(source), options);
    assert.deepEqual(summary, { files: Object.keys(files).length, bytes: (await stat(archive)).size });
    await checkWithTools(t, archive, files);
    await t.test("a stream gets the same bytes", async () => {
      const through = new PassThrough();
      const [received] = await Promise.all([
        buffer(through),
        writeZip(folderEntries(source), streamSink(through), options).then(() => through.end()),
      ]);
      assert.ok(received.equals(await readFile(archive)));
    });
  });
}

test("names of any characters are kept, in byte order, marked as UTF-8", async (t) => {
  const folder = await testFolder(t);
  const names = [
    "\ue000.jpg",
    "\u{1f600} smile.jpg",
    "back\\slash.jpg",
    "bell\u0007.jpg",
    "new\nline.jpg",
    "tab\t.jpg",
    "é composed.jpg",
    "é decomposed.jpg",
    "кот/पाठ.txt",
    " space .jpg",
    "a:b*?.jpg",
    "quote'\".jpg",
  ];
  const source = await writeFiles(
    join(folder, "source"),
    Object.fromEntries(names.map((name) => [name, name])),
  );
  const archive = join(folder, "a.zip");
  await zipTo(archive, folderEntries(source));
  const found = await contents(archive);
  assert.deepEqual(
    Object.keys(found),
    [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
  );
  await checkWithTools(t, archive, Object.fromEntries(names.map((name) => [name, Buffer.from(name)])));
});

test("text is deflated where that helps, media is stored, times and modes are fixed", async (t) => {
  const archive = join(await testFolder(t), "a.zip");
  await zipTo(archive, [
    bytesEntry("a.jpg", Buffer.alloc(1000)),
    bytesEntry("b.txt", Buffer.alloc(1000)),
    bytesEntry("c.txt", randomBytes(1000)),
  ]);
  const zip = await openPromise(archive, { lazyEntries: true, autoClose: true });
  const seen = [];
  for await (const entry of zip.eachEntry()) {
    assert.equal(entry.generalPurposeBitFlag, 0x800);
    assert.equal(entry.externalFileAttributes >>> 16, 0o100644);
    assert.equal(entry.getLastModDate({ timezone: "UTC" }).toISOString(), "1980-01-01T00:00:00.000Z");
    seen.push([entry.fileName, entry.compressionMethod]);
  }
  assert.deepEqual(seen, [
    ["a.jpg", 0],
    ["b.txt", 8],
    ["c.txt", 0],
  ]);
});

test("the size is foretold to the byte where nothing is deflated, and never too small", async (t) => {
  const archive = join(await testFolder(t), "a.zip");
  const file = fc.record({
    name: fc.uuid(),
    extension: fc.constantFrom("jpg", "png", "txt"),
    bytes: fc.uint8Array({ maxLength: 3000 }),
    repeat: fc.constantFrom(1, 800),
  });
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(file, { maxLength: 5, selector: ({ name }) => name }), async (files) => {
      const entries = files.map(({ name, extension, bytes, repeat }) =>
        bytesEntry(`${name}.${extension}`, Buffer.concat(Array(repeat).fill(bytes))),
      );
      const size = archiveSize();
      for (const entry of entries) size.add(entry.name, entry.sizeBytes, entry.method);
      const { bytes } = await zipTo(archive, entries);
      if (size.deflatedBytes() === 0) assert.equal(size.bytes(), bytes);
      assert.ok(size.bytes() >= bytes);
    }),
    { numRuns: 40 },
  );
});

test("beyond 4 GiB the real zip64 limits apply, and the size is still foretold", async (t) => {
  const archive = join(await testFolder(t), "a.zip");
  const hugeBytes = 4.25 * 2 ** 30;
  const none = Buffer.alloc(2 << 20);
  const huge: ArchiveEntry = {
    name: "huge.bin",
    sizeBytes: hugeBytes,
    method: "store",
    open: async () => ({
      read: async (target) => void target.fill(0),
      confirm: async () => {},
      close: async () => {},
    }),
  };
  const fd = await openFile(archive, constants.O_RDWR | constants.O_CREAT);
  let position = 0;
  // Zeros become a hole, so that 4 GiB need no disk.
  const sparse: ArchiveSink = {
    position: () => position,
    async append(bytes) {
      if (!bytes.equals(none.subarray(0, bytes.length))) await writeAt(fd, bytes, position);
      position += bytes.length;
    },
    patch: (bytes, at) => writeAt(fd, bytes, at),
  };
  const entries = [huge, bytesEntry("small.jpg", Buffer.from("after 4 GiB"))];
  const summary = await writeZip(entries, sparse).finally(() => closeFile(fd));
  const size = archiveSize();
  for (const entry of entries) size.add(entry.name, entry.sizeBytes, entry.method);
  assert.equal(summary.bytes, size.bytes());
  const zip = await openPromise(archive, { lazyEntries: true });
  const seen: unknown[] = [];
  for await (const entry of zip.eachEntry()) {
    seen.push([entry.fileName, entry.uncompressedSize]);
    if (entry.fileName === "small.jpg")
      assert.equal(String(await buffer(await zip.openReadStreamPromise(entry))), "after 4 GiB");
  }
  assert.deepEqual(seen, [
    ["huge.bin", hugeBytes],
    ["small.jpg", 11],
  ]);
  await t.test("python zipfile", { skip: !hasPython && "python3 is not installed" }, () => {
    const run = spawnSync(
      "python3",
      [
        "-c",
        "import zipfile,sys\nz=zipfile.ZipFile(sys.argv[1])\nprint(z.infolist()[0].file_size, z.read('small.jpg').decode())",
        archive,
      ],
      { encoding: "utf8" },
    );
    assert.equal(run.stdout.trim(), `${hugeBytes} after 4 GiB`, run.stderr);
  });
});

test("a sink that fails ends the work with its error, in the middle of small and of large files", async (t) => {
  const source = await writeFiles(await testFolder(t), everyKind());
  for (const after of [0, 200_000, 3_000_000, 8_000_000]) {
    let position = 0;
    const sink: ArchiveSink = {
      position: () => position,
      async append(bytes) {
        if (position + bytes.length > after) throw new Error("sink is full");
        position += bytes.length;
      },
      patch: async () => {},
    };
    await assert.rejects(writeZip(folderEntries(source), sink), /sink is full/);
  }
});

test("a stream that is destroyed ends the work", async (t) => {
  const source = await writeFiles(await testFolder(t), everyKind());
  const stuck = new Writable({ write: () => {} });
  const work = assert.rejects(
    writeZip(folderEntries(source), streamSink(stuck)),
    /closed before the archive was complete/,
  );
  setImmediate(() => stuck.destroy());
  await work;
  const failing = new Writable({ write: (_, __, done) => done(new Error("connection reset")) });
  await assert.rejects(writeZip(folderEntries(source), streamSink(failing)), /connection reset/);
});

test("an abort ends the work within a second, at any moment", async (t) => {
  const folder = await testFolder(t);
  const source = await writeFiles(join(folder, "source"), everyKind());
  for (const moment of [0, 1, 5, 9, 12]) {
    const stop = new AbortController();
    let calls = 0;
    const onWritten = (): void => {
      calls += 1;
      if (calls >= moment) stop.abort(new Error("stopped"));
    };
    const startedAt = performance.now();
    await assert.rejects(
      zipTo(join(folder, "a.zip"), folderEntries(source), { signal: stop.signal, onWritten }),
      /stopped/,
    );
    assert.ok(performance.now() - startedAt < 1000);
  }
});

const noProc = process.platform === "linux" ? false : "reads the peak from /proc";

test("two GiB of sparse files move the memory by less than 64 MiB", { skip: noProc }, async (t) => {
  const folder = await testFolder(t);
  await writeFile(join(folder, "0.png"), "");
  await truncate(join(folder, "0.png"), 2 ** 28);
  // Hard links, so that the kernel too keeps only one file's pages.
  for (let index = 1; index < 8; index += 1) await link(join(folder, "0.png"), join(folder, `${index}.png`));
  const url = (name: string): string => JSON.stringify(new URL(name, import.meta.url).href);
  const script = `
    import { readFileSync } from "node:fs";
    import { writeZip } from ${url("zip-writer.ts")};
    import { fileEntry } from ${url("entry-source.ts")};
    import { scanDataset } from ${url("scan-datasets.ts")};
    const root = ${JSON.stringify(folder)};
    async function* entries() {
      for await (const { files } of scanDataset({ datasetId: "x", root })) for (const file of files) yield fileEntry(file.path, { ...file, datasetId: "x", root });
    }
    let position = 0;
    const sink = { position: () => position, append: async (bytes) => { position += bytes.length; }, patch: async () => {} };
    const before = process.memoryUsage.rss();
    const { bytes } = await writeZip(entries(), sink);
    // The kernel's maxrss would count the process that started this one, too.
    const peak = Number(/VmHWM:\\s+(\\d+)/.exec(readFileSync("/proc/self/status", "utf8"))[1]) * 1024;
    console.log(JSON.stringify({ bytes, growthMiB: (peak - before) / 2 ** 20 }));`;
  const run = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
  const { bytes, growthMiB } = JSON.parse(run.stdout || run.stderr);
  assert.ok(bytes > 2 ** 31);
  t.diagnostic(`grew by ${growthMiB.toFixed(1)} MiB`);
  assert.ok(growthMiB < 64, `${growthMiB} MiB`);
});
