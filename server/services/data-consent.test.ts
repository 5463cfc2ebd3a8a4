import assert from "node:assert/strict";
import { rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { ApiError } from "@simpletuner-cloud/contract/client.ts";
import { makeDataset, startTestServer, type TestServer, waitForJob } from "../testing/test-server.ts";
import { quickTrainer } from "../testing/trainer-scripts.ts";

// Hooks of a file would run for the tests of every file when all share one process.
describe("data consent", () => {
  const config = { model_family: "test", max_train_steps: 10 };
  let server: TestServer;
  let dataset: { path: string; dataloader: Record<string, unknown>[] };
  let skewMs = 0;

  before(async () => {
    server = await startTestServer({ script: quickTrainer, now: () => Date.now() + skewMs });
    dataset = await makeDataset(server.folder);
  });
  after(() => server.close());
  afterEach(async () => {
    skewMs = 0;
    await setMode("ask");
  });

  const setMode = (consent: "ask" | "allow" | "deny") =>
    server.call("PUT /api/cloud/data-consent/setting", { body: { consent } });
  const planFor = (name: string, dataloader_config = dataset.dataloader) =>
    server.as(name)("POST /api/cloud/data-consent/preview", {
      body: { config, dataloader_config, dataset_transfer: "package" },
    });
  const submitAs = (name: string, token: string | null, dataloader_config = dataset.dataloader) =>
    server.as(name)("POST /api/cloud/jobs/submit", {
      body: {
        config,
        dataloader_config,
        dataset_transfer: "package",
        ...(token === null ? {} : { consent_token: token }),
      },
    });
  async function codeOf(call: Promise<unknown>): Promise<string> {
    return call.then(
      () => "accepted",
      (error: unknown) => (error instanceof ApiError ? `${error.status} ${error.code}` : String(error)),
    );
  }

  test("ask: a plan's token sends exactly that plan, and the job remembers what was agreed to", async () => {
    const plan = await planFor("ada");
    assert.deepEqual([plan.requires_upload, plan.consent_mode, plan.total_files], [true, "ask", 2]);
    const { job_id } = await submitAs("ada", plan.consent_token);
    const job = await waitForJob(server.as("ada"), job_id, ({ is_terminal }) => is_terminal);
    assert.equal(job.status, "completed");
    const { events } = await server.as("ada")("GET /api/cloud/jobs/{job_id}/events", { params: { job_id } });
    assert.equal(events.find(({ type }) => type === "job.plan")?.data["consent"], "token");
    assert.equal(events.find(({ type }) => type === "job.plan")?.data["fingerprint"], plan.fingerprint);
    assert.equal(events.find(({ type }) => type === "job.packaged")?.data["files"], 2);
  });

  test("ask: without a token nothing is sent", async () => {
    assert.equal(await codeOf(submitAs("ada", null)), "409 consent_required");
  });

  test("ask: a token that is forged, of another person, of other datasets or too old is refused", async () => {
    const { consent_token } = await planFor("ada");
    const token = consent_token ?? "";
    const other = await makeDataset(join(server.folder, "other"), { "a.png": "x" });
    const [expires, signature] = token.split(".");
    const later = `${Number(expires) + 1}.${signature}`;
    for (const wrong of [
      "",
      "x",
      ".",
      "1.2",
      `${token}x`,
      later,
      `Infinity.${signature}`,
      token.slice(0, -2),
    ])
      assert.match(await codeOf(submitAs("ada", wrong)), /consent_(stale|required)/, wrong);
    assert.equal(await codeOf(submitAs("bob", token)), "409 consent_stale");
    assert.equal(await codeOf(submitAs("ada", token, other.dataloader)), "409 consent_stale");
    skewMs = 24 * 3_600_000 + 1_000;
    assert.equal(await codeOf(submitAs("ada", token)), "409 consent_stale");
    skewMs = 0;
    assert.equal(await codeOf(submitAs("ada", token)), "accepted");
  });

  test("ask: datasets that changed after the preview need a new consent", async () => {
    const changing = await makeDataset(join(server.folder, "changing"), { "a.png": "12345", "b.png": "x" });
    const changes: [string, () => Promise<void>][] = [
      ["a file was added", () => writeFile(join(changing.path, "c.png"), "new")],
      ["a file has other bytes", () => writeFile(join(changing.path, "a.png"), "54321")],
      ["a file is gone", () => rm(join(changing.path, "b.png"))],
      ["a file was touched", () => utimes(join(changing.path, "a.png"), new Date(0), new Date(1_000))],
    ];
    for (const [what, change] of changes) {
      const plan = await planFor("ada", changing.dataloader);
      await change();
      assert.equal(
        await codeOf(submitAs("ada", plan.consent_token, changing.dataloader)),
        "409 consent_stale",
        what,
      );
    }
  });

  test("ask: datasets that change while the job waits fail it, and nothing is sent", async () => {
    const waiting = await makeDataset(join(server.folder, "waiting"), { "a.png": "12345" });
    const plan = await planFor("ada", waiting.dataloader);
    const job_id = await whileBusy(async () => {
      const submitted = await submitAs("ada", plan.consent_token, waiting.dataloader);
      await writeFile(join(waiting.path, "secret.png"), "not agreed");
      return submitted.job_id;
    });
    const job = await waitForJob(server.as("ada"), job_id, ({ is_terminal }) => is_terminal);
    assert.deepEqual([job.status, job.error_code], ["failed", "dataset_changed"]);
    assert.match(job.error_message ?? "", /Review it again/);
  });

  test("allow: sends without a token; deny: never sends, but training in place goes on", async () => {
    await setMode("allow");
    assert.equal((await planFor("ada")).consent_token, null);
    assert.equal(await codeOf(submitAs("ada", null)), "accepted");
    const asked = await planFor("ada");
    await setMode("deny");
    const plan = await planFor("ada");
    assert.deepEqual([plan.requires_upload, plan.consent_token], [false, null]);
    assert.match(plan.message ?? "", /switched off/);
    assert.equal(await codeOf(submitAs("ada", asked.consent_token)), "403 consent_denied");
    const { job_id } = await server.call("POST /api/cloud/jobs/submit", {
      body: { config, dataloader_config: dataset.dataloader, dataset_transfer: "in_place" },
    });
    assert.equal(
      (await waitForJob(server.call, job_id, ({ is_terminal }) => is_terminal)).status,
      "completed",
    );
  });

  test("deny: a job that still waits when sending is switched off is not sent either", async () => {
    const plan = await planFor("ada");
    const job_id = await whileBusy(async () => {
      const submitted = await submitAs("ada", plan.consent_token);
      await setMode("deny");
      return submitted.job_id;
    });
    const job = await waitForJob(server.as("ada"), job_id, ({ is_terminal }) => is_terminal);
    assert.deepEqual([job.status, job.error_code], ["failed", "consent_denied"]);
  });

  test("the plan lists what stays here, and why", async () => {
    const { dataloader } = await makeDataset(join(server.folder, "mixed"), {
      "one.png": "x",
      ".env": "SECRET=1",
      ".git/config": "x",
      "keys/id_rsa": "x",
      "deep/.aws/credentials": "x",
    });
    const plan = await planFor("ada", dataloader);
    const excluded = plan.datasets[0]!.excluded;
    assert.equal(plan.total_files, 1);
    for (const path of [".env", ".git", "keys/id_rsa", "deep/.aws"])
      assert.ok(
        excluded.some((entry) => entry.path.startsWith(path) && entry.reason !== ""),
        path,
      );
  });

  test("a retry of a packaged job needs its own consent, for its own plan", async () => {
    const { consent_token } = await planFor("ada");
    const { job_id } = await submitAs("ada", consent_token);
    const ada = server.as("ada");
    await waitForJob(ada, job_id, ({ is_terminal }) => is_terminal);
    const retry = (token?: string) =>
      ada("POST /api/cloud/jobs/{job_id}/retry", {
        params: { job_id },
        body: token === undefined ? {} : { consent_token: token },
      });
    assert.equal(await codeOf(retry()), "409 consent_required");
    const preview = { body: { retry_of: job_id, dataset_transfer: "package" as const } };
    assert.equal(
      await codeOf(server.as("bob")("POST /api/cloud/data-consent/preview", preview)),
      "404 job_not_found",
    );
    const plan = await ada("POST /api/cloud/data-consent/preview", preview);
    assert.equal(await codeOf(retry(plan.consent_token ?? "")), "accepted");
  });

  /** Runs `work` while the queue is held by another job of this machine, and lets that one end afterwards. */
  async function whileBusy<Result>(work: () => Promise<Result>): Promise<Result> {
    const holder = await server.call("POST /api/cloud/jobs/submit", {
      body: {
        config: { ...config, hold: true },
        dataloader_config: dataset.dataloader,
        dataset_transfer: "in_place",
      },
    });
    await waitForJob(server.call, holder.job_id, ({ status }) => status === "running");
    const result = await work();
    await server.call("POST /api/cloud/jobs/{job_id}/cancel", { params: { job_id: holder.job_id } });
    return result;
  }
});
