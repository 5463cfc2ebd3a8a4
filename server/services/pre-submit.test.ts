import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import { makeDataset, startTestServer, type TestServer, waitForJob } from "../testing/test-server.ts";
import { readStream } from "../testing/stream-reader.ts";
import { uploadProgressOf } from "./pre-submit.ts";

describe("what a form asks before it submits", () => {
  let server: TestServer;

  beforeEach(async () => {
    server = await startTestServer({ script: "#!/bin/sh\nsleep 1\n" });
  });
  afterEach(() => server.close());

  const follow = (id: string, user = "local") =>
    readStream(`${server.url}/api/webhooks/upload/progress/${id}`, { "x-test-user": user });
  const submit = async (more: Record<string, unknown> = {}) =>
    server.call("POST /api/cloud/jobs/submit", {
      body: {
        config: { max_train_steps: 1 },
        dataloader_config: (await makeDataset(server.folder)).dataloader,
        dataset_transfer: "package",
        ...more,
      },
    });

  test("the hardware with its prices, and the configurations' repository", async () => {
    const { hardware, default_hardware } = await server.call("GET /api/cloud/hardware-options");
    assert.equal(default_hardware, "h100");
    const l40s = hardware.find(({ id }) => id === "l40s");
    assert.deepEqual([l40s?.cost_per_second, l40s?.cost_per_hour], [0.000972222, 3.499999]);
    const check = await server.call("GET /api/cloud/pre-submit-check");
    assert.deepEqual([check.repo_present, check.is_dirty, check.config_name], [false, false, null]);
    await assert.rejects(
      server.call("GET /api/cloud/pre-submit-check", { query: { config_name: "none" } }),
      /none/,
    );
  });

  test("an upload is followed by the caller's own name for it, opened before the submit, to its end", async () => {
    await server.call("PUT /api/cloud/data-consent/setting", { body: { consent: "allow" } });
    const stream = await follow("my-upload");
    const waiting = await stream.until(() => true);
    assert.deepEqual([waiting.data["stage"], waiting.data["job_id"]], ["scanning", null]);
    const { job_id, upload_id } = await submit({ upload_id: "my-upload" });
    assert.equal(upload_id, "my-upload");
    const last = await stream.until(({ data }) => data["done"] === true);
    assert.deepEqual(
      [last.data["stage"], last.data["percent"], last.data["error"], last.data["job_id"]],
      ["complete", 100, null, job_id],
    );
    await stream.ended;
  });

  test("by the job's id, and by its name after a start; another's upload is not told", async () => {
    const { job_id } = await submit({ upload_id: "u-1", dataset_transfer: "in_place" });
    await waitForJob(server.call, job_id, ({ is_terminal }) => is_terminal);
    const over = await (await follow(job_id)).until(() => true);
    assert.deepEqual([over.data["done"], over.data["job_id"]], [true, job_id]);
    const foreign = await follow("u-1", "bob");
    const told = await foreign.until(() => true);
    assert.equal(told.data["job_id"], null);
    foreign.close();
    const byId = await follow(job_id, "bob");
    assert.equal((await byId.until(() => true)).data["job_id"], null);
    byId.close();
    await server.call("POST /api/queue/concurrency", { body: { max_concurrent: 1 } });
    await submit({ name: "first", dataset_transfer: "in_place" });
    const second = await submit({ name: "second", upload_id: "u-2", dataset_transfer: "in_place" });
    await server.restart();
    const found = await (await follow("u-2")).until(() => true);
    assert.equal(found.data["job_id"], second.job_id);
  });

  test("a name is no part of what is submitted: equal requests stay one job, another key has no effect on it", async () => {
    const request = { idempotency_key: "k", dataset_transfer: "in_place" };
    const first = await submit({ ...request, upload_id: "a" });
    const again = await submit({ ...request, upload_id: "b" });
    assert.deepEqual([again.job_id, again.idempotent_hit, again.upload_id], [first.job_id, true, "b"]);
  });

  test("what a job's state means for its upload", () => {
    const sent = {
      bytes_done: 50,
      bytes_total: 200,
      bytes_per_second: 10,
      eta_seconds: 15,
      stage: "uploading",
    };
    const job = (changes: object): Job => ({ job_id: "j", upload_progress: null, ...changes }) as Job;
    const stages: [object, string, number][] = [
      [{ status: "pending" }, "scanning", 0],
      [{ status: "uploading", upload_progress: { ...sent, stage: "packaging" } }, "packaging", 25],
      [{ status: "queued" }, "uploading", 0],
      [{ status: "queued", upload_progress: sent }, "uploading", 25],
      [{ status: "running" }, "complete", 100],
      [{ status: "cancelled" }, "error", 0],
    ];
    for (const [changes, stage, percent] of stages) {
      const progress = uploadProgressOf(job(changes), 0);
      assert.deepEqual([progress.stage, progress.percent], [stage, percent], JSON.stringify(changes));
    }
  });
});
