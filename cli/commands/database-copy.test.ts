import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { statePaths } from "@simpletuner-cloud/server/config/state-paths.ts";
import { connectDatabase, openDatabase } from "@simpletuner-cloud/server/db/open-database.ts";
import { openStores } from "@simpletuner-cloud/server/db/stores/open-stores.ts";
import { insertJob } from "@simpletuner-cloud/server/db/testing/made-jobs.ts";
import { lockState } from "@simpletuner-cloud/server/state-lock.ts";
import { databaseSkip, freshDatabase } from "@simpletuner-cloud/server/testing/test-database.ts";
import { runCli } from "../program.ts";
import { capturedIo, type Ran } from "../testing/captured-io.ts";

/** How often a copy is killed on each database; the figure to prove it with is 50. */
const rounds = Number(process.env["COPY_ROUNDS"] ?? 3);
const program = fileURLToPath(new URL("../main.ts", import.meta.url));

describe("database copy", () => {
  let folder: string;
  let stateDir: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "cli copy "));
    stateDir = join(folder, "state");
    const db = await openDatabase(statePaths(stateDir).database, Date.now);
    const nothing = (): void => undefined;
    const stores = openStores(db, Date.now, nothing, nothing);
    for (let count = 0; count < 40; count++) await insertJob(stores, { name: `job ${count}` });
    await db.destroy();
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const copy = async (env: NodeJS.ProcessEnv, ...args: string[]): Promise<Ran> => {
    const { io, read } = capturedIo({ env: { SIMPLETUNER_STATE_DIR: stateDir, ...env } });
    const code = await runCli(["database", "copy", ...args], io);
    return { code, ...read() };
  };

  /** Runs the program and kills it once it has written so many tables, if it did not end before. */
  async function killedAfter(tables: number, env: NodeJS.ProcessEnv): Promise<NodeJS.Signals | null> {
    const child = spawn(process.execPath, [program, "database", "copy"], {
      env: { ...process.env, SIMPLETUNER_STATE_DIR: stateDir, ...env },
      stdio: ["ignore", "ignore", "pipe"],
    });
    let told = "";
    child.stderr.on("data", (piece: Buffer) => {
      told += piece.toString();
      if (told.split(" rows written").length > tables) child.kill("SIGKILL");
    });
    const [, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
    return signal;
  }

  for (const kind of ["postgres", "mariadb"] as const)
    test(`killed at any moment leaves nothing that is used in ${kind}, and the same command completes it`, async (context) => {
      if (databaseSkip(kind)) return context.skip(String(databaseSkip(kind)));
      const { address, env, drop } = await freshDatabase(kind, folder);
      try {
        for (let round = 0; round < rounds; round++) {
          assert.equal(await killedAfter(1 + ((round * 11) % 28), env), "SIGKILL");
          const db = await connectDatabase(address);
          const there = await db.introspection.getTables().finally(() => db.destroy());
          if (kind === "postgres") assert.deepEqual(there, []);
          else await assert.rejects(openDatabase(address, Date.now), /did not get to its end/);
        }
        const done = await copy(env);
        assert.equal(done.code, 0, done.err);
        assert.match(done.out, /jobs +40 +[0-9a-f]{32}/);
        assert.match(done.out, /counts and checksums of both sides are equal/);
        const used = await openDatabase(address, Date.now);
        const { jobs } = await used
          .selectFrom("jobs")
          .select((row) => row.fn.countAll<number>().as("jobs"))
          .executeTakeFirstOrThrow()
          .finally(() => used.destroy());
        assert.equal(jobs, 40);
        assert.match((await copy(env)).err, /holds \d+ tables already/);
        const back = join(folder, "back.db");
        const from = env["SIMPLETUNER_DATABASE_URL"] ?? "";
        const returned = await copy({}, "--from", from, "--to", back, "-f", "json");
        const tables = JSON.parse(returned.out).tables as { name: string; checksum: string }[];
        for (const { name, checksum } of tables) assert.match(done.out, new RegExp(`${name} .*${checksum}`));
      } finally {
        await drop();
      }
    });

  test("nothing is copied from what is in use, from nothing, to nowhere or onto itself", async (context) => {
    const { database: path, lock } = statePaths(stateDir);
    assert.match((await copy({})).err, /with --to or with SIMPLETUNER_DATABASE_URL/);
    assert.match((await copy({}, "--to", path)).err, /same database/);
    assert.match(
      (await copy({}, "--from", join(folder, "no.db"), "--to", "x.db")).err,
      /There is no database/,
    );
    const unlock = lockState(lock);
    assert.match((await copy({}, "--to", join(folder, "other.db"))).err, /Another server .* already uses/);
    unlock();
    if (databaseSkip("postgres")) return context.skip("PostgreSQL was not found");
    const fresh = await freshDatabase("postgres", folder);
    const db = await openDatabase(fresh.address, Date.now);
    const from = fresh.env["SIMPLETUNER_DATABASE_URL"] ?? "";
    await db.selectFrom("jobs").selectAll().execute();
    const refused = await copy({}, "--from", from, "--to", join(folder, "other.db"));
    assert.match(refused.err, /Others use the database \(1 connections\)\. Stop its servers/);
    await db.destroy();
    await fresh.drop();
  });
});
