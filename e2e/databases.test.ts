import assert from "node:assert/strict";
import { chmod, chown, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { databaseServer, databaseServerSkip } from "@simpletuner-cloud/server/testing/real-services.ts";
import { type ServerProcess, startServerProcess } from "@simpletuner-cloud/server/testing/server-process.ts";
import { makeDataset, waitForJob } from "@simpletuner-cloud/server/testing/test-server.ts";
import { freePort, outputOf, repository, runProgram } from "./testing/run-program.ts";

/** A box of the page. */
interface Block {
  readonly heading: string;
  readonly text: string;
  /** Runs as the user that PostgreSQL runs as. */
  readonly ofDatabase: boolean;
}

const page = await readFile(join(repository, "docs", "DATABASES.md"), "utf8");
const blocks: readonly Block[] = [...page.matchAll(/```sh( pitr)?\n(.*?)```/gs)].map((found) => ({
  text: found[2] ?? "",
  ofDatabase: found[1] !== undefined,
  heading: /.*^#+ (.*?)$/ms.exec(page.slice(0, found.index))?.[1] ?? "",
}));
const backToAMoment = "PostgreSQL: back to any moment";
/** Headings of boxes that a server runs for, and on which database. */
const whileItRuns = new Map<string, (postgresPort: string) => NodeJS.ProcessEnv>([
  ["Look after it while it runs", () => ({})],
  [
    "Back it up while it runs",
    (port) => ({ SIMPLETUNER_DATABASE_URL: `postgres://app@localhost:${port}/simpletuner` }),
  ],
]);

const initdb = process.env["TEST_POSTGRES_INITDB"] ?? "";
const skip =
  databaseServerSkip("postgres") ||
  databaseServerSkip("mariadb") ||
  (process.env["TEST_SQLITE3"] === undefined && "sqlite3 was not found") ||
  (initdb === "" && "PostgreSQL's programs were not found");
/** PostgreSQL refuses to run as root: `nobody` does. */
const account = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};

describe("every command of the page about databases", { skip, timeout: 600_000 }, () => {
  let home = "";
  let env: NodeJS.ProcessEnv = {};
  before(async () => {
    home = await mkdtemp(join(tmpdir(), "databases-"));
    const bin = join(home, "bin");
    await mkdir(bin);
    const program = join(bin, "simpletuner-cloud");
    const main = join(repository, "cli", "main.ts");
    await writeFile(program, `#!/bin/sh\nexec "${process.execPath}" "${main}" "$@"\n`);
    await chmod(program, 0o755);
    const { PATH = "", TEST_SQLITE3: sqlite3 = "" } = process.env;
    env = { PATH: [bin, dirname(initdb), dirname(sqlite3), PATH].join(delimiter), HOME: home };
  });
  after(() => rm(home, { recursive: true, force: true }));

  const run = async (text: string, more: NodeJS.ProcessEnv = {}): Promise<void> => {
    await using shell = runProgram("bash", ["-euo", "pipefail", "-c", text], {
      cwd: home,
      env: { ...env, ...more },
    });
    assert.equal(await shell.ended, 0, `${text}\n${shell.output()}`);
  };

  it("is there", () => assert.ok(blocks.length >= 10, "the page has lost its commands"));

  for (const { heading, text } of blocks.filter((block) => block.heading !== backToAMoment))
    it(`under "${heading}" works as it is written`, async () => {
      let server: ServerProcess | null = null;
      const postgresPort = new URL(await databaseServer("postgres")).port;
      const places = new Map([
        ["5432", postgresPort],
        ["3306", new URL(await databaseServer("mariadb")).port],
      ]);
      const envOf = whileItRuns.get(heading);
      if (envOf) {
        const own = { HOME: home, SIMPLETUNER_STATE_DIR: undefined };
        server = await startServerProcess({ ...own, ...envOf(postgresPort) });
      }
      const here = text.replaceAll(/\b(5432|3306)\b/g, (port) => places.get(port) ?? port);
      try {
        await run(here, server === null ? {} : { SIMPLETUNER_PORT: new URL(server.url).port });
      } finally {
        await server?.stop();
      }
    });

  it(`under "${backToAMoment}" brings back that moment and nothing later`, async () => {
    const place = await postgresOfItsOwn();
    const { port, folder } = place;
    const url = `postgres://app@localhost:${port}/simpletuner`;
    const own = { HOME: folder, PGDATA: join(folder, "data"), ARCHIVE: join(folder, "archive") };
    const [once, weekly, back, afterwards] = blocks.filter(({ heading }) => heading === backToAMoment);
    const asDatabase = async (block: Block | undefined, moment = ""): Promise<void> => {
      assert.ok(block?.ofDatabase);
      const text = block.text.replaceAll("5432", String(port));
      const more = { ...own, BASE: join(folder, "base"), MOMENT: moment };
      const options = { cwd: folder, env: { ...env, ...more }, ...account };
      await outputOf("bash", ["-euo", "pipefail", "-c", text], options);
    };
    try {
      await outputOf("createdb", ["-h", "localhost", "-p", String(port), "-U", "app", "simpletuner"], {
        env,
      });
      await asDatabase(once);
      let server = await serverOn(url, folder);
      await server.submit("before the base backup");
      await asDatabase(weekly);
      await server.submit("after the base backup");
      const clock = ["-h", "localhost", "-p", String(port), "-U", "app", "-d", "simpletuner", "-At"];
      const moment = (await outputOf("psql", [...clock, "-c", "select clock_timestamp()"], { env })).trim();
      await delay(1_100);
      await server.submit("too late");
      await server.process.stop();
      await asDatabase(back, moment);
      const text = afterwards?.text.replaceAll("5432", String(port)) ?? "";
      await run(text, { SIMPLETUNER_STATE_DIR: join(folder, "state") });
      server = await serverOn(url, folder);
      const { jobs } = await server.process.call("GET /api/cloud/jobs", { query: { limit: 10 } });
      await server.process.stop();
      assert.deepEqual(jobs.map(({ name }) => name).sort(), [
        "after the base backup",
        "before the base backup",
      ]);
    } finally {
      await place.end();
    }
  });
});

/** A PostgreSQL whose settings and files a test may change. */
async function postgresOfItsOwn() {
  const folder = await mkdtemp(join(tmpdir(), "moment-"));
  await mkdir(join(folder, "archive"));
  if (account.uid !== undefined)
    for (const path of [folder, join(folder, "archive")]) await chown(path, account.uid, account.gid);
  const port = await freePort();
  const data = join(folder, "data");
  const options = {
    cwd: folder,
    env: { PATH: process.env["PATH"], HOME: folder, LC_ALL: "C.UTF-8" },
    ...account,
  };
  const pgCtl = join(dirname(initdb), "pg_ctl");
  await outputOf(initdb, ["-D", data, "-U", "app", "-A", "trust", "--no-sync", "-E", "UTF8"], options);
  const settings = [
    `port = ${port}`,
    `unix_socket_directories = '${folder}'`,
    "listen_addresses = 'localhost'",
  ];
  await writeFile(join(data, "postgresql.conf"), [...settings, "shared_buffers = 32MB", ""].join("\n"), {
    flag: "a",
  });
  const log = join(folder, "postgres.log");
  await outputOf(pgCtl, ["-D", data, "-w", "-l", log, "start"], options);
  return {
    port,
    folder,
    async end() {
      await outputOf(pgCtl, ["-D", data, "-m", "immediate", "stop"], options).catch(() => undefined);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A server on a database, whose jobs end at once. */
async function serverOn(url: string, folder: string) {
  const process = await startServerProcess({
    SIMPLETUNER_DATABASE_URL: url,
    SIMPLETUNER_STATE_DIR: join(folder, "state"),
    SIMPLETUNER_TRAINER_COMMAND: "/bin/true",
  });
  const { dataloader } = await makeDataset(folder);
  return {
    process,
    async submit(name: string): Promise<void> {
      const body = { name, config: { max_train_steps: 1 }, dataloader_config: dataloader };
      const { job_id } = await process.call("POST /api/cloud/jobs/submit", { body });
      await waitForJob(process.call, job_id, ({ is_terminal }) => is_terminal, 60_000);
    },
  };
}
