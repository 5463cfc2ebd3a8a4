import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { mkdir, open, readFile, readdir, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { crc32, deflateRawSync } from "node:zlib";
import { Failure } from "@simpletuner-cloud/contract/errors.ts";
import { fileSink } from "./archive-sinks.ts";
import { testFolder } from "./dataset-fixture.ts";
import { bytesEntry } from "./entry-source.ts";
import type { ExtractOptions, ExtractProgress } from "./extract-archive.ts";
import { extractArchive } from "./extract-archive.ts";
import { closeFile, openFile } from "./file-calls.ts";
import { archiveEnd, centralRecord, formatLimits, writeLocalHeader } from "./zip-format.ts";
import { writeZip } from "./zip-writer.ts";

const limits = { maxEntries: 100, maxBytes: 2 ** 30 };

interface RawEntry {
  readonly name: string | Buffer;
  readonly data?: Buffer;
  readonly crc?: number;
  readonly bytes?: number;
  readonly mode?: number;
  readonly method?: "store" | "deflate";
  readonly flags?: number;
}

/** An archive that says what a careful writer never would. */
function rawArchive(entries: readonly RawEntry[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let position = 0;
  for (const { name, data = Buffer.from("data"), crc, bytes, mode, method = "store", flags = 0 } of entries) {
    const record = {
      name: Buffer.from(name),
      method,
      crc: crc ?? crc32(data),
      packedBytes: data.length,
      bytes: bytes ?? data.length,
      position,
    };
    const header = Buffer.alloc(30 + record.name.length);
    writeLocalHeader(header, 0, record, 0, formatLimits);
    const central = centralRecord(record, formatLimits);
    if (mode !== undefined) central.writeUInt32LE(mode * 0x1_0000, 38);
    central.writeUInt16LE(0x800 | flags, 8);
    parts.push(header, data);
    directory.push(central);
    position += header.length + data.length;
  }
  const list = Buffer.concat(directory);
  return Buffer.concat([...parts, list, archiveEnd(entries.length, list.length, position, formatLimits)]);
}

const unsafe: [string, RegExp, RawEntry[]][] = [
  ["a parent folder", /leads out/, [{ name: "../evil" }]],
  ["a parent folder in the middle", /leads out/, [{ name: "a/../../evil" }]],
  ["a dot component", /leads out/, [{ name: "a/./b" }]],
  ["an empty component", /leads out/, [{ name: "a//b" }]],
  ["an absolute path", /absolute/, [{ name: "/etc/evil" }]],
  ["a Windows path", /absolute/, [{ name: "C:/evil" }]],
  ["an empty name", /leads out/, [{ name: "" }]],
  ["a NUL in a name", /NUL/, [{ name: "a\0b" }]],
  ["a name that is not UTF-8", /UTF-8/, [{ name: Buffer.from([0x61, 0xff]) }]],
  ["a link", /link or a device/, [{ name: "link", data: Buffer.from("/etc/passwd"), mode: 0o120777 }]],
  ["a device", /link or a device/, [{ name: "device", mode: 0o060644 }]],
  ["a file that claims to be a folder", /link or a device/, [{ name: "a/", mode: 0o100644 }]],
  ["an encrypted entry", /encrypt/, [{ name: "a", flags: 1, method: "deflate" }]],
  ["the same name twice", /share the name/, [{ name: "a" }, { name: "a" }]],
  ["a file where a folder is needed", /share the name/, [{ name: "a" }, { name: "a/b" }]],
  ["a wrong checksum", /a is damaged, its checksum differs/, [{ name: "a", crc: 1 }]],
  ["a stored size that lies", /size mismatch/, [{ name: "a", bytes: 3 }]],
  [
    "a deflated entry longer than it says",
    /longer|inflated/,
    [{ name: "a", method: "deflate", data: deflated("x".repeat(5000)), bytes: 10 }],
  ],
  [
    "a long deflated entry longer than it says",
    /longer/,
    [{ name: "a", method: "deflate", data: deflated("x".repeat(5_000_000)), bytes: 100_000 }],
  ],
  [
    "a deflated entry shorter than it says",
    /shorter/,
    [{ name: "a", method: "deflate", data: deflated("xy"), bytes: 5000 }],
  ],
  [
    "deflated rubbish",
    /inflated/,
    [{ name: "a", method: "deflate", data: Buffer.alloc(50, 0xff), bytes: 100 }],
  ],
  [
    "long deflated rubbish",
    /inflated/,
    [{ name: "a", method: "deflate", data: Buffer.alloc(50, 0xff), bytes: 1_000_000 }],
  ],
  [
    "a folder name below a file",
    /share the name/,
    [{ name: "a" }, { name: "a/", data: Buffer.alloc(0), mode: 0o040755 }],
  ],
  ["a name too long for the disk", /cannot keep the name/, [{ name: "n".repeat(300) }]],
];

function deflated(text: string): Buffer {
  return deflateRawSync(Buffer.from(text));
}

for (const [what, message, entries] of unsafe) {
  test(`${what} is refused and nothing is left`, async (t) => {
    const folder = await testFolder(t);
    const archivePath = join(folder, "a.zip");
    await writeFile(archivePath, rawArchive(entries));
    await mkdir(join(folder, "work"));
    await assert.rejects(
      extractArchive({ archivePath, targetDir: join(folder, "work/out"), limits }),
      (error) => error instanceof Failure && error.code === "archive_invalid" && message.test(error.message),
    );
    assert.deepEqual(await readdir(join(folder, "work")), []);
    assert.deepEqual((await readdir(folder)).sort(), ["a.zip", "work"]);
  });
}

async function goodArchive(folder: string, sizes: readonly number[]): Promise<string> {
  const archivePath = join(folder, "a.zip");
  const fd = await openFile(archivePath, constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC);
  const entries = sizes.map((bytes, index) => bytesEntry(`d/${index}.jpg`, randomBytes(bytes)));
  await writeZip(entries, fileSink(fd)).finally(() => closeFile(fd));
  return archivePath;
}

test("entries and bytes beyond the limits are refused", async (t) => {
  const folder = await testFolder(t);
  const archivePath = await goodArchive(folder, [100, 100, 100]);
  const extract = (more: Partial<ExtractOptions>) =>
    extractArchive({ archivePath, targetDir: join(folder, "out"), limits, ...more });
  const tooLarge = (text: RegExp) => (error: unknown) =>
    error instanceof Failure && error.code === "archive_too_large" && text.test(error.message);
  await assert.rejects(
    extract({ limits: { maxEntries: 2, maxBytes: 1000 } }),
    tooLarge(/3 entries, more than 2/),
  );
  await assert.rejects(
    extract({ limits: { maxEntries: 3, maxBytes: 299 } }),
    tooLarge(/more than 299 bytes/),
  );
  assert.deepEqual(await extract({ limits: { maxEntries: 3, maxBytes: 300 } }), { files: 3, bytes: 300 });
});

test("a truncated, an altered, an empty and a foreign file are refused", async (t) => {
  const folder = await testFolder(t);
  const refused = (archivePath: string, message: RegExp) =>
    assert.rejects(
      extractArchive({ archivePath, targetDir: join(folder, "out"), limits }),
      (error) => error instanceof Failure && error.code === "archive_invalid" && message.test(error.message),
    );
  const archivePath = await goodArchive(folder, [5000, 3_000_000]);
  const handle = await open(archivePath, "r+");
  await handle.write("altered", 2_000_000);
  await handle.close();
  await refused(archivePath, /d\/1\.jpg is damaged/);
  await truncate(archivePath, (await stat(archivePath)).size - 30);
  await refused(archivePath, /cannot be unpacked/);
  await truncate(archivePath, 0);
  await refused(archivePath, /cannot be unpacked/);
  await writeFile(archivePath, "no archive at all, but long enough to look for its end");
  await refused(archivePath, /cannot be unpacked/);
  await refused(join(folder, "nothing.zip"), /does not exist/);
  assert.deepEqual(await readdir(folder), ["a.zip"]);
});

test("any damage to the list of an archive gives one clear error and leaves nothing, also in zip64 fields", async (t) => {
  const folder = await testFolder(t);
  const archivePath = join(folder, "a.zip");
  for (const limit of [formatLimits, { bytes: 0, entries: 0 }]) {
    const fd = await openFile(archivePath, constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC);
    const entries = [
      bytesEntry("a/b.jpg", randomBytes(50)),
      bytesEntry("c.txt", Buffer.from("text ".repeat(40))),
    ];
    await writeZip(entries, fileSink(fd), { limits: limit }).finally(() => closeFile(fd));
    const good = await readFile(archivePath);
    for (let at = good.indexOf("PK\x01\x02"); at < good.length; at += 1) {
      const damaged = Buffer.from(good);
      damaged[at] = ~damaged[at]!;
      await writeFile(archivePath, damaged);
      const result = await extractArchive({ archivePath, targetDir: join(folder, "out"), limits }).catch(
        (error: unknown) => error,
      );
      if (result instanceof Error) {
        assert.ok(
          result instanceof Failure && /^archive_(?:invalid|too_large)$/.test(result.code),
          `byte ${at}: ${result.stack}`,
        );
      } else await rm(join(folder, "out"), { recursive: true });
      assert.deepEqual(await readdir(folder), ["a.zip"]);
    }
  }
});

test("an abort ends the work within a second and leaves nothing", async (t) => {
  const folder = await testFolder(t);
  const archivePath = await goodArchive(folder, [1000, 30_000_000, 1000]);
  const stop = new AbortController();
  const startedAt = performance.now();
  const work = extractArchive({
    archivePath,
    targetDir: join(folder, "out"),
    limits,
    signal: stop.signal,
    onProgress: () => stop.abort(new Error("cancelled")),
  });
  await assert.rejects(work, /cancelled/);
  assert.ok(performance.now() - startedAt < 1000);
  assert.deepEqual(await readdir(folder), ["a.zip"]);
  await assert.rejects(
    extractArchive({ archivePath, targetDir: join(folder, "out"), limits, signal: stop.signal }),
    /cancelled/,
  );
});

test("names of any characters, folders, empty and large files unpack; leftovers of a crash do not matter", async (t) => {
  const folder = await testFolder(t);
  const files: Record<string, Buffer> = {
    "back\\slash.txt": Buffer.from("backslash"),
    "empty.jpg": Buffer.alloc(0),
    "large.json": Buffer.from("[1,2,3]".repeat(500_000)),
    "large.png": randomBytes(2_500_000),
    "new\nline/кот \u{1f600}.txt": Buffer.from("кот ".repeat(100)),
  };
  const archivePath = join(folder, "a.zip");
  const fd = await openFile(archivePath, constants.O_RDWR | constants.O_CREAT);
  await writeZip(
    Object.entries(files).map(([name, bytes]) => bytesEntry(name, bytes)),
    fileSink(fd),
  ).finally(() => closeFile(fd));
  const targetDir = join(folder, "out");
  await mkdir(targetDir);
  await mkdir(`${targetDir}.partial`);
  await writeFile(`${targetDir}.partial/stale`, "x");
  const progress: ExtractProgress[] = [];
  const { bytes } = await extractArchive({
    archivePath,
    targetDir,
    limits,
    onProgress: (report) => progress.push(report),
  });
  assert.equal(
    bytes,
    Object.values(files).reduce((sum, file) => sum + file.length, 0),
  );
  for (const [name, content] of Object.entries(files))
    assert.ok((await readFile(join(targetDir, name))).equals(content), name);
  assert.deepEqual(progress.at(-1), { entries_done: 5, entries_total: 5, bytes_done: bytes });
  assert.deepEqual((await readdir(folder)).sort(), ["a.zip", "out"]);
});

test("an archive of another writer unpacks", async (t) => {
  const folder = await testFolder(t);
  const script =
    "import zipfile,sys\nz=zipfile.ZipFile(sys.argv[1],'w',zipfile.ZIP_DEFLATED)\nz.writestr('a/b.txt','text'*9999)\nz.mkdir('empty')\nz.close()";
  const run = spawnSync("python3", ["-c", script, join(folder, "a.zip")], { encoding: "utf8" });
  if (run.status !== 0) return t.skip("python3 with zipfile.mkdir is not installed");
  await extractArchive({ archivePath: join(folder, "a.zip"), targetDir: join(folder, "out"), limits });
  assert.equal(await readFile(join(folder, "out/a/b.txt"), "utf8"), "text".repeat(9999));
  assert.deepEqual(await readdir(join(folder, "out/empty")), []);
});
