import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import { makeDataset, startTestServer, type TestServer, waitForJob } from "../testing/test-server.ts";
import {
  eventually,
  gatedTrainer,
  killProcessesOf,
  processesOf,
  trainerScript,
} from "../testing/trainer-scripts.ts";

/** A server whose trainer is a script, with its own folder for gates; everything goes when the test ends. */
async function withServer(
  script: string | ((gate: string) => string) | undefined,
  work: (server: TestServer, gate: string, submit: Submit) => Promise<void>,
  env: NodeJS.ProcessEnv = {},
): Promise<void> {
  const gate = await mkdtemp(join(tmpdir(), "gate "));
  const text = typeof script === "function" ? script(gate) : script;
  const server = await startTestServer({ env, ...(text === undefined ? {} : { script: text }) });
  const { dataloader } = await makeDataset(server.folder);
  const submit: Submit = async (body = {}) => {
    const { job_id } = await server.call("POST /api/cloud/jobs/submit", {
      body: { config: { max_train_steps: 10 }, dataloader_config: dataloader, ...body },
    });
    return job_id;
  };
  try {
    await work(server, gate, submit);
  } finally {
    await server.close();
    await killProcessesOf(server.folder);
    await rm(gate, { recursive: true, force: true });
  }
}
type Submit = (body?: Record<string, unknown>) => Promise<string>;

const until = (server: TestServer, id: string, ...statuses: Job["status"][]) =>
  waitForJob(server.call, id, ({ status }) => statuses.includes(status), 20_000);
const over = (server: TestServer, id: string) =>
  waitForJob(server.call, id, ({ is_terminal }) => is_terminal, 20_000);
const cancel = (server: TestServer, job_id: string) =>
  server.call("POST /api/cloud/jobs/{job_id}/cancel", { params: { job_id } });
const open = (gate: string) => writeFile(join(gate, "go"), "");

async function completions(server: TestServer, job_id: string): Promise<number> {
  const { events } = await server.call("GET /api/cloud/jobs/{job_id}/events", { params: { job_id } });
  return events.filter(({ type, data }) => type === "job.status" && data["status"] === "completed").length;
}

async function nothingIsLeft(server: TestServer): Promise<void> {
  for (const folder of ["jobs", "packages"]) {
    const path = join(server.stateDir, "cloud", folder);
    await eventually(`an empty ${folder}`, async () => (await readdir(path).catch(() => [])).length === 0);
  }
  await eventually("no process left", async () => (await processesOf(server.stateDir)).length === 0);
}

test("a trainer that fails: its exit code and its last error line are the reason", () =>
  withServer(
    trainerScript('echo "INFO fine"; echo "ERROR cannot load the model"; echo "INFO bye"; exit 3'),
    async (server, _gate, submit) => {
      const job = await over(server, await submit());
      assert.deepEqual(
        [job.status, job.error_code, job.error_message],
        ["failed", "trainer_failed", "Training exited with code 3. ERROR cannot load the model"],
      );
      await nothingIsLeft(server);
    },
  ));

test("a reason never holds the job's secrets, nor colours", () =>
  withServer(
    trainerScript(
      `printf '\\033[31mERROR\\033[0m refused: hf_0123456789 %s\\n' "$SIMPLETUNER_UPLOAD_TOKEN"; exit 1`,
    ),
    async (server, _gate, submit) => {
      const job = await over(
        server,
        await submit({ config: { max_train_steps: 1, hub_token: "hf_0123456789" } }),
      );
      assert.equal(job.error_message, "Training exited with code 1. ERROR refused: *** ***");
    },
  ));

test("a trainer that is killed by the system says so", () =>
  withServer(trainerScript("kill -9 $$"), async (server, _gate, submit) => {
    const job = await over(server, await submit());
    assert.equal(job.error_code, "trainer_killed");
    assert.match(job.error_message ?? "", /^Training was ended by signal 9\./);
  }));

test("a trainer that is not there is told with the setting to look at", () =>
  withServer(
    undefined,
    async (server, _gate, submit) => {
      const job = await over(server, await submit());
      assert.deepEqual([job.status, job.error_code], ["failed", "trainer_missing"]);
      assert.match(job.error_message ?? "", /was not found.*SIMPLETUNER_TRAINER_COMMAND/);
      await nothingIsLeft(server);
    },
    { SIMPLETUNER_TRAINER_COMMAND: "/no/such/trainer --fast" },
  ));

test("cancel of a waiting job ends it at once, of a running one with its whole process group", () =>
  withServer(
    (gate) =>
      trainerScript(`
sh -c 'trap "" TERM; sh -c "trap \\"\\" TERM; while :; do sleep 0.05; done" & while :; do sleep 0.05; done' &
trap '' TERM
echo up > "${gate}/up"
while :; do sleep 0.05; done`),
    async (server, gate, submit) => {
      const running = await submit();
      const waiting = await submit();
      await eventually("the trainer", () => readFile(join(gate, "up")).catch(() => null));
      await cancel(server, waiting);
      const ended = await over(server, waiting);
      assert.deepEqual([ended.status, ended.attempt, ended.started_at], ["cancelled", 0, null]);
      assert.ok((await processesOf(server.stateDir)).length >= 4);
      const startedAt = performance.now();
      await cancel(server, running);
      assert.equal((await over(server, running)).status, "cancelled");
      assert.ok(performance.now() - startedAt < 8_000);
      await nothingIsLeft(server);
    },
    { SIMPLETUNER_CANCEL_GRACE_SECONDS: "1" },
  ));

test("a trainer that ends on TERM is cancelled without waiting for the grace time", () =>
  withServer(
    gatedTrainer,
    async (server, _gate, submit) => {
      const job = await submit();
      await until(server, job, "running");
      const startedAt = performance.now();
      await cancel(server, job);
      const ended = await over(server, job);
      assert.deepEqual([ended.status, ended.error_code, ended.error_message], ["cancelled", null, null]);
      assert.ok(performance.now() - startedAt < 10_000);
      await nothingIsLeft(server);
    },
    { SIMPLETUNER_CANCEL_GRACE_SECONDS: "30" },
  ));

test("helpers that a trainer leaves running end with it", () =>
  withServer(
    trainerScript(`(trap '' TERM HUP; while :; do sleep 0.05; done) &\necho done`),
    async (server, _gate, submit) => {
      assert.equal((await over(server, await submit())).status, "completed");
      await nothingIsLeft(server);
    },
  ));

test("cancel while the datasets are packed stops the packing and leaves no archive", () =>
  withServer(gatedTrainer, async (server, gate, submit) => {
    await server.call("PUT /api/cloud/data-consent/setting", { body: { consent: "allow" } });
    const files: Record<string, string> = {};
    for (let number = 0; number < 3_000; number++) files[`${number}.txt`] = `caption ${number} `.repeat(400);
    const { dataloader } = await makeDataset(join(server.folder, "many"), files);
    const job = await submit({ dataloader_config: dataloader, dataset_transfer: "package" });
    await until(server, job, "uploading");
    await cancel(server, job);
    const ended = await over(server, job);
    assert.deepEqual([ended.status, ended.upload_progress], ["cancelled", null]);
    assert.equal(await readFile(join(gate, "starts"), "utf8").catch(() => ""), "");
    await nothingIsLeft(server);
  }));

test("cancel while the datasets are unpacked for the trainer stops that, too", () =>
  withServer(gatedTrainer, async (server, gate, submit) => {
    await server.call("PUT /api/cloud/data-consent/setting", { body: { consent: "allow" } });
    const files: Record<string, string> = {};
    for (let number = 0; number < 5_000; number++) files[`${number}.txt`] = `caption ${number} `.repeat(400);
    const { dataloader } = await makeDataset(join(server.folder, "many"), files);
    const job = await submit({ dataloader_config: dataloader, dataset_transfer: "package" });
    await eventually("unpacking", async () => {
      const names = await readdir(join(server.stateDir, "cloud", "jobs", job), { recursive: true }).catch(
        () => [],
      );
      return names.some((name) => name.includes(".partial"));
    });
    await cancel(server, job);
    assert.equal((await over(server, job)).status, "cancelled");
    assert.equal(await readFile(join(gate, "starts"), "utf8").catch(() => ""), "");
    await nothingIsLeft(server);
  }));

test("jobs start in their order, never more than the limit, and know their place meanwhile", () =>
  withServer(
    (gate) =>
      trainerScript(`grep -o '"mark": "[a-z]*"' "$CONFIG_PATH" >> "${gate}/order"
while [ ! -e "${gate}/go" ]; do sleep 0.03; done`),
    async (server, gate, submit) => {
      const jobs: string[] = [];
      for (const mark of ["a", "b", "c", "d"])
        jobs.push(await submit({ config: { max_train_steps: 1, mark } }));
      await until(server, jobs[0]!, "running");
      const places = await Promise.all(
        jobs.map(async (job_id) => {
          const { position, status } = await server.call("GET /api/queue/position/{job_id}", {
            params: { job_id },
          });
          return [status, position];
        }),
      );
      assert.deepEqual(places, [
        ["running", null],
        ["pending", 1],
        ["pending", 2],
        ["pending", 3],
      ]);
      const stats = await server.call("GET /api/queue/stats");
      assert.deepEqual([stats.queue_depth, stats.running, stats.max_concurrent], [3, 1, 1]);
      await server.call("POST /api/queue/concurrency", { body: { max_concurrent: 3 } });
      await until(server, jobs[1]!, "running");
      await until(server, jobs[2]!, "running");
      assert.equal((await server.call("GET /api/queue/stats")).running, 3);
      assert.equal((await server.call("GET /api/cloud/jobs", { query: { status: "pending" } })).total, 1);
      await open(gate);
      for (const job of jobs) assert.equal((await over(server, job)).status, "completed");
      const order = (await readFile(join(gate, "order"), "utf8")).match(/[a-d](?="$)/gm) ?? [];
      assert.deepEqual([order[0], order.at(-1), order.length], ["a", "d", 4]);
    },
  ));

test("a server that stops and starts again takes up the running job and completes it exactly once", () =>
  withServer(gatedTrainer, async (server, gate, submit) => {
    const running = await submit();
    const waiting = await submit();
    await until(server, running, "running");
    await server.restart();
    assert.equal((await until(server, running, "running")).attempt, 1);
    await server.stop();
    await open(gate);
    await server.restart();
    for (const job of [running, waiting]) {
      const ended = await over(server, job);
      assert.deepEqual([ended.status, ended.attempt], ["completed", 1]);
      assert.equal(await completions(server, job), 1);
    }
    assert.equal(await readFile(join(gate, "starts"), "utf8"), "start\nstart\n");
    const { lines } = await server.call("GET /api/cloud/jobs/{job_id}/logs", { params: { job_id: running } });
    assert.deepEqual(
      lines.map(({ text }) => text),
      ["Training step 1/10 loss=0.9", "Training step 10/10 loss=0.1"],
    );
    await nothingIsLeft(server);
  }));

test("a cancel that is asked just before the server stops is carried out after the start", () =>
  withServer(gatedTrainer, async (server, _gate, submit) => {
    const job = await submit();
    await until(server, job, "running");
    await Promise.all([cancel(server, job), server.stop()]).catch(() => undefined);
    await server.stop();
    await server.restart();
    const now = await waitForJob(server.call, job, () => true);
    if (!now.cancel_requested) await cancel(server, job);
    assert.equal((await over(server, job)).status, "cancelled");
    await nothingIsLeft(server);
  }));

test("a run whose processes are gone starts again from its checkpoint, at most three times", () =>
  withServer(
    (gate) =>
      trainerScript(`echo start >> "${gate}/starts"
grep -c '"resume_from_checkpoint": "latest"' "$CONFIG_PATH" >> "${gate}/resumes"
echo "loss=0.5"
while [ ! -e "${gate}/go" ]; do sleep 0.03; done`),
    async (server, gate, submit) => {
      const starts = async () =>
        (await readFile(join(gate, "starts"), "utf8").catch(() => "")).split("\n").length - 1;
      const job = await submit();
      for (let attempt = 1; attempt <= 3; attempt++) {
        await eventually(`start ${attempt}`, async () => (await starts()) === attempt, 20_000);
        await waitForJob(server.call, job, (seen) => seen.status === "running" && seen.attempt === attempt);
        if (attempt < 3) await server.stop();
        await killProcessesOf(server.stateDir);
        if (attempt < 3) await server.restart();
      }
      const ended = await over(server, job);
      assert.deepEqual([ended.status, ended.attempt, ended.error_code], ["failed", 3, "run_lost"]);
      assert.equal(await readFile(join(gate, "resumes"), "utf8"), "0\n1\n1\n");
      const { events } = await server.call("GET /api/cloud/jobs/{job_id}/events", {
        params: { job_id: job },
      });
      assert.equal(events.filter(({ type }) => type === "job.attempt").length, 2);
      await nothingIsLeft(server);
    },
  ));

test("a group's number that another process has meanwhile is not killed", () =>
  withServer(gatedTrainer, async (server, gate, submit) => {
    const stranger = spawn("sleep", ["60"], { detached: true, stdio: "ignore" });
    try {
      const job = await submit();
      await until(server, job, "running");
      await server.stop();
      await killProcessesOf(server.stateDir);
      const folder = join(server.stateDir, "cloud", "jobs", job);
      const [run] = (await readdir(folder)).filter((name) => name.startsWith("run-"));
      await writeFile(join(folder, run ?? "", "pid"), `${stranger.pid}\n`);
      await open(gate);
      await server.restart();
      assert.deepEqual(
        [(await over(server, job)).status, (await over(server, job)).attempt],
        ["completed", 2],
      );
      assert.equal(stranger.exitCode ?? stranger.signalCode, null);
    } finally {
      stranger.kill("SIGKILL");
    }
  }));

let probe: TestServer;
before(async () => {
  probe = await startTestServer({ script: "exit 0" });
});
after(() => probe.close());

test("a folder of a job that is over is removed at the next start, everything else stays", async () => {
  const jobs = join(probe.stateDir, "cloud", "jobs");
  await writeFile(join(jobs, "left-behind"), "x");
  await probe.restart();
  assert.deepEqual(await readdir(jobs), []);
});
