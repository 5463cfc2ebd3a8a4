import assert from "node:assert/strict";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import { runServer } from "../server/testing/server-process.ts";
import { readStream, type StreamReader } from "../server/testing/stream-reader.ts";
import { makeDataset, waitForJob } from "../server/testing/test-server.ts";
import { eventually, gatedTrainer } from "../server/testing/trainer-scripts.ts";
import { followedEvents } from "./testing/followed-events.ts";
import {
  type ReplicaServer,
  type ReplicaSite,
  replicaSkip,
  startReplicaSite,
  tokenOf,
} from "./testing/replica-site.ts";

describe("three servers behind nginx on one PostgreSQL and one Redis", { skip: replicaSkip }, () => {
  let site: ReplicaSite;
  let dataloader: Awaited<ReturnType<typeof makeDataset>>["dataloader"];
  before(async () => {
    site = await startReplicaSite(gatedTrainer);
    ({ dataloader } = await makeDataset(site.folder));
  });
  after(() => site?.close());

  const openGate = () => writeFile(join(site.folder, "go"), "");
  const closeGate = () => rm(join(site.folder, "go"), { force: true });
  const starts = async () =>
    (await readFile(join(site.folder, "starts"), "utf8").catch(() => "")).split("\n").length - 1;
  const submit = async (call = site.call): Promise<string> => {
    const { job_id } = await call("POST /api/cloud/jobs/submit", {
      body: { config: { max_train_steps: 10 }, dataloader_config: dataloader },
    });
    return job_id;
  };
  const until = (jobId: string, ...statuses: Job["status"][]) =>
    waitForJob(site.call, jobId, ({ status }) => statuses.includes(status), 30_000);
  const eventsAt = ({ url }: Pick<ReplicaServer, "url">): Promise<StreamReader> =>
    readStream(`${url}/api/events/stream`, { "x-api-key": site.token });
  const leader = (): ReplicaServer | null =>
    site.servers.findLast(({ process }) => /"this server leads"/.test(process.log())) ?? null;
  const told = (streams: readonly StreamReader[], jobId: string): (string | null)[][] =>
    streams.map(({ messages }) =>
      messages.filter(({ id, data }) => id !== null && data["job_id"] === jobId).map(({ id }) => id),
    );

  it("let in whoever has the one token, at any of them", async () => {
    for (const server of site.servers)
      assert.equal(await eventually("the token", () => tokenOf(server)), site.token);
    for (const { call } of [...site.servers, site])
      assert.equal((await call("GET /api/auth/check")).authenticated, true);
  });

  it("take a job at any of them, and tell of it on every stream, in one order", async () => {
    const streams = await Promise.all([...site.servers, site].map(eventsAt));
    try {
      await openGate();
      const [first, second, third] = site.servers;
      const jobs = await Promise.all([first, second, third].map((server) => submit(server?.call)));
      for (const jobId of jobs) {
        assert.equal((await until(jobId, "completed", "failed")).status, "completed");
        for (const stream of streams)
          await stream.until(
            ({ event, data }) =>
              event === "job.status" &&
              data["job_id"] === jobId &&
              (data["data"] as { status?: string }).status === "completed",
          );
        const [expected, ...others] = told(streams, jobId);
        assert.ok(expected && expected.length >= 4, `${expected?.join()}`);
        for (const ids of others) assert.deepEqual(ids, expected);
        const ids = expected.map(Number);
        assert.deepEqual(
          ids,
          ids.toSorted((left, right) => left - right),
        );
      }
      assert.equal(await starts(), 3);
    } finally {
      for (const stream of streams) stream.close();
    }
  });

  it("show at one what another drives: progress, log and cancel", async () => {
    await closeGate();
    const streams = await Promise.all(site.servers.map(eventsAt));
    try {
      const jobId = await submit();
      const logs = await Promise.all(
        site.servers.map(({ url }) =>
          readStream(`${url}/api/cloud/jobs/${jobId}/logs/stream`, { "x-api-key": site.token }),
        ),
      );
      for (const log of logs) await log.until(({ event }) => event === "lines", 15_000);
      for (const stream of streams)
        await stream.until(({ event, data }) => event === "job.progress" && data["job_id"] === jobId, 15_000);
      // Two of the three do not drive it.
      const other = site.servers.at(1);
      await other?.call("POST /api/cloud/jobs/{job_id}/cancel", { params: { job_id: jobId } });
      assert.equal((await until(jobId, "cancelled", "completed", "failed")).status, "cancelled");
      for (const log of logs) await log.until(({ event }) => event === "done");
    } finally {
      for (const stream of streams) stream.close();
    }
  });

  it("replace a leader that is killed, and train its jobs once", async () => {
    await closeGate();
    const startedBefore = await starts();
    const jobId = await submit();
    await until(jobId, "running");
    const killed = await eventually("a leader", leader);
    await killed.process.kill();
    await openGate();
    assert.equal((await until(jobId, "completed", "failed")).status, "completed");
    const next = await submit();
    assert.equal((await until(next, "completed", "failed")).status, "completed");
    assert.equal(await starts(), startedBefore + 2);
    const { job } = await site.call("GET /api/cloud/jobs/{job_id}", { params: { job_id: jobId } });
    assert.equal(job.attempt, 1);
    await killed.start();
  });

  it("restart one after the other under load without a failed request or a missed event", async () => {
    await closeGate();
    const running = await submit();
    await until(running, "running");
    const [over, done] = [new AbortController(), new AbortController()];
    const failures: string[] = [];
    const waiting: string[] = [];
    const load = async (ask: () => Promise<unknown>): Promise<number> => {
      let asked = 0;
      for (; !over.signal.aborted; asked++)
        await ask().catch((error: unknown) => failures.push(String((error as Error).stack)));
      return asked;
    };
    const consent = () => site.call("PUT /api/cloud/data-consent/setting", { body: { consent: "ask" } });
    const work = [
      load(() => site.call("GET /api/cloud/jobs", { query: {} })),
      load(consent),
      load(async () => {
        waiting.push(await submit());
        await delay(100);
      }),
    ];
    const heard = followedEvents(site, done.signal);
    for (const server of site.servers) {
      assert.equal(await server.process.stop(), 0);
      await server.start();
      await eventually("readiness", () =>
        server.call("GET /api/cloud/health/ready").then(
          () => true,
          () => false,
        ),
      );
    }
    over.abort();
    const asked = (await Promise.all(work)).reduce((sum, each) => sum + each, 0);
    const last = await submit();
    await eventually("the last event", () => heard.jobs.has(last) || null, 15_000);
    done.abort();
    assert.deepEqual(failures, []);
    assert.ok(asked > 100, `${asked} requests`);
    for (const jobId of waiting) assert.ok(heard.jobs.has(jobId), `nothing was heard of ${jobId}`);
    assert.ok(heard.told > 0, "no stream was told to come back");
    assert.deepEqual(heard.breaks, []);
    await openGate();
    assert.equal((await until(running, "completed", "failed")).status, "completed");
  });

  it("refuse one that does not share the folders", async () => {
    const [folder, second] = [join(site.folder, "another"), join(site.folder, "a third")];
    const key = (await readFile(join(site.stateDir, "credential.key"), "utf8")).trim();
    const other = { ...site.env, SIMPLETUNER_PORT: "0", SIMPLETUNER_STATE_DIR: folder };
    const [strange, apart, elsewhere] = await Promise.all([
      runServer(other),
      runServer({ ...other, SIMPLETUNER_STATE_DIR: second, SIMPLETUNER_CREDENTIAL_KEY: key }),
      runServer({ ...site.env, SIMPLETUNER_PORT: "0", SIMPLETUNER_BACKUP_DIR: join(site.folder, "backups") }),
    ]);
    assert.equal(strange.code, 1, strange.stderr);
    assert.match(strange.stderr, /seals with another key\. Give all of them the same/);
    assert.equal(apart.code, 1, apart.stderr);
    assert.match(apart.stderr, /another state directory\. Mount one folder/);
    assert.equal(elsewhere.code, 1, elsewhere.stderr);
    assert.match(elsewhere.stderr, /another folder for backups\. Mount one folder/);
  });
});
