import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmod, mkdir, rename, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { homedir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Failure } from "@simpletuner-cloud/contract/errors.ts";
import type { ErrorCode } from "@simpletuner-cloud/contract/errors.ts";
import { fixtureTime, testFolder, writeFiles } from "./dataset-fixture.ts";
import type { PlanOptions } from "./dataset-plan.ts";
import { planDatasets } from "./dataset-plan.ts";

const rejectsWith = (work: Promise<unknown>, code: ErrorCode, text: RegExp): Promise<void> =>
  assert.rejects(
    work,
    (error) => error instanceof Failure && error.code === code && text.test(error.message),
  );

const planOf = (folder: string, options?: PlanOptions) =>
  planDatasets([{ id: "cats", instance_data_dir: folder }], options);

test("refused roots", async (t) => {
  const folder = await testFolder(t);
  for (const name of ["a/.ssh", "a/.GIT/objects", "a/.aws/b", "a/.config", "a/.gnupg"])
    await mkdir(join(folder, name), { recursive: true });
  await symlink("/etc", join(folder, "link"));
  const inside = [".ssh", ".GIT/objects", ".aws/b", ".config", ".gnupg"].map((name) =>
    join(folder, "a", name),
  );
  for (const path of [
    "/",
    "/etc",
    "/usr/share",
    "/proc/self",
    "/dev/shm",
    "/run/secrets",
    "~",
    homedir(),
    ...inside,
    join(folder, "link"),
  ]) {
    await t.test(path, () => rejectsWith(planOf(path), "dataset_refused", /never packaged/));
  }
  await t.test("the folder that holds the home folder", () =>
    rejectsWith(planOf(folder, { homeDir: join(folder, "a") }), "dataset_refused", /home/),
  );
  await t.test("the server's own data", () =>
    rejectsWith(planOf(join(folder, "a"), { privateDirs: [folder] }), "dataset_refused", /server/),
  );
});

test("a missing folder, a file in its place, and an empty folder are named", async (t) => {
  const folder = await writeFiles(await testFolder(t), {
    "file.jpg": "x",
    "only/.env": "SECRET=1",
    "only/.git/config": "x",
  });
  await mkdir(join(folder, "empty"));
  await rejectsWith(planOf(join(folder, "nowhere")), "dataset_missing", /nowhere does not exist/);
  await rejectsWith(planOf(join(folder, "file.jpg", "x")), "dataset_missing", /file\.jpg/);
  await rejectsWith(planOf(join(folder, "file.jpg")), "dataset_not_a_folder", /file\.jpg is not a folder/);
  await rejectsWith(planOf(join(folder, "empty")), "dataset_empty", /"cats".*0 files were excluded/);
  await rejectsWith(planOf(join(folder, "only")), "dataset_empty", /2 files were excluded/);
});

test("an unreadable folder or file is named", async (t) => {
  const folder = await writeFiles(await testFolder(t), {
    "closed/a.jpg": "x",
    "open/sub/b.jpg": "x",
    "open/c.jpg": "x",
    "deep/sub/d.jpg": "x",
  });
  await chmod(join(folder, "closed"), 0);
  await chmod(join(folder, "open/sub/b.jpg"), 0o200);
  await chmod(join(folder, "deep/sub"), 0);
  await chmod(folder, 0o755);
  // Root may read everything, so the plan is made by another user.
  const user = process.geteuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
  const script = `import { planDatasets } from ${JSON.stringify(new URL("dataset-plan.ts", import.meta.url).href)};
    for (const dir of ["closed", "open", "deep"]) await planDatasets([{ id: "cats", instance_data_dir: ${JSON.stringify(folder)} + "/" + dir }], { homeDir: "/nowhere" })
      .catch((error) => console.log(error.code, error.message));`;
  const run = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
    ...user,
    encoding: "utf8",
  });
  for (const name of ["closed", "deep/sub"]) await chmod(join(folder, name), 0o700);
  if (run.stderr.includes("EACCES") && run.stdout === "")
    return t.skip("another user cannot read this checkout");
  const lines = run.stdout.trim().split("\n");
  assert.equal(lines.length, 3, run.stderr);
  assert.match(lines[0]!, /^dataset_unreadable .*closed cannot be read \(permission denied\)/);
  assert.match(lines[1]!, /^dataset_unreadable .*open\/sub\/b\.jpg cannot be read/);
  assert.match(lines[2]!, /^dataset_unreadable .*deep\/sub\/? cannot be read/);
});

test("what is left out is listed with its reason and counted", async (t) => {
  const folder = await writeFiles(join(await testFolder(t), "set"), {
    "a.jpg": "12345",
    "b/c.txt": "text",
    "b/.env": "SECRET",
    "b/.git/config": "12",
    "b/.git/objects/aa": "345",
    "cache_dir_vae/x.pt": "cached",
    "vae/deep/y.pt": "cached too",
    "keys/server.pem": "key",
    "keys/Credentials.JSON": "{}",
    "Thumbs.db": "t",
  });
  const plan = await planDatasets([
    { id: "cats", instance_data_dir: folder, cache_dir_vae: join(folder, "vae") },
  ]);
  const [dataset] = plan.datasets;
  assert.deepEqual(
    dataset!.excluded.map(({ path, rule, is_dir, files, bytes }) => [path, rule, is_dir, files, bytes]),
    [
      ["Thumbs.db", "system-file", false, 1, 1],
      ["b/.env", "env-file", false, 1, 6],
      ["b/.git/", "git", true, 2, 5],
      ["cache_dir_vae/", "trainer-cache", true, 1, 6],
      ["keys/Credentials.JSON", "credentials", false, 1, 2],
      ["keys/server.pem", "key", false, 1, 3],
      ["vae/", "configured-cache", true, 1, 10],
    ],
  );
  for (const item of dataset!.excluded) assert.match(item.reason, /\w+/);
  assert.deepEqual([plan.files, plan.bytes, plan.excluded_files, plan.excluded_bytes], [2, 9, 8, 33]);
  assert.equal(dataset!.newest_mtime_ms, fixtureTime * 1000);
  assert.equal(dataset!.archive_dir, "datasets/cats/");
});

test("links are followed only to files inside that may themselves be packaged", async (t) => {
  const base = await testFolder(t);
  const folder = await writeFiles(join(base, "set"), {
    "a.jpg": "12345",
    ".env": "S",
    "sub/b.jpg": "1",
    "own/jobs.db": "d",
  });
  await writeFile(join(base, "outside.jpg"), "secret");
  const links = {
    "in.jpg": "sub/b.jpg",
    "out.jpg": "../outside.jpg",
    "up.jpg": "../set/a.jpg",
    "env.txt": ".env",
    "private.txt": "own/jobs.db",
    "gone.jpg": "nothing",
    "self.jpg": "self.jpg",
    loop: ".",
    folder: "sub",
    device: "/dev/null",
  };
  for (const [name, target] of Object.entries(links)) await symlink(target, join(folder, name));
  const plan = await planOf(folder, { privateDirs: [join(folder, "own")] });
  const rules = Object.fromEntries(plan.datasets[0]!.excluded.map(({ path, rule }) => [path, rule]));
  assert.deepEqual(rules, {
    ".env": "env-file",
    device: "link-outside",
    "env.txt": "link-to-excluded",
    folder: "link-to-folder",
    "gone.jpg": "link-broken",
    loop: "link-loop",
    "out.jpg": "link-outside",
    "own/": "server-private",
    "private.txt": "link-to-excluded",
    "self.jpg": "link-loop",
  });
  assert.equal(plan.files, 4);
  assert.equal(plan.bytes, 5 + 1 + 1 + 5);
});

test("sockets, pipes and names that are not UTF-8 are left out", async (t) => {
  const folder = await writeFiles(await testFolder(t), { "a.jpg": "1" });
  const server = createServer().listen(join(folder, "socket"));
  t.after(() => server.close());
  await new Promise((resolve) => server.once("listening", resolve));
  assert.equal(spawnSync("mkfifo", [join(folder, "pipe")]).status, 0);
  await writeFile(
    Buffer.concat([Buffer.from(`${folder}/bad-`), Buffer.from([0xff, 0xfe]), Buffer.from(".jpg")]),
    "x",
  );
  await mkdir(Buffer.concat([Buffer.from(`${folder}/bad-`), Buffer.from([0xff])]));
  await writeFile(join(folder, "good-\ufffd.jpg"), "x");
  const plan = await planOf(folder);
  assert.deepEqual(plan.datasets[0]!.excluded.map(({ rule }) => rule).sort(), [
    "name-not-utf8",
    "name-not-utf8",
    "special-file",
    "special-file",
  ]);
  assert.equal(plan.files, 2);
});

test("only so many exclusions are listed, all are counted", async (t) => {
  const files = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`.hidden${index}`, "xy"]));
  const folder = await writeFiles(await testFolder(t), { ...files, "a.jpg": "1" });
  const [dataset] = (await planOf(folder, { listedExclusions: 7 })).datasets;
  assert.deepEqual(
    [dataset!.excluded.length, dataset!.excluded_entries, dataset!.excluded_files, dataset!.excluded_bytes],
    [7, 30, 30, 60],
  );
});

test("equal data in two folders gives equal fingerprints, any change another", async (t) => {
  const base = await testFolder(t);
  const files = { "a.jpg": "12345", "b/c.jpg": "6", "b/d.txt": "7", ".git/HEAD": "x" };
  const one = await writeFiles(join(base, "one"), files);
  const two = await writeFiles(join(base, "two"), files);
  const before = (await planOf(one)).fingerprint;
  assert.equal((await planOf(two)).fingerprint, before);
  const changes: [string, () => Promise<unknown>][] = [
    ["an excluded file changes nothing", () => writeFile(join(two, ".git/index"), "y")],
    ["a newer file", () => utimes(join(two, "a.jpg"), fixtureTime, fixtureTime + 1)],
    ["another size", () => writeFiles(two, { "a.jpg": "123456" })],
    ["a renamed file", () => rename(join(two, "b/c.jpg"), join(two, "b/e.jpg"))],
    ["a deleted file", () => rm(join(two, "b/d.txt"))],
    ["an added file", () => writeFiles(two, { "z.jpg": "" })],
  ];
  const seen = [before];
  for (const [what, change] of changes) {
    await change();
    const { fingerprint } = await planOf(two);
    if (what.startsWith("an excluded")) assert.equal(fingerprint, before, what);
    else assert.ok(!seen.includes(fingerprint), what);
    seen.push(fingerprint);
  }
});

test("the fingerprint covers the ids and not the order of datasets", async (t) => {
  const base = await testFolder(t);
  const a = { id: "a", instance_data_dir: await writeFiles(join(base, "one"), { "1.jpg": "1" }) };
  const b = { id: "b", instance_data_dir: await writeFiles(join(base, "two"), { "2.jpg": "2" }) };
  const plan = await planDatasets([a, b]);
  assert.equal((await planDatasets([b, a])).fingerprint, plan.fingerprint);
  assert.notEqual((await planDatasets([a, { ...b, id: "c" }])).fingerprint, plan.fingerprint);
  assert.notEqual(
    (
      await planDatasets([
        { ...a, id: "b" },
        { ...b, id: "a" },
      ])
    ).fingerprint,
    plan.fingerprint,
  );
  assert.deepEqual(
    (await planDatasets([b, a])).datasets.map(({ id }) => id),
    ["b", "a"],
  );
});

test("relative and home paths start where the caller says, and a plan is plain JSON", async (t) => {
  const base = await testFolder(t);
  await writeFiles(join(base, "home/sets/cats"), { "a.jpg": "1" });
  const host = { baseDir: join(base, "home/sets"), homeDir: join(base, "home") };
  const plan = await planOf("cats", host);
  assert.equal((await planOf("~/sets/cats", host)).fingerprint, plan.fingerprint);
  assert.deepEqual(JSON.parse(JSON.stringify(plan)), plan);
});

test("no local dataset is an empty plan, and a scan can be aborted", async (t) => {
  assert.equal((await planDatasets([{ id: "a", type: "aws" }])).files, 0);
  const folder = await writeFiles(await testFolder(t), { "a.jpg": "1" });
  await assert.rejects(planOf(folder, { signal: AbortSignal.abort(new Error("stopped")) }), /stopped/);
});
