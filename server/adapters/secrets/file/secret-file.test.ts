import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, stat, writeFile, chmod } from "node:fs/promises";
import { watch } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { SecretSourceError } from "../secret-source.ts";
import { secretFile } from "./secret-file.ts";

describe("the file of secrets", () => {
  let folder: string;
  const path = (name = "secrets.json") => join(folder, name);
  const modeOf = async (name?: string) => (await stat(path(name))).mode & 0o777;

  beforeEach(async () => {
    folder = join(await mkdtemp(join(tmpdir(), "secret file ")), "state");
  });
  afterEach(() => rm(join(folder, ".."), { recursive: true }));

  test("is made on the first write, for its user alone, whatever the umask says", async () => {
    const umask = process.umask(0);
    try {
      const file = secretFile(folder);
      assert.equal(await file.write("hf-token", "hf_1"), path());
      assert.equal(await modeOf(), 0o600);
      assert.equal((await stat(folder)).mode & 0o777, 0o700);
      assert.deepEqual(JSON.parse(await readFile(path(), "utf8")), { HF_TOKEN: "hf_1" });
      assert.equal(await file.warning?.(), null);
      assert.deepEqual(await readdir(folder), ["secrets.json"]);
    } finally {
      process.umask(umask);
    }
  });

  test("no file in the folder can be read by others at any moment of a write", async () => {
    const file = secretFile(folder);
    await file.write("FIRST", "1");
    const open: string[] = [];
    const looks: Promise<void>[] = [];
    const look = async (name: string): Promise<void> => {
      const found = await stat(path(name)).catch(() => null);
      if (found && (found.mode & 0o077) !== 0) open.push(name);
    };
    const watcher = watch(folder, (_, name) => void looks.push(look(String(name))));
    const umask = process.umask(0);
    try {
      for (let index = 0; index < 30; index++) await file.write("SECOND", String(index));
    } finally {
      process.umask(umask);
      watcher.close();
    }
    await Promise.all(looks);
    assert.deepEqual(open, []);
  });

  test("writes at the same moment all count, and readers see whole files only", async () => {
    const file = secretFile(folder);
    await file.write("S0", "x".repeat(20_000));
    const writes = Array.from({ length: 20 }, (_, index) => file.write(`S${index}`, "x".repeat(20_000)));
    const done = new AbortController();
    const reading = (async () => {
      while (!done.signal.aborted) JSON.parse(await readFile(path(), "utf8"));
    })();
    await Promise.all(writes);
    done.abort();
    await reading;
    assert.equal((await secretFile(folder).read()).size, 20);
  });

  test("keeps what stands there: other secrets, comments of YAML; removes a secret under any of its names", async () => {
    const yaml = "hf.token: hf_1\n# of the team\nother: 2 # renewed in May\n";
    await rm(folder, { force: true, recursive: true });
    const made = secretFile(folder);
    await made.write("X", "1");
    await rm(path());
    await writeFile(path("secrets.yaml"), yaml, { mode: 0o600 });
    await made.write("REPLICATE_API_TOKEN", "r8_1");
    assert.equal(await readFile(path("secrets.yaml"), "utf8"), `${yaml}REPLICATE_API_TOKEN: r8_1\n`);
    await made.write("HF_TOKEN", null);
    assert.match(await readFile(path("secrets.yaml"), "utf8"), /^# of the team\nother: 2 # renewed in May\n/);
    assert.deepEqual(await readdir(folder), ["secrets.yaml"]);
  });

  test("one that others can read is told, and is not readable by them after the next write", async () => {
    const file = secretFile(folder);
    await file.write("A", "1");
    await chmod(path(), 0o644);
    assert.match((await file.warning?.()) ?? "", /chmod 600/);
    await file.write("B", "2");
    assert.equal(await modeOf(), 0o600);
  });

  test("a damaged file is neither overwritten nor quoted", async () => {
    const file = secretFile(folder);
    await file.write("A", "1");
    for (const damaged of ['{"HF_TOKEN": "hf_secret', "[1]", "null"]) {
      await writeFile(path(), damaged);
      const outcome = await file.write("B", "2").catch((error: unknown) => error);
      if (damaged.startsWith("{")) {
        assert.ok(outcome instanceof SecretSourceError);
        assert.doesNotMatch(outcome.message, /hf_/);
        assert.equal(await readFile(path(), "utf8"), damaged);
      }
      await rm(path(), { force: true });
    }
  });
});
