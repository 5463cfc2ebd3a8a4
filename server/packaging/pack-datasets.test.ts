import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { appendFileSync, rmSync, truncateSync, utimesSync } from "node:fs";
import {
  appendFile,
  mkdir,
  readFile,
  readdir,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { test } from "node:test";
import type { ErrorCode } from "@simpletuner-cloud/contract/errors.ts";
import { Failure } from "@simpletuner-cloud/contract/errors.ts";
import { fixtureTime, testFolder, writeFiles } from "./dataset-fixture.ts";
import { planDatasets } from "./dataset-plan.ts";
import { extractArchive } from "./extract-archive.ts";
import type { PackOptions } from "./pack-datasets.ts";
import { packDatasets } from "./pack-datasets.ts";
import type { PackagingProgress } from "./progress-meter.ts";

const limits = { maxEntries: 100_000, maxBytes: 2 ** 40 };

const isFailure = (code: ErrorCode, text: RegExp) => (error: unknown) =>
  error instanceof Failure && error.code === code && text.test(error.message);

async function packed(t: TestContext) {
  const folder = await testFolder(t);
  const files = {
    "images/a.jpg": randomBytes(200_000),
    "images/a.txt": "a clay pot, ".repeat(20),
    "images/z.png": randomBytes(3_000_000),
    ".env": "SECRET=1",
  };
  const source = await writeFiles(join(folder, "cats"), files);
  await mkdir(join(folder, "out"));
  const dataloader = [
    {
      id: "cats",
      type: "local",
      instance_data_dir: source,
      cache_dir_vae: join(folder, "vae"),
      conditioning_data: "masks",
    },
    { id: "embeds", type: "local", dataset_type: "text_embeds", cache_dir: "/ssd/text" },
  ];
  const plan = await planDatasets(dataloader);
  const targetPath = join(folder, "out", "data.zip");
  const pack = (more: Partial<PackOptions> = {}) => packDatasets({ dataloader, plan, targetPath, ...more });
  return {
    folder,
    source,
    files,
    dataloader,
    plan,
    targetPath,
    pack,
    left: () => readdir(join(folder, "out")),
  };
}

test("an archive holds the plan's files and a dataloader without host paths, and unpacks to the same", async (t) => {
  const { folder, plan, targetPath, files, pack, left } = await packed(t);
  const progress: PackagingProgress[] = [];
  const result = await pack({ onProgress: (report) => progress.push(report) });
  const { size, mode } = await stat(targetPath);
  assert.deepEqual(result, { path: targetPath, bytes: size, files: 3, fingerprint: plan.fingerprint });
  assert.equal(mode & 0o777, 0o600);
  assert.ok(size <= plan.archive_bytes);
  assert.deepEqual(await left(), ["data.zip"]);
  assert.deepEqual(
    progress.map(({ stage }) => stage).filter((stage, index, all) => stage !== all[index - 1]),
    ["scanning", "packaging", "complete"],
  );
  assert.deepEqual([progress.at(-1)?.files_done, progress.at(-1)?.bytes_done], [plan.files, plan.bytes]);

  await extractArchive({ archivePath: targetPath, targetDir: join(folder, "unpacked"), limits });
  for (const name of ["images/a.jpg", "images/a.txt", "images/z.png"] as const) {
    assert.deepEqual(await readFile(join(folder, "unpacked/datasets/cats", name)), Buffer.from(files[name]));
  }
  const dataloader = await readFile(join(folder, "unpacked/dataloader.json"), "utf8");
  assert.ok(!dataloader.includes(folder));
  assert.deepEqual(JSON.parse(dataloader), [
    {
      id: "cats",
      type: "local",
      instance_data_dir: "datasets/cats/",
      cache_dir_vae: "cache/cats/vae",
      conditioning_data: "masks",
    },
    { id: "embeds", type: "local", dataset_type: "text_embeds", cache_dir: "cache/embeds/main" },
  ]);
});

test("equal data from two folders, packed at different times, gives equal bytes; only the times change the fingerprint", async (t) => {
  const folder = await testFolder(t);
  const files = {
    "a.jpg": "1",
    "b/c.txt": "a caption ".repeat(100),
    "d.png": Buffer.alloc(2_500_000, "xyz"),
  };
  const archives: Buffer[] = [];
  const fingerprints: string[] = [];
  for (const name of ["one", "two", "three"]) {
    const source = await writeFiles(join(folder, name), files);
    if (name === "three") await utimes(join(source, "a.jpg"), fixtureTime, fixtureTime + 60);
    const dataloader = [{ id: "set", instance_data_dir: source }];
    const plan = await planDatasets(dataloader);
    await packDatasets({ dataloader, plan, targetPath: join(folder, `${name}.zip`) });
    archives.push(await readFile(join(folder, `${name}.zip`)));
    fingerprints.push(plan.fingerprint);
  }
  assert.ok(archives[1]!.equals(archives[0]!) && archives[2]!.equals(archives[0]!));
  assert.equal(fingerprints[1], fingerprints[0]);
  assert.notEqual(fingerprints[2], fingerprints[0]);
});

test("datasets whose ids differ by case, or share a folder name, keep apart", async (t) => {
  const folder = await testFolder(t);
  const dataloader = [];
  for (const id of ["Cats", "cats", "a/b", "a_b"]) {
    const source = await writeFiles(join(folder, `${dataloader.length}`, "images"), { "1.jpg": id });
    dataloader.push({ id, instance_data_dir: source });
  }
  const plan = await planDatasets(dataloader);
  const { bytes } = await packDatasets({ dataloader, plan, targetPath: join(folder, "a.zip") });
  assert.ok(plan.archive_bytes_exact);
  assert.equal(plan.archive_bytes, bytes);
  await extractArchive({ archivePath: join(folder, "a.zip"), targetDir: join(folder, "out"), limits });
  for (const { id, archive_dir } of plan.datasets)
    assert.equal(await readFile(join(folder, "out", archive_dir, "1.jpg"), "utf8"), id);
});

const changes: [string, RegExp, (source: string) => Promise<unknown>][] = [
  [
    "a file is deleted",
    /images\/a\.jpg was deleted|3 files became 2/,
    (source) => rm(join(source, "images/a.jpg")),
  ],
  ["a file is added", /images\/b\.jpg was added/, (source) => writeFile(join(source, "images/b.jpg"), "x")],
  [
    "a file grows",
    /images\/a\.jpg was added or modified/,
    (source) => appendFile(join(source, "images/a.jpg"), "x"),
  ],
  [
    "a file is renamed",
    /renamed or replaced/,
    (source) => rename(join(source, "images/a.jpg"), join(source, "images/b.jpg")),
  ],
  [
    "a file shrinks and keeps its time",
    /\d+ bytes became \d+/,
    (source) =>
      truncate(join(source, "images/a.jpg"), 5).then(() =>
        utimes(join(source, "images/a.jpg"), fixtureTime, fixtureTime),
      ),
  ],
];

for (const [what, message, change] of changes) {
  test(`${what} after the plan: nothing is packed`, async (t) => {
    const { source, pack, left } = await packed(t);
    await change(source);
    await assert.rejects(pack(), isFailure("dataset_changed", message));
    assert.deepEqual(await left(), []);
  });
}

const changesMeanwhile: [string, RegExp, string][] = [
  ["deleted", /images\/z\.png was deleted/, "rm"],
  ["extended", /images\/z\.png grew from 3000000 to 3000004 bytes/, "grow"],
  ["shortened", /images\/z\.png shrank from 3000000 to 5 bytes/, "shrink"],
  ["touched", /images\/z\.png was modified/, "touch"],
];

for (const [what, message, how] of changesMeanwhile) {
  test(`a file that is ${what} while packing is named and no archive is left`, async (t) => {
    const { source, pack, left } = await packed(t);
    const path = join(source, "images/z.png");
    const act = {
      rm: () => rmSync(path),
      grow: () => appendFileSync(path, "more"),
      shrink: () => truncateSync(path, 5),
      touch: () => utimesSync(path, 1, 1),
    }[how]!;
    let acted = false;
    // The list of files is complete when packaging starts, and nothing has been read.
    const onProgress = ({ stage }: PackagingProgress): void => {
      if (stage !== "packaging" || acted) return;
      acted = true;
      act();
    };
    await assert.rejects(pack({ onProgress }), isFailure("dataset_changed", message));
    assert.deepEqual(await left(), []);
  });
}

test("a dataset that left the configuration, or new rules, need a new plan", async (t) => {
  const { plan, pack, dataloader } = await packed(t);
  await assert.rejects(
    pack({ dataloader: dataloader.slice(1) }),
    isFailure("dataset_changed", /no longer part of the configuration/),
  );
  await assert.rejects(
    pack({ plan: { ...plan, datasets: [] } }),
    isFailure("dataset_changed", /not part of the plan/),
  );
  await assert.rejects(
    pack({ plan: { ...plan, fingerprint: "of other rules" } }),
    isFailure("dataset_changed", /rules/),
  );
});

test("an earlier archive stays whole until the new one is complete, and stale leftovers do not matter", async (t) => {
  const { source, targetPath, pack, left } = await packed(t);
  await writeFile(targetPath, "earlier");
  await writeFile(`${targetPath}.partial`, "left by a crash");
  await appendFile(join(source, "images/a.jpg"), "x");
  await assert.rejects(pack());
  assert.equal(await readFile(targetPath, "utf8"), "earlier");
  await truncate(join(source, "images/a.jpg"), 200_000);
  await utimes(join(source, "images/a.jpg"), fixtureTime, fixtureTime);
  await writeFile(`${targetPath}.partial`, "left by a crash");
  await pack();
  assert.ok((await stat(targetPath)).size > 3_000_000);
  assert.deepEqual(await left(), ["data.zip"]);
});

test("a link planted at the temporary name is not written through", async (t) => {
  const { folder, targetPath, pack } = await packed(t);
  await writeFile(join(folder, "victim"), "precious");
  await symlink(join(folder, "victim"), `${targetPath}.partial`);
  await pack();
  assert.equal(await readFile(join(folder, "victim"), "utf8"), "precious");
});

test("an abort at any stage ends within a second and leaves nothing", async (t) => {
  const { pack, left } = await packed(t);
  for (const at of ["before", "scanning", "packaging"]) {
    const stop = new AbortController();
    if (at === "before") stop.abort(new Error("cancelled"));
    const startedAt = performance.now();
    const onProgress = ({ stage }: PackagingProgress): void => {
      if (stage === at) stop.abort(new Error("cancelled"));
    };
    await assert.rejects(pack({ signal: stop.signal, onProgress }), /cancelled/);
    assert.ok(performance.now() - startedAt < 1000);
    assert.deepEqual(await left(), [], at);
  }
});

test("a list of files that outgrows memory still gives a complete archive", async (t) => {
  const folder = await testFolder(t);
  const deep = Array.from({ length: 4 }, () => "a folder with a long name ".repeat(9)).join("/");
  const names = Array.from({ length: 1300 }, (_, index) => `${deep}/${index}.jpg`);
  const source = await writeFiles(
    join(folder, "set"),
    Object.fromEntries(names.map((name) => [name, name.slice(-8)])),
  );
  const dataloader = [{ id: "set", instance_data_dir: source }];
  const plan = await planDatasets(dataloader);
  await mkdir(join(folder, "out"));
  const archivePath = join(folder, "out", "a.zip");
  const { files } = await packDatasets({ dataloader, plan, targetPath: archivePath });
  assert.equal(files, 1300);
  assert.deepEqual(await readdir(join(folder, "out")), ["a.zip"]);
  assert.equal((await stat(archivePath)).size, plan.archive_bytes);
  await extractArchive({ archivePath, targetDir: join(folder, "unpacked"), limits });
  for (const name of names)
    assert.equal(await readFile(join(folder, "unpacked/datasets/set", name), "utf8"), name.slice(-8));
});

test("a full disk", async (t) => {
  const folder = await testFolder(t);
  const disk = join(folder, "disk");
  await mkdir(disk);
  if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", disk]).status !== 0)
    return t.skip("mounting a small disk needs root");
  try {
    // Media are counted before the first byte is written; text only shows its packed size while it is written.
    for (const [extension, reason] of [
      ["jpg", "foreseen"],
      ["txt", "met while packing"],
    ]) {
      await t.test(reason, async () => {
        const files = Object.fromEntries(
          Array.from({ length: 20 }, (_, index) => [`${index}.${extension}`, randomBytes(700_000)]),
        );
        const source = await writeFiles(join(folder, `set-${extension}`), files);
        const dataloader = [{ id: "set", instance_data_dir: source }];
        const plan = await planDatasets(dataloader);
        await assert.rejects(
          packDatasets({ dataloader, plan, targetPath: join(disk, "a.zip") }),
          isFailure("disk_full", /The disk that holds .*disk is full \(.* free\)/),
        );
        assert.deepEqual(await readdir(disk), []);
      });
    }
    await t.test("while unpacking", async () => {
      const source = await writeFiles(join(folder, "set"), {
        "a.jpg": Buffer.alloc(6_000_000),
        "b.jpg": Buffer.alloc(6_000_000),
      });
      const dataloader = [{ id: "set", instance_data_dir: source }];
      await packDatasets({
        dataloader,
        plan: await planDatasets(dataloader),
        targetPath: join(folder, "a.zip"),
      });
      await assert.rejects(
        extractArchive({ archivePath: join(folder, "a.zip"), targetDir: join(disk, "out"), limits }),
        isFailure("disk_full", /disk is full/),
      );
      assert.deepEqual(await readdir(disk), []);
    });
  } finally {
    assert.equal(spawnSync("umount", [disk]).status, 0);
  }
});
