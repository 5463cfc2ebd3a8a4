import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { copyFile, cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { statePaths } from "./config/state-paths.ts";
import { sealedColumns } from "./db/sealed-columns.ts";
import { connectDatabase } from "./db/open-database.ts";
import { credentialKeyState, forgetOldKeys, rotateCredentialKey } from "./rotate-credential-key.ts";
import {
  addDestination,
  addSnapshots,
  boxOf,
  everythingSealed,
  startSealedSite,
} from "./testing/sealed-site.ts";
import { startQuietly } from "./testing/test-log.ts";
import type { TestServer } from "./testing/test-server.ts";
import { chosenDatabase, databaseSkip, freshDatabase } from "./testing/test-database.ts";

const newKey = () => randomBytes(32).toString("base64");
const valuesOf = (sealed: Map<string, string>) => [...sealed.values()].sort();
const seeded = [
  "hf_of_the_job",
  "of_the_hook",
  "of_the_dataset",
  "of_the_bucket",
  "of_the_upload",
  "of_the_collector",
];

describe("what is sealed at rest", () => {
  let server: TestServer;
  before(async () => {
    server = await startSealedSite();
  });
  after(() => server.close());

  test("is in the list that a new key moves: every column that is called sealed, and every one that holds it", async () => {
    const listed = new Set(sealedColumns.map(({ table, column }) => `${table}.${column}`));
    await server.database(async (db) => {
      const tables = await db.introspection.getTables();
      const called = tables.flatMap(({ name, columns }) =>
        columns.filter((column) => /sealed/i.test(column.name)).map((column) => `${name}.${column.name}`),
      );
      assert.deepEqual(
        called.filter((place) => !listed.has(place)),
        [],
      );
      const holding = [...(await everythingSealed(db, boxOf(server))).keys()].map(
        (place) => place.split(" ")[0],
      );
      assert.deepEqual(new Set(holding), listed, "the site has one of each");
    });
  });

  test("is sealed by these files only; a new one names its column in the list and in the site of this test", async () => {
    const known = [
      "db/reseal.ts",
      "services/audit-export.ts",
      "services/destinations.ts",
      "services/job-sync.ts",
      "services/provider-settings.ts",
      "services/storage-keys.ts",
      "services/submit-job.ts",
      "services/upload-tokens.ts",
    ];
    const sources = (await readdir(import.meta.dirname, { recursive: true })).filter(
      (path) => path.endsWith(".ts") && !/\.test\.ts$|testing\//.test(path),
    );
    const sealing: string[] = [];
    for (const path of sources) {
      const text = await readFile(join(import.meta.dirname, path), "utf8");
      if (/\b(box|secrets)\.seal\(/.test(text)) sealing.push(path);
    }
    assert.deepEqual(sealing.sort(), known);
  });
});

describe("a new key", () => {
  let server: TestServer;
  beforeEach(async () => {
    server = await startSealedSite();
  });
  afterEach(() => server.close());

  const place = () => ({ stateDir: server.stateDir, env: server.env });
  const keyFile = () => statePaths(server.stateDir).credentialKey;
  const opened = () => server.database((db) => everythingSealed(db, boxOf(server)));
  const openedByFirst = async () => {
    const [first = ""] = (await readFile(keyFile(), "utf8")).split("\n").filter((line) => /^[^#]/.test(line));
    const only = { stateDir: server.stateDir, env: { ...server.env, SIMPLETUNER_CREDENTIAL_KEY: first } };
    return server.database((db) => everythingSealed(db, boxOf(only)));
  };

  test("is under everything afterwards, while the server runs and people change things", async () => {
    const first = await opened();
    for (const secret of seeded) assert.ok(valuesOf(first).includes(secret), secret);
    const over = new AbortController();
    const made: string[] = [];
    const changes = (async () => {
      for (let turn = 0; !over.signal.aborted; turn++) {
        made.push(`secret_${turn}`);
        await addDestination(server, `Place ${turn}`, `secret_${turn}`);
        await delay(10);
      }
    })();
    const done = await rotateCredentialKey(place()).finally(() => over.abort());
    await changes;
    assert.ok(done.moved >= first.size, `${done.moved} of ${first.size}`);
    assert.deepEqual([done.resumed, done.unreadable], [false, []]);
    const wanted = [...valuesOf(first), ...made].sort();
    assert.deepEqual(valuesOf(await openedByFirst()), wanted);
    assert.equal((await stat(keyFile())).mode & 0o777, 0o600);
    // The running server opens and seals with the new one, without a restart.
    await addDestination(server, "Afterwards", "after");
    assert.ok(valuesOf(await openedByFirst()).includes("after"));
    assert.deepEqual(await forgetOldKeys(place()).then(({ forgotten }) => forgotten.length), 1);
    await server.restart();
    // The credential of no job goes with the restart.
    const kept = wanted.filter((value) => value !== "of_the_upload");
    assert.deepEqual(
      valuesOf(await opened()).filter((value) => value !== "of_the_upload"),
      [...kept, "after"].sort(),
    );
  });

  test("of an earlier release's text is taken too, and what nobody can open stays and is told", async () => {
    await server.stop();
    const stray = boxOf({ stateDir: server.stateDir, env: { SIMPLETUNER_CREDENTIAL_KEY: newKey() } }).seal(
      "lost",
    );
    await server.database(async (db) => {
      const rows = await db.selectFrom("storage_keys").selectAll().execute();
      const [row] = rows;
      assert.ok(row);
      const old = row.sealed_secret.replace(/^sealed:v2:.{16}:/, "sealed:v1:");
      await db.updateTable("storage_keys").set({ sealed_secret: old }).execute();
      await db
        .insertInto("storage_keys")
        .values({ ...row, access_key_id: "STKlost", sealed_secret: stray })
        .execute();
      await db
        .insertInto("job_snapshots")
        .values({
          job_id: "told",
          config: JSON.stringify({ note: "sealed:v1:abc", hub_token: "x" }),
          dataloader: "[]",
          plan: "{}",
        })
        .execute();
    });
    const done = await rotateCredentialKey(place());
    assert.deepEqual(done.unreadable.map(({ place: where, row }) => `${where} ${row}`).sort(), [
      "job_snapshots.config told",
      "storage_keys.sealed_secret STKlost",
    ]);
    await server.database(async (db) => {
      const rows = await db.selectFrom("storage_keys").selectAll().orderBy("access_key_id").execute();
      assert.ok(
        rows.some(({ sealed_secret }) => sealed_secret === stray),
        "left as it was",
      );
      assert.ok(rows.every(({ sealed_secret }) => sealed_secret.startsWith("sealed:v2:")));
    });
    await assert.rejects(
      forgetOldKeys(place()),
      /still needed for job_snapshots.config, storage_keys.sealed_secret/,
    );
  });

  test("reaches a server that has the old one only before anything is sealed with it", async () => {
    const elsewhere = { serverId: "elsewhere", place: "machine-b:/state" };
    const [oldId = ""] = (await credentialKeyState(place())).keyIds;
    await server.database(async (db) => {
      const row = { place: elsewhere.place, key_ids: oldId, seals_with: oldId, seen_at: Date.now() };
      await db
        .insertInto("key_holders")
        .values({ server_id: "elsewhere", ...row })
        .execute();
    });
    await assert.rejects(rotateCredentialKey({ ...place(), waitMs: 3_500 }), /machine-b:\/state/);
    const state = await credentialKeyState(place());
    assert.equal(state.underWay, true);
    assert.deepEqual(Object.keys(state.sealed), [oldId], "nothing was sealed anew");
    // This server has both, and goes on with the one that the other can open.
    await addDestination(server, "Meanwhile", "meanwhile");
    assert.deepEqual(Object.keys((await credentialKeyState(place())).sealed), [oldId]);
    const [, newId = ""] = [oldId, ...state.keyIds];
    await server.database((db) =>
      db
        .updateTable("key_holders")
        .set({ key_ids: state.keyIds.join(","), seals_with: newId })
        .where("server_id", "=", "elsewhere")
        .execute(),
    );
    const done = await rotateCredentialKey(place());
    assert.deepEqual([done.resumed, done.keyId], [true, newId]);
    assert.deepEqual(Object.keys((await credentialKeyState(place())).sealed), [newId]);
    assert.ok(valuesOf(await openedByFirst()).includes("meanwhile"));
  });

  test("leaves the audit a trace without the key, and a second one goes on top", async () => {
    const first = await rotateCredentialKey(place());
    const second = await rotateCredentialKey(place());
    assert.notEqual(first.keyId, second.keyId);
    const { entries } = await server.call("GET /api/audit", { query: { event_type: "secrets.key_rotated" } });
    assert.deepEqual(
      entries.map(({ details }) => (details as { key_id: string }).key_id).sort(),
      [first.keyId, second.keyId].sort(),
    );
    for (const line of (await readFile(keyFile(), "utf8")).split("\n").filter((each) => /^[^#]/.test(each)))
      assert.ok(!JSON.stringify(entries).includes(line));
    assert.equal((await credentialKeyState(place())).keyIds.length, 3);
  });
});

describe(
  "a new key and a kill at any moment",
  { skip: chosenDatabase !== "sqlite" && "kills a file" },
  () => {
    let server: TestServer;
    let folder: string;
    before(async () => {
      server = await startSealedSite();
      await server.stop();
      await server.database((db) => addSnapshots(db, boxOf(server), 1_500));
      folder = await mkdtemp(join(tmpdir(), "rotation "));
    });
    after(async () => {
      await server.close();
      await rm(folder, { recursive: true, force: true });
    });

    /** Rotates in a process of its own, which is killed after so long; answers whether it came to its end. */
    const rotateAndKill = async (stateDir: string, killAfterMs: number): Promise<boolean> => {
      const program = `
      const { rotateCredentialKey } = await import(${JSON.stringify(new URL("rotate-credential-key.ts", import.meta.url).href)});
      console.log("begun");
      await rotateCredentialKey({ stateDir: ${JSON.stringify(stateDir)}, env: {} });`;
      const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      const exited = once(child, "exit");
      await Promise.race([once(child.stdout, "data"), exited]);
      const timer = setTimeout(() => child.kill("SIGKILL"), killAfterMs);
      const [code] = (await exited) as [number | null];
      clearTimeout(timer);
      return code === 0;
    };

    test("every value opens after each of 12 kills, and the next run goes on with the same key", async () => {
      const stateDir = join(folder, "state");
      await cp(server.stateDir, stateDir, { recursive: true });
      const look = async (): Promise<string[]> => {
        const db = await connectDatabase({ kind: "sqlite", path: statePaths(stateDir).database });
        return everythingSealed(db, boxOf({ stateDir, env: {} }))
          .then(valuesOf)
          .finally(() => db.destroy());
      };
      const wanted = await look();
      let kills = 0;
      let ends = 0;
      for (let turn = 0; kills < 12; turn++) {
        // From the first write of the key file to the last look.
        if (await rotateAndKill(stateDir, (turn % 25) * 60)) ends++;
        else kills++;
        assert.deepEqual(await look(), wanted, `after ${kills} kills and ${ends} ends`);
      }
      while (!(await rotateAndKill(stateDir, 120_000)));
      const [first = ""] = (await readFile(statePaths(stateDir).credentialKey, "utf8"))
        .split("\n")
        .filter((line) => /^[^#]/.test(line));
      const db = await connectDatabase({ kind: "sqlite", path: statePaths(stateDir).database });
      try {
        const only = boxOf({ stateDir, env: { SIMPLETUNER_CREDENTIAL_KEY: first } });
        assert.deepEqual(valuesOf(await everythingSealed(db, only)), wanted);
      } finally {
        await db.destroy();
      }
    });
  },
);

describe("keys from outside", () => {
  let server: TestServer;
  let folder: string;
  let keys: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "keys "));
    keys = join(folder, "keys");
    await writeFile(keys, `${newKey()}\n`);
    server = await startSealedSite({ SIMPLETUNER_CREDENTIAL_KEY_FILE: keys });
  });
  after(async () => {
    await server.close();
    await rm(folder, { recursive: true, force: true });
  });

  test("the way is told; once the new key stands before the old one, everything is moved", async () => {
    const place = { stateDir: server.stateDir, env: server.env };
    await assert.rejects(rotateCredentialKey(place), /Put a new one before it, keep the old one behind it/);
    const first = await server.database((db) => everythingSealed(db, boxOf(server)));
    const old = (await readFile(keys, "utf8")).trim();
    await writeFile(`${keys}.new`, `${newKey()}\n${old}\n`);
    await copyFile(`${keys}.new`, keys);
    const done = await rotateCredentialKey(place);
    assert.ok(done.moved >= first.size);
    await assert.rejects(forgetOldKeys(place), /Take them out of SIMPLETUNER_CREDENTIAL_KEY_FILE/);
    await writeFile(keys, `${(await readFile(keys, "utf8")).split("\n")[0]}\n`);
    assert.deepEqual(
      valuesOf(await server.database((db) => everythingSealed(db, boxOf(server)))),
      valuesOf(first),
    );
    // A broken file is told and what was held goes on.
    const good = await readFile(keys, "utf8");
    await writeFile(keys, "short");
    await addDestination(server, "Still", "still");
    await writeFile(keys, good);
    assert.ok(valuesOf(await server.database((db) => everythingSealed(db, boxOf(server)))).includes("still"));
  });

  test("a command may give them; one that fails, or two ways at once, keep the server from starting", async () => {
    const key = newKey();
    const env = (more: NodeJS.ProcessEnv) => ({ stateDir: server.stateDir, env: more });
    const viaCommand = boxOf(env({ SIMPLETUNER_CREDENTIAL_KEY_COMMAND: `printf '%s' '${key}'` }));
    assert.equal(boxOf(env({ SIMPLETUNER_CREDENTIAL_KEY: key })).open(viaCommand.seal("hello")), "hello");
    for (const [more, words] of [
      [{ SIMPLETUNER_CREDENTIAL_KEY_COMMAND: "echo no access >&2; exit 4" }, /exit code 4\): no access/],
      [{ SIMPLETUNER_CREDENTIAL_KEY_COMMAND: "true" }, /holds no key/],
      [{ SIMPLETUNER_CREDENTIAL_KEY_FILE: join(folder, "none") }, /cannot be read \(ENOENT\)/],
      [{ SIMPLETUNER_CREDENTIAL_KEY: key, SIMPLETUNER_CREDENTIAL_KEY_FILE: keys }, /are both set/],
    ] as const) {
      const stateDir = await mkdtemp(join(folder, "state-"));
      await assert.rejects(
        startQuietly({ stateDir, port: 0, env: { ...process.env, SIMPLETUNER_LOG_LEVEL: "error", ...more } }),
        words,
      );
    }
  });
});

describe("two servers of one PostgreSQL", { skip: databaseSkip("postgres") }, () => {
  let folder: string;
  let keyFiles: [own: string, other: string];
  let server: TestServer;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "key files "));
    keyFiles = [join(folder, "one"), join(folder, "two")];
    const key = newKey();
    for (const file of keyFiles) await writeFile(file, `${key}\n`);
    const database = await freshDatabase("postgres", folder);
    const env = {
      SIMPLETUNER_REPLICAS: "true",
      STATE_BACKEND: "postgresql",
      STATE_BACKEND_URL: database.env["SIMPLETUNER_DATABASE_URL"],
      SIMPLETUNER_CREDENTIAL_KEY_FILE: keyFiles[0],
    };
    server = await startSealedSite(env, database);
  });
  after(async () => {
    await server?.close();
    await rm(folder, { recursive: true, force: true });
  });

  test("the second one without the new key holds a rotation up, and none of both meets a value it cannot open", async () => {
    const [own, other] = keyFiles;
    const second = await startQuietly({
      stateDir: server.stateDir,
      port: 0,
      env: { ...server.env, SIMPLETUNER_CREDENTIAL_KEY_FILE: other },
    });
    try {
      const old = (await readFile(own, "utf8")).trim();
      const both = `${newKey()}\n${old}\n`;
      await writeFile(own, both);
      const place = { stateDir: server.stateDir, env: server.env };
      await assert.rejects(rotateCredentialKey({ ...place, waitMs: 1_000 }), /do not seal with the new key/);
      const [, oldId = ""] = (await credentialKeyState(place)).keyIds;
      assert.deepEqual(Object.keys((await credentialKeyState(place)).sealed), [oldId]);
      const going = rotateCredentialKey(place);
      await delay(500);
      await writeFile(other, both);
      const done = await going;
      const { servers } = await credentialKeyState(place);
      for (const { sealsWith } of servers) assert.equal(sealsWith, done.keyId);
      assert.deepEqual([servers.length, done.unreadable], [2, []]);
      const [first] = both.split("\n");
      const box = boxOf({ ...place, env: { SIMPLETUNER_CREDENTIAL_KEY: first } });
      const opened = valuesOf(await server.database((db) => everythingSealed(db, box)));
      for (const secret of seeded) assert.ok(opened.includes(secret), secret);
    } finally {
      await second.close();
    }
  });
});
