import assert from "node:assert/strict";
import fs from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { startTestServer } from "../testing/test-server.ts";
import { statePaths } from "../config/state-paths.ts";
import { applyRestore, pendingRestore } from "./restore-backup.ts";

describe("a restore that a crash cuts off", () => {
  let folder: string;
  let staged: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "restore test "));
    const server = await startTestServer();
    const save = (name: string, steps: number) =>
      server.call("PUT /api/configs/{name}", {
        params: { name },
        body: { config: { max_train_steps: steps } },
      });
    await save("both", 1);
    await save("gone", 1);
    const { backup } = await server.call("POST /api/backup", { body: {} });
    await save("both", 2);
    await save("since", 2);
    await server.call("DELETE /api/configs/{name}", { params: { name: "gone" } });
    await server.call("POST /api/backup/{backup_id}/restore", { params: { backup_id: backup.id }, body: {} });
    staged = join(folder, "staged");
    await cp(server.stateDir, staged, { recursive: true });
    await server.close();
  });
  after(() => rm(folder, { recursive: true, force: true }));

  /** What the state directory holds, as far as a restore decides it. */
  async function result(stateDir: string): Promise<unknown> {
    const paths = statePaths(stateDir);
    const configs = (await readdir(paths.configs)).filter((name) => name !== "cloud").sort();
    const cloud = join(paths.configs, "cloud");
    const kept = (await readdir(cloud)).filter((name) => name.startsWith("replaced-"));
    return {
      configs,
      both: JSON.parse(await readFile(join(paths.configs, "both", "config.json"), "utf8")) as unknown,
      database: (await readFile(paths.database)).length,
      kept: (await readdir(join(cloud, kept[0] ?? "nothing was kept")))
        .filter((name) => name !== "jobs.db-shm")
        .sort(),
      keptConfigs: (await readdir(join(cloud, kept[0] ?? "", "configs"))).sort(),
      pending: pendingRestore(paths),
    };
  }

  /** Ends with an error in place of the n-th rename, as a crash would; false when there were fewer. */
  function crashesAt(n: number, work: () => unknown): boolean {
    const real = fs.renameSync;
    let renames = 0;
    fs.renameSync = (...args) => {
      if (++renames === n) throw Object.assign(new Error("crashed"), { code: "ECRASH" });
      real(...args);
    };
    syncBuiltinESMExports();
    try {
      work();
      return false;
    } catch (error) {
      assert.match((error as Error).message, /crashed/);
      return true;
    } finally {
      fs.renameSync = real;
      syncBuiltinESMExports();
    }
  }

  it("ends the same, wherever that was", async () => {
    const whole = join(folder, "whole");
    await cp(staged, whole, { recursive: true });
    assert.ok(applyRestore(statePaths(whole)));
    const expected = await result(whole);
    assert.deepEqual((expected as { configs: string[] }).configs, ["both", "gone"]);
    assert.deepEqual((expected as { keptConfigs: string[] }).keptConfigs, ["both", "since"]);
    let crashes = 0;
    for (let n = 1; ; n++) {
      const stateDir = join(folder, `crash-${n}`);
      await cp(staged, stateDir, { recursive: true });
      const crashed = crashesAt(n, () => applyRestore(statePaths(stateDir)));
      if (crashed) {
        crashes++;
        // And once more a step later, before it is let through.
        crashesAt(2, () => applyRestore(statePaths(stateDir)));
        applyRestore(statePaths(stateDir));
      }
      assert.deepEqual(await result(stateDir), expected, `crashed at rename ${n}`);
      await rm(stateDir, { recursive: true });
      if (!crashed) break;
    }
    assert.ok(crashes >= 8, `${crashes} places were tried`);
  });

  it("does nothing without a mark, whatever lies staged", async () => {
    const stateDir = join(folder, "unmarked");
    await cp(staged, stateDir, { recursive: true });
    const paths = statePaths(stateDir);
    await rm(join(paths.restore, "pending.json"));
    await mkdir(join(paths.restore, "more"));
    await writeFile(join(paths.restore, "pending.json.new"), "{");
    assert.equal(applyRestore(paths), null);
    assert.deepEqual((await readdir(paths.configs)).includes("since"), true);
  });
});
