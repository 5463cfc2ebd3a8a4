import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { statePaths } from "@simpletuner-cloud/server/config/state-paths.ts";
import { connectDatabase, openDatabase } from "@simpletuner-cloud/server/db/open-database.ts";
import { openStores } from "@simpletuner-cloud/server/db/stores/open-stores.ts";
import { insertJob } from "@simpletuner-cloud/server/db/testing/made-jobs.ts";
import { lockState } from "@simpletuner-cloud/server/state-lock.ts";
import { databaseSkip, freshDatabase } from "@simpletuner-cloud/server/testing/test-database.ts";
import { startTestServer } from "@simpletuner-cloud/server/testing/test-server.ts";
import { runCli } from "../program.ts";
import { capturedIo, ran, type Ran } from "../testing/captured-io.ts";

describe("the database on the command line", () => {
  let folder: string;
  let stateDir: string;
  let env: NodeJS.ProcessEnv;

  const database = async (...args: string[]): Promise<Ran> => {
    const { io, read } = capturedIo({ env: { SIMPLETUNER_STATE_DIR: stateDir, ...env } });
    const code = await runCli(["database", ...args], io);
    return { code, ...read() };
  };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "cli database "));
    stateDir = join(folder, "state");
    env = {};
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  test("without a server it is made, checked, measured and vacuumed, also on a database server", async (context) => {
    for (const kind of ["sqlite", "postgres"] as const) {
      if (databaseSkip(kind)) return context.skip("PostgreSQL was not found");
      const fresh = await freshDatabase(kind, folder);
      ({ env } = fresh);
      try {
        if (kind === "sqlite")
          assert.match((await database("verify", "--offline")).err, /no database in .*state/);
        assert.match((await database("migrate", "--dry-run")).out, /001-foundation[^]*would be made/);
        assert.match((await database("migrate")).out, /001-foundation\n[^]*has this release's schema\.\n/);
        assert.match((await database("migrate")).out, /schema already/);
        assert.match((await database("verify", "--offline")).out, /is sound: \d+ rows in \d+ tables/);
        const stats = JSON.parse((await database("stats", "--offline", "-f", "json")).out);
        assert.equal(stats.engine, kind === "sqlite" ? "SQLite" : "PostgreSQL");
        assert.match((await database("stats", "--offline")).out, /TABLE +ROWS/);
        assert.match((await database("vacuum", "--offline")).out, /^Vacuumed: /);
        assert.match((await database("migrations", "--offline")).out, /001-foundation +\d/);
      } finally {
        await fresh.drop();
      }
    }
  });

  test("what is not sound, damaged or of a newer release ends with 1 and the way out", async () => {
    await database("migrate");
    const { database: path } = statePaths(stateDir);
    const db = await connectDatabase({ kind: "sqlite", path });
    await db.insertInto("user_levels").values({ user_id: "ghost", level_id: "admin" }).execute();
    await db.destroy();
    const unsound = await database("verify", "--offline");
    assert.equal(unsound.code, 1);
    assert.match(unsound.out, /1 levels of users that are not there/);
    assert.match(unsound.err, /backup restore --offline/);
    const again = await connectDatabase({ kind: "sqlite", path });
    await again.insertInto("schema_migrations").values({ name: "999-future", applied_at: 1 }).execute();
    await again.destroy();
    assert.match((await database("migrate")).err, /newer release .*999-future.*Install that release/);
    assert.equal((await database("migrations", "--offline")).code, 1);
    await writeFile(path, Buffer.alloc(8_192, 7));
    assert.match((await database("verify", "--offline")).out, /not a database/);
    assert.match(
      (await database("migrate")).err,
      /is damaged .*database verify --offline.*backup restore --offline/,
    );
    assert.deepEqual(await readFile(path), Buffer.alloc(8_192, 7));
  });

  test("put back to an earlier moment it is settled: what waits is cancelled, no number is given out twice", async () => {
    const { database: path, lock } = statePaths(stateDir);
    const db = await openDatabase(path, Date.now);
    const nothing = (): void => undefined;
    const stores = openStores(db, Date.now, nothing, nothing);
    const jobId = await insertJob(stores);
    assert.match((await database("settle")).err, /add --force/);
    const unlock = lockState(lock);
    assert.match((await database("settle", "--force")).err, /Another server .* already uses/);
    unlock();
    assert.match((await database("settle", "--force")).out, /Settled: 1 job cancelled/);
    const { wire } = (await stores.jobs.find(jobId)) ?? {};
    assert.deepEqual([wire?.status, wire?.error_code], ["cancelled", "job_restored"]);
    const last = (await stores.events.ofJob(jobId, 0, 10)).at(-1);
    assert.ok(Number(last?.id) > 1_000);
    await db.destroy();
    assert.match((await database("verify", "--offline")).out, /is sound/);
  });

  test("a database server that does not answer or refuses is told in one sentence, without the password", async () => {
    env = { SIMPLETUNER_DATABASE_URL: "postgres://ada:hidden@127.0.0.1:9/state" };
    for (const command of [["verify", "--offline"], ["migrate"]]) {
      const { code, err } = await database(...command);
      assert.equal(code, 1);
      assert.match(err, /postgres:\/\/ada@127\.0\.0\.1:9\/state cannot be used: nothing listens there/);
      assert.doesNotMatch(err, /hidden/);
    }
  });

  test("through a server everything works while it runs, and nothing is done behind its back", async () => {
    const server = await startTestServer({ accounts: true });
    try {
      const through = (...args: string[]) => ran(server.url, ["database", ...args]);
      assert.match((await through("health")).out, /answers in [\d.]+ ms/);
      assert.match((await through("verify")).out, /is sound/);
      assert.match((await through("stats")).out, /jobs +0 /);
      assert.match((await through("vacuum")).out, /^Vacuumed: /);
      assert.match((await through("migrations")).out, /001-foundation/);
      const both = await Promise.all([through("vacuum"), through("vacuum")]);
      assert.ok(both.every(({ code, err }) => code === 0 || /vacuumed already/.test(err)));
      await server.database((db) =>
        db.insertInto("user_levels").values({ user_id: "ghost", level_id: "admin" }).execute(),
      );
      assert.equal((await through("verify")).code, 1);
      if (server.env["SIMPLETUNER_DATABASE_URL"]) return;
      stateDir = server.stateDir;
      for (const command of [["vacuum", "--offline"], ["migrate"]])
        assert.match((await database(...command)).err, /Another server .* already uses/);
      assert.match((await database("stats", "--offline")).out, /SQLite/);
    } finally {
      await server.close();
    }
  });
});
