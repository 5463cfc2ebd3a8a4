import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { runCli } from "../program.ts";
import { capturedIo } from "../testing/captured-io.ts";

describe("storage verify", () => {
  let stateDir: string;
  beforeEach(async () => {
    stateDir = await mkdtemp(join(tmpdir(), "cli-verify-"));
    await mkdir(join(stateDir, "cloud_outputs/outputs"), { recursive: true });
  });
  afterEach(() => rm(stateDir, { recursive: true, force: true }));

  async function verify(...args: string[]): Promise<{ code: number; out: string; err: string }> {
    const { io, read } = capturedIo({ env: { SIMPLETUNER_STATE_DIR: stateDir } });
    const code = await runCli(["storage", "verify", ...args], io);
    return { code, ...read() };
  }

  /** What a lost file leaves: the record of an object that is not there. */
  async function loseObject(): Promise<void> {
    const folder = join(stateDir, "cloud_outputs/.s3/meta/outputs/4d");
    await mkdir(folder, { recursive: true });
    const record = { sizeBytes: 1, modifiedNs: "1", inode: "1", etag: "", checksums: {}, partRuns: [] };
    // SHA-256 of "lost\u001b".
    const name = "4d48d17aea87f6b1cbfffebcc952afa4eeb8a86fee852fba7beb381c0b5e6181";
    await writeFile(join(folder, `${name}.json`), JSON.stringify({ key: "lost\u001b", records: [record] }));
  }

  it("ends with 0 and its counts when nothing is lost, strays or not", async () => {
    await writeFile(join(stateDir, "cloud_outputs/outputs/foreign"), "xyz");
    const { code, out } = await verify();
    assert.equal(code, 0);
    assert.match(out, /stray +outputs\/foreign: nothing is recorded/);
    assert.match(out, /1 object read \(3 B\), 1 stray file\./);
  });

  it("refuses a prefix without a bucket, and a folder without a storage", async () => {
    assert.match((await verify("--prefix", "job1/")).err, /--prefix needs --bucket/);
    const { code, err } = await verify("--state-dir", join(stateDir, "nowhere"));
    assert.equal(code, 1);
    assert.match(err, /There is no storage in .*nowhere/);
  });

  it("ends with 1 when something is lost, and says what without control characters", async () => {
    await loseObject();
    const found = await verify();
    assert.equal(found.code, 1);
    assert.match(found.err, /0 damaged and 1 missing/);
    assert.ok(!found.out.includes("\u001b"));
  });

  it("answers in JSON", async () => {
    await loseObject();
    const { code, out } = await verify("--format", "json");
    const told = JSON.parse(out);
    assert.equal(code, 1);
    assert.equal(told.ok, false);
    assert.equal(told.missing, 1);
    assert.deepEqual(Object.keys(told.findings[0]), [
      "kind",
      "bucket",
      "key",
      "path",
      "problem",
      "quarantined_to",
    ]);
  });
});
