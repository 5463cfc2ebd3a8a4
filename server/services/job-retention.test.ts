import assert from "node:assert/strict";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { ApiError } from "@simpletuner-cloud/contract/client.ts";
import { statePaths } from "../config/state-paths.ts";
import { makeDataset, startTestServer, type TestServer, waitForJob } from "../testing/test-server.ts";
import { eventually, quickTrainer } from "../testing/trainer-scripts.ts";

const dayMs = 24 * 3_600_000;

describe("jobs that ended long ago", () => {
  let server: TestServer;
  let clock = 0;
  let dataloader: Record<string, unknown>[];
  beforeEach(async () => {
    clock = 0;
    server = await startTestServer({ script: quickTrainer, now: () => Date.now() + clock });
    ({ dataloader } = await makeDataset(server.folder));
    await server.call("POST /api/queue/concurrency", { body: { max_concurrent: 4 } });
  });
  afterEach(() => server.close());

  const submit = async (config: Record<string, unknown> = {}): Promise<string> => {
    const body = {
      config: { max_train_steps: 1, hub_token: "hf_never_archived_0123", ...config },
      dataloader_config: dataloader,
    };
    return (await server.call("POST /api/cloud/jobs/submit", { body })).job_id;
  };
  const ended = async (): Promise<string> => {
    const id = await submit();
    await waitForJob(server.call, id, ({ status }) => status === "completed");
    return id;
  };
  const jobs = async () => (await server.call("GET /api/cloud/jobs")).jobs.map(({ job_id }) => job_id);
  const archive = () => statePaths(server.stateDir).archive;
  const archived = async (): Promise<{ kind: string; job_id: string; text?: string }[]> => {
    const names = (await readdir(archive()).catch(() => [])).filter((name) =>
      /^jobs-.*\.jsonl\.gz$/.test(name),
    );
    const texts = await Promise.all(names.map((name) => readFile(join(archive(), name))));
    return texts.flatMap((text) =>
      gunzipSync(text)
        .toString()
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as { kind: string; job_id: string }),
    );
  };
  const cleanup = (days: number, more: { dry_run?: boolean; status?: "failed" | "completed" } = {}) =>
    server.call("POST /api/queue/cleanup", { query: { days, ...more } });

  test("go into the archive with their logs, values and history, and then out of the database; outputs and younger jobs stay", async () => {
    const old = [await ended(), await ended()];
    clock = 40 * dayMs;
    const young = await ended();
    assert.deepEqual([(await cleanup(30, { dry_run: true })).deleted, (await jobs()).length], [2, 3]);
    assert.equal((await cleanup(30, { status: "failed" })).deleted, 0);
    const before_ = await server.call("GET /api/queue/retention");
    assert.deepEqual([before_.days, before_.due, before_.ended, before_.archives.files], [90, 0, 3, 0]);
    assert.equal((await cleanup(30)).deleted, 2);
    assert.deepEqual(await jobs(), [young]);
    const records = await archived();
    for (const id of old) {
      const kinds = new Set(records.filter(({ job_id }) => job_id === id).map(({ kind }) => kind));
      assert.deepEqual(kinds, new Set(["job", "event", "metrics", "log"]), id);
    }
    assert.ok(!JSON.stringify(records).includes("hf_never_archived_0123"));
    assert.match(JSON.stringify(records), /Training step 1\/1/);
    for (const id of old)
      assert.ok(
        (await readdir(join(server.stateDir, "cloud_outputs"), { recursive: true })).some((path) =>
          path.includes(id),
        ),
      );
    const { entries } = await server.call("GET /api/audit", { query: { event_type: "jobs.pruned" } });
    assert.equal((entries[0]?.details as { jobs?: number } | undefined)?.jobs, 2);
    assert.ok((await server.call("GET /api/queue/retention")).archives.bytes > 0);
  });

  test("never are jobs under way, however long ago they began", async () => {
    const holding = await submit({ hold: "hold" });
    await waitForJob(server.call, holding, ({ status }) => status === "running");
    await server.call("POST /api/queue/concurrency", { body: { max_concurrent: 1 } });
    const waiting = await submit();
    clock = 5_000 * dayMs;
    assert.equal((await cleanup(1)).deleted, 0);
    assert.deepEqual((await jobs()).sort(), [holding, waiting].sort());
    await server.call("POST /api/cloud/jobs/{job_id}/cancel", { params: { job_id: waiting } });
    await server.call("POST /api/cloud/jobs/{job_id}/cancel", { params: { job_id: holding } });
    await waitForJob(server.call, holding, ({ is_terminal }) => is_terminal);
    // Over only now: their age counts from their end.
    assert.equal((await cleanup(1)).deleted, 0);
    clock += 2 * dayMs;
    assert.equal((await cleanup(1)).deleted, 2);
  });

  test("stay where they are when the archive cannot be written", async () => {
    const id = await ended();
    clock = 40 * dayMs;
    await rm(archive(), { recursive: true, force: true });
    await writeFile(archive(), "in the way");
    await assert.rejects(cleanup(30), (error: unknown) => {
      assert.ok(error instanceof ApiError);
      assert.equal(error.code, "folder_unusable");
      assert.match(error.message, /archive cannot be used: a file stands in its way\./);
      assert.match(error.message, /choose another place with SIMPLETUNER_STATE_DIR/);
      return true;
    });
    assert.deepEqual(await jobs(), [id]);
    const { due, archives } = await server.call("GET /api/queue/retention");
    assert.deepEqual([due, archives], [0, { files: 0, bytes: 0 }]);
    await rm(archive());
    await mkdir(archive());
    assert.equal((await cleanup(30)).deleted, 1);
    await eventually(
      "nothing half written",
      async () => (await readdir(archive())).every((name) => !name.endsWith(".new")) || null,
    );
  });
});
