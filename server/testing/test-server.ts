import { mkdtemp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type ApiClient, apiClient } from "@simpletuner-cloud/contract/client.ts";
import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import type { Caller } from "@simpletuner-cloud/contract/permissions.ts";
import { statePaths } from "../config/state-paths.ts";
import type { JobDatabase } from "../db/job-database.ts";
import { connectDatabase } from "../db/open-database.ts";
import { singleUser } from "../services/credentials.ts";
import { type StartOptions, startServer } from "../main.ts";
import { chosenDatabase, type FreshDatabase, freshDatabase } from "./test-database.ts";
import { testLog } from "./test-log.ts";

/** Callers that tests may be, chosen by the header `x-test-user`. */
export const testCallers: Record<string, Caller> = {
  local: singleUser,
  ada: {
    userId: "ada",
    username: "ada",
    grants: [
      "job.submit",
      "job.view.own",
      "job.cancel.own",
      "job.delete.own",
      "config.view",
      "queue.view",
      "api.access",
    ],
  },
  bob: {
    userId: "bob",
    username: "bob",
    grants: [
      "job.submit",
      "job.view.own",
      "job.cancel.own",
      "job.delete.own",
      "config.view",
      "queue.view",
      "api.access",
    ],
  },
  author: { userId: "author", username: "author", grants: ["config.view", "config.create"] },
  viewer: { userId: "viewer", username: "viewer", grants: ["job.view.own", "config.view"] },
};

/** A real server in a temporary folder, whose answers are checked against the contract. */
export interface TestServer {
  url: string;
  /** As `RunningServer` tells it. */
  accessUrl: string | null;
  folder: string;
  stateDir: string;
  /** What it runs with: the database is among it. */
  env: NodeJS.ProcessEnv;
  /** Reads and writes its database beside it, on a connection of its own. */
  database<Answer>(work: (db: JobDatabase) => Promise<Answer>): Promise<Answer>;
  call: ApiClient;
  /** A client of another caller: ada, bob, author or viewer; `nobody` sends no proof at all. */
  as: (name: string) => ApiClient;
  /** Stops the server, runs go on; `restart` starts it again. */
  stop: () => Promise<void>;
  /** Stops the server if it runs and starts it again on the same state. */
  restart: () => Promise<void>;
  close: () => Promise<void>;
}

/**
 * Starts a {@link TestServer}, on the database that is given or that TEST_DATABASE names. `script` is a shell script that trains instead of the real trainer; with `accounts` callers
 * prove who they are as they do anywhere, and `x-test-user` means nothing.
 */
export async function startTestServer(
  options: {
    script?: string;
    env?: NodeJS.ProcessEnv;
    now?: () => number;
    accounts?: boolean;
    database?: FreshDatabase;
  } = {},
): Promise<TestServer> {
  const folder = await mkdtemp(join(tmpdir(), "simpletuner test "));
  const stateDir = join(folder, "state");
  const database = options.database ?? (await freshDatabase(chosenDatabase, folder));
  const env = await environmentOf(folder, database, options);
  const start: StartOptions = {
    stateDir,
    port: 0,
    env,
    checkAnswers: true,
    logOutput: testLog,
    ...(options.accounts ? {} : { authenticate: testAuthenticate, findCaller: findTestCaller }),
  };
  if (options.now) start.now = options.now;
  let running = await startServer(start);
  let stopped = false;
  const stop = async (): Promise<void> => {
    if (!stopped) await running.close();
    stopped = true;
  };
  const client =
    (name: string) =>
    (...args: Parameters<ApiClient>) =>
      apiClient(running.url, { "x-test-user": name })(...args);
  return {
    get url() {
      return running.url;
    },
    get accessUrl() {
      return running.accessUrl;
    },
    folder,
    stateDir,
    env,
    database: (work) => beside(database, stateDir, work),
    call: client("local") as ApiClient,
    as: (name) => client(name) as ApiClient,
    stop,
    async restart() {
      await stop();
      running = await startServer(start);
      stopped = false;
    },
    async close() {
      await stop();
      await database.drop();
      // A trainer that outlives the server may write for another moment.
      await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    },
  };
}

/** What a server starts with; a script that trains is written to its folder. */
async function environmentOf(
  folder: string,
  database: FreshDatabase,
  options: { script?: string; env?: NodeJS.ProcessEnv },
): Promise<NodeJS.ProcessEnv> {
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    ...database.env,
    SIMPLETUNER_LOG_LEVEL: "error",
    SIMPLETUNER_CANCEL_GRACE_SECONDS: "2",
    // Tests that pass themselves off as others come from one address, and as fast as they can.
    RATE_LIMIT_CALLS: "0",
    ...options.env,
  };
  if (options.script !== undefined) {
    const path = join(folder, "trainer.sh");
    await writeFile(path, options.script, { mode: 0o755 });
    env["SIMPLETUNER_TRAINER_COMMAND"] = `/bin/sh "${path}"`;
  }
  return env;
}

/** Work on a server's database while it runs or not. */
async function beside<Answer>(
  { kind, address }: FreshDatabase,
  stateDir: string,
  work: (db: JobDatabase) => Promise<Answer>,
): Promise<Answer> {
  const db = await connectDatabase(
    kind === "sqlite" ? { kind, path: statePaths(stateDir).database } : address,
  );
  return work(db).finally(() => db.destroy());
}

async function testAuthenticate(request: IncomingMessage): Promise<Caller | null> {
  const name = request.headers["x-test-user"];
  return typeof name === "string" ? (testCallers[name] ?? null) : null;
}

async function findTestCaller(userId: string): Promise<Caller | null> {
  return Object.values(testCallers).find((caller) => caller.userId === userId) ?? null;
}

/** Makes a dataset folder with a few small files and answers a dataset list for it. */
export async function makeDataset(
  folder: string,
  files: Record<string, string | Uint8Array> = {
    "one.jpg": "not really a picture",
    "one.txt": "a lighthouse",
  },
) {
  const path = join(folder, "dataset");
  await mkdir(path, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    await mkdir(join(path, name, ".."), { recursive: true });
    await writeFile(join(path, name), content);
  }
  return { path, dataloader: [{ id: "pictures", type: "local", instance_data_dir: path }] };
}

/** Asks until the job fulfils the condition; fails after `withinMs`. */
export async function waitForJob(
  call: ApiClient,
  jobId: string,
  until: (job: Job) => boolean,
  withinMs = 15_000,
): Promise<Job> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const { job } = await call("GET /api/cloud/jobs/{job_id}", { params: { job_id: jobId } });
    if (until(job)) return job;
    if (performance.now() > deadline)
      throw new Error(
        `the job is still ${job.status} (${JSON.stringify(job.progress)}) ${job.error_message ?? ""}`,
      );
    await delay(25);
  }
}

/**
 * Everything that lies in a server's database, by where: its file and log as bytes, so that what was deleted is seen as
 * well, or every row of it where it is on a database server.
 */
export async function storedTexts(server: TestServer): Promise<[place: string, text: string][]> {
  if (chosenDatabase === "sqlite") {
    const file = statePaths(server.stateDir).database;
    return Promise.all(
      [file, `${file}-wal`].map(async (path) => [path, await readFile(path, "latin1").catch(() => "")]),
    );
  }
  return server.database(async (db) => {
    const tables = await db.introspection.getTables();
    return Promise.all(
      tables.map(async ({ name }) => [
        name,
        JSON.stringify(
          await db
            .selectFrom(name as "jobs")
            .selectAll()
            .execute(),
        ),
      ]),
    );
  });
}
