import assert from "node:assert/strict";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { importHistoryOffline } from "../import-job-history.ts";
import { startTestServer, storedTexts, type TestServer } from "../testing/test-server.ts";

/** As SimpleTuner's cloud panel writes it, with what years and crashes make of it. */
const history = [
  {
    job_id: "py-0001",
    job_type: "cloud",
    provider: "replicate",
    status: "completed",
    config_name: "my lora",
    created_at: "2025-11-02T10:00:00.123456+00:00",
    started_at: "2025-11-02T10:05:00+00:00",
    completed_at: "2025-11-02T11:05:00+00:00",
    cost_usd: 5.49,
    hardware_type: "gpu-h100",
    output_url: "https://huggingface.co/ada/my-lora",
    upload_token: "tok_never_to_be_taken",
    user_id: 3,
    metadata: {
      run: 7,
      hf_token: "hf_never_to_be_taken",
      config: { s3: [{ secret_key: "key_never_to_be_taken" }] },
    },
  },
  {
    job_id: "py-0002",
    provider: null,
    status: "canceled",
    created_at: 1_762_077_600,
    error_message: "stopped\u001b[2J",
  },
  {
    job_id: "py-0003",
    provider: "simpletuner_io",
    status: "error",
    created_at: "2025-11-02T10:00:00",
    completed_at: "never",
  },
  { job_id: "py-0004", provider: "replicate", status: "running", created_at: "2025-11-02T10:00:00Z" },
  { job_id: "py-0001", status: "completed", created_at: "2025-11-02T10:00:00Z" },
  null,
  "text",
  { status: "completed", created_at: "2025-11-02T10:00:00Z" },
  { job_id: "../../etc/passwd", status: "completed", created_at: "2025-11-02T10:00:00Z" },
  { job_id: "py-0005", status: "exploded", created_at: "2025-11-02T10:00:00Z" },
  { job_id: "py-0006", status: "failed", created_at: "yesterday" },
  { job_id: "py-0007", status: "failed", created_at: 1e300, cost_usd: -4 },
];

describe("the job history of SimpleTuner's cloud panel", () => {
  let server: TestServer;
  let path: string;
  before(async () => {
    server = await startTestServer();
    path = join(server.folder, "old history.json");
    await writeFile(path, JSON.stringify(history));
  });
  after(() => server.close());

  const run = (more: { path?: string; dryRun?: boolean } = {}) =>
    importHistoryOffline({ stateDir: server.stateDir, env: server.env, path, dryRun: false, ...more });
  const jobs = async () => (await server.call("GET /api/cloud/jobs")).jobs;
  const one = async (job_id: string) =>
    (await server.call("GET /api/cloud/jobs/{job_id}", { params: { job_id } })).job;

  test("is taken over as far as it is over and can be understood, and again without effect", async () => {
    const foreseen = await run({ dryRun: true });
    assert.deepEqual([foreseen.imported, (await jobs()).length], [3, 0]);
    const report = await run();
    assert.deepEqual([report.imported, report.present], [3, 1]);
    assert.deepEqual(report.active, [{ job_id: "py-0004", provider: "replicate", status: "running" }]);
    assert.deepEqual(
      report.problems.map(({ entry, reason }) => `${entry} ${reason}`),
      [
        "6 is not an object",
        "7 is not an object",
        "8 has no usable job_id",
        "9 has no usable job_id",
        "10 has an unknown status (exploded)",
        "11 has no created_at that is a time",
        "12 has no created_at that is a time",
      ],
    );
    const first = await one("py-0001");
    assert.deepEqual(
      [
        first.status,
        first.name,
        first.cost_usd,
        first.duration_seconds,
        first.created_at,
        first.completed_at,
      ],
      ["completed", "my lora", 5.49, 3_600, "2025-11-02T10:00:00.123Z", "2025-11-02T11:05:00.000Z"],
    );
    assert.deepEqual(
      [first.output_url, first.hardware_type, first.metadata["former_user_id"]],
      ["https://huggingface.co/ada/my-lora", "gpu-h100", "3"],
    );
    const [second, third] = [await one("py-0002"), await one("py-0003")];
    assert.deepEqual(
      [second.status, second.provider, second.error_message],
      ["cancelled", "local", "stopped [2J"],
    );
    assert.deepEqual(
      [third.status, third.created_at, third.completed_at],
      ["failed", "2025-11-02T10:00:00.000Z", "2025-11-02T10:00:00.000Z"],
    );
    for (const [where, text] of await storedTexts(server))
      assert.ok(!text.includes("never_to_be_taken"), where);
    assert.deepEqual(await run().then(({ imported, present }) => [imported, present]), [0, 4]);
    assert.equal((await server.call("GET /api/cloud/jobs")).total, 3);
  });

  test("of another form is read too; a file that is none is refused with one sentence", async () => {
    const other = join(server.folder, "other.json");
    const entry = { status: "completed", created_at: "2025-11-02T10:00:00Z" };
    await writeFile(
      other,
      JSON.stringify({ version: 2, jobs: { "by-id-1": entry, "by-id-2": { ...entry, job_id: "by-id-2" } } }),
    );
    assert.equal((await run({ path: other })).imported, 2);
    for (const [text, words] of [
      ['[{"job_id": "cut', /is not whole JSON/],
      ["42", /holds no list of jobs/],
    ] as const) {
      await writeFile(other, text);
      await assert.rejects(run({ path: other }), words);
    }
    await assert.rejects(run({ path: join(server.folder, "none") }), /cannot be read \(ENOENT\)/);
  });

  test("in the state directory is taken in at the first start, once", async () => {
    const own = join(server.stateDir, "cloud", "job_history.json");
    await mkdir(join(server.stateDir, "cloud"), { recursive: true });
    await writeFile(own, "[");
    await server.restart();
    await writeFile(
      own,
      JSON.stringify([{ job_id: "at-start", status: "failed", created_at: "2025-11-02T10:00:00Z" }]),
    );
    await server.restart();
    assert.equal((await one("at-start")).status, "failed");
    await server.call("DELETE /api/cloud/jobs/{job_id}", { params: { job_id: "at-start" } });
    await server.restart();
    await assert.rejects(one("at-start"), /at-start/);
    await rm(own);
  });
});
