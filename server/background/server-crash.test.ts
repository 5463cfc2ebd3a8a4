import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { type ServerProcess, startServerProcess } from "../testing/server-process.ts";
import { makeDataset, waitForJob } from "../testing/test-server.ts";
import { eventually, gatedTrainer, killProcessesOf, processesOf } from "../testing/trainer-scripts.ts";

// Hooks of a file would run for the tests of every file when all share one process.
describe("a server that is killed", () => {
  let folder: string;
  let stateDir: string;
  let env: NodeJS.ProcessEnv;
  let server: ServerProcess;
  let dataloader: Record<string, unknown>[];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "crash test "));
    stateDir = join(folder, "state");
    await writeFile(join(folder, "trainer.sh"), gatedTrainer(folder));
    const files: Record<string, string> = {};
    for (let number = 0; number < 400; number++) files[`${number}.txt`] = `caption ${number} `.repeat(200);
    ({ dataloader } = await makeDataset(folder, files));
    env = {
      SIMPLETUNER_STATE_DIR: stateDir,
      SIMPLETUNER_TRAINER_COMMAND: `/bin/sh "${join(folder, "trainer.sh")}"`,
      SIMPLETUNER_CANCEL_GRACE_SECONDS: "2",
    };
    server = await startServerProcess(env);
  });
  afterEach(async () => {
    await server.kill().catch(() => undefined);
    await killProcessesOf(folder);
    await rm(folder, { recursive: true, force: true });
  });

  async function submit(transfer: "in_place" | "package" = "in_place"): Promise<string> {
    await server.call("PUT /api/cloud/data-consent/setting", { body: { consent: "allow" } });
    const body = {
      config: { max_train_steps: 10 },
      dataloader_config: dataloader,
      dataset_transfer: transfer,
    };
    return (await server.call("POST /api/cloud/jobs/submit", { body })).job_id;
  }

  async function crash(): Promise<void> {
    await server.kill();
    server = await startServerProcess(env);
  }

  const running = (id: string) => waitForJob(server.call, id, ({ status }) => status === "running", 20_000);
  const openGate = () => writeFile(join(folder, "go"), "");

  /** The job ends well, once, in the attempt it should, and nothing of it stays behind. */
  async function endsOnce(jobId: string, attempt: number, starts: number): Promise<void> {
    const job = await waitForJob(server.call, jobId, ({ is_terminal }) => is_terminal, 30_000);
    assert.deepEqual([job.status, job.attempt, job.error_message], ["completed", attempt, null]);
    assert.match(job.output_url ?? "", /pytorch_lora_weights\.safetensors$/);
    const { events } = await server.call("GET /api/cloud/jobs/{job_id}/events", {
      params: { job_id: jobId },
    });
    const ends = events.filter(({ type, data }) => type === "job.status" && data["status"] === "completed");
    assert.equal(ends.length, 1);
    assert.equal((await readFile(join(folder, "starts"), "utf8")).split("\n").length - 1, starts);
    for (const name of ["jobs", "packages"])
      await eventually(`an empty ${name}`, async () => {
        const left = await readdir(join(stateDir, "cloud", name)).catch(() => []);
        return left.length === 0;
      });
    const alive = async () => (await processesOf(join(stateDir, "cloud"))).length;
    await eventually("no process of the run", async () => (await alive()) === 0);
  }

  test("killed while the trainer runs: the same run is taken up, each log line is there once", async () => {
    const job = await submit();
    await running(job);
    await waitForJob(server.call, job, ({ progress }) => progress?.step === 1);
    await crash();
    await crash();
    await running(job);
    await openGate();
    await endsOnce(job, 1, 1);
    const { lines } = await server.call("GET /api/cloud/jobs/{job_id}/logs", { params: { job_id: job } });
    assert.equal(lines.length, 2);
  });

  test("killed while the trainer runs, which ends while the server is down", async () => {
    const job = await submit("package");
    await running(job);
    await server.kill();
    await openGate();
    await eventually(
      "the trainer's end",
      async () => (await processesOf(join(stateDir, "cloud"))).length === 0,
    );
    server = await startServerProcess(env);
    await endsOnce(job, 1, 1);
  });

  test("killed right after submit was answered: the job is not lost and not started twice", async () => {
    const job = await submit("package");
    await crash();
    await openGate();
    await endsOnce(job, 1, 1);
  });

  test("killed at random moments between submit and start: always exactly one completion", async () => {
    for (let round = 0; round < 2; round++) {
      await rm(join(folder, "starts"), { force: true });
      await rm(join(folder, "go"), { force: true });
      const job = await submit("package");
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 400));
      await crash();
      await running(job);
      await openGate();
      await endsOnce(job, 1, 1);
    }
  });

  test("killed while packing: what was half written goes, the job packs again", async () => {
    const job = await submit("package");
    await waitForJob(server.call, job, ({ status }) => status !== "pending");
    await server.kill();
    await mkdir(join(stateDir, "cloud", "packages"), { recursive: true });
    await writeFile(
      join(stateDir, "cloud", "packages", "0190-other-job.zip.partial"),
      "left by an older crash",
    );
    server = await startServerProcess(env);
    await openGate();
    await endsOnce(job, 1, 1);
  });

  test("server and trainer both die: a new attempt resumes and completes", async () => {
    const job = await submit("package");
    await running(job);
    await eventually("the trainer", () => readFile(join(folder, "starts")).catch(() => null));
    await server.kill();
    await killProcessesOf(join(stateDir, "cloud"));
    await openGate();
    server = await startServerProcess(env);
    await endsOnce(job, 2, 2);
  });

  test("killed after cancel was asked: the cancel is carried out", async () => {
    const job = await submit();
    await running(job);
    await server.call("POST /api/cloud/jobs/{job_id}/cancel", { params: { job_id: job } });
    await crash();
    const ended = await waitForJob(server.call, job, ({ is_terminal }) => is_terminal, 20_000);
    assert.equal(ended.status, "cancelled");
    const alive = async () => (await processesOf(join(stateDir, "cloud"))).length;
    await eventually("no process of the run", async () => (await alive()) === 0);
  });

  test("SIGTERM ends the server with code 0 and leaves the trainer alone", async () => {
    const job = await submit();
    await running(job);
    assert.equal(await server.stop(), 0);
    await eventually("the trainer", () => readFile(join(folder, "starts")).catch(() => null));
    assert.ok((await processesOf(join(stateDir, "cloud"))).length > 0);
    server = await startServerProcess(env);
    await openGate();
    await endsOnce(job, 1, 1);
  });
});
