import assert from "node:assert/strict";
import { test } from "node:test";
import { runCli } from "./program.ts";
import { capturedIo, ran } from "./testing/captured-io.ts";
import {
  FakeError,
  fakeEvent,
  fakeJob,
  fakeServer,
  streamed,
  type FakeAnswer,
} from "./testing/fake-server.ts";

const plan = {
  requires_upload: true,
  consent_mode: "ask",
  destination: "this machine.",
  deleted_when: "the job ends.",
  route: { way: "machine", size_bytes: 2300, limit_bytes: null, notes: [], refusal: null },
  datasets: [
    {
      id: "coast",
      instance_data_dir: "/data/coast",
      archive_dir: "coast",
      file_count: 2,
      total_bytes: 2048,
      excluded_count: 12,
      excluded: [{ path: ".env", rule: "env", reason: "may hold secrets" }],
    },
  ],
  total_files: 2,
  total_bytes: 2048,
  archive_bytes: 2300,
  archive_bytes_exact: true,
  fingerprint: "f1",
  consent_token: "consent-1",
  message: null,
};
const previewPath = "POST /api/cloud/data-consent/preview";
const submitPath = "POST /api/cloud/jobs/submit";

function submitting(submitted: unknown[], changes: object = {}): Record<string, FakeAnswer> {
  return {
    [previewPath]: () => ({ ...plan, ...changes }),
    "POST /api/cloud/cost-estimate": () => ({ message: "free, about 1 min" }),
    [submitPath]: ({ body }) => {
      submitted.push(body);
      const job = fakeJob({ status: "pending" });
      return { success: true, job_id: job.job_id, status: "pending", idempotent_hit: false, job };
    },
  };
}

test("a command line that is not understood ends with 2 and a hint", async () => {
  for (const args of [
    [],
    ["jobs"],
    ["nope"],
    ["jobs", "list", "--limit", "0"],
    ["jobs", "list", "--limit", "x"],
    ["jobs", "get"],
    ["jobs", "submit", "a", "--dataset", "fly"],
  ]) {
    const { code, err } = await ran("http://127.0.0.1:1", args);
    assert.equal(code, 2, args.join(" "));
    assert.notEqual(err, "");
  }
  const { code } = await ran("nonsense", ["jobs", "list"]);
  assert.equal(code, 2);
});

test("help and version end with 0", async () => {
  const help = await ran("http://127.0.0.1:1", ["--help"]);
  assert.equal(help.code, 0);
  for (const name of ["server", "demo", "jobs", "configs", "status", "doctor"])
    assert.match(help.out, new RegExp(`\\b${name}\\b`));
  const version = await ran("http://127.0.0.1:1", ["--version"]);
  assert.match(version.out, /^\d+\.\d+\.\d+\n$/);
});

test("a server that does not answer: one sentence on stderr that says how to start it, exit 1", async () => {
  const { code, out, err } = await ran("http://127.0.0.1:1", ["jobs", "list"]);
  assert.equal(code, 1);
  assert.equal(out, "");
  assert.equal(
    err,
    "The server at http://127.0.0.1:1 does not answer. Start it with: npx simpletuner-cloud server\n",
  );
});

test("a refusal of the server is its own sentence", async () => {
  await using server = await fakeServer({
    [previewPath]: () => {
      throw new FakeError("config_not_found", { name: "nope", known: ["demo"] });
    },
  });
  const { code, err } = await ran(server.url, ["jobs", "submit", "nope"]);
  assert.equal(code, 1);
  assert.equal(err, 'There is no configuration named "nope". Known names: demo.\n');
});

test("submit in a pipe without --yes sends nothing; with --yes it sends the plan's token and a key", async () => {
  const submitted: unknown[] = [];
  await using server = await fakeServer(submitting(submitted));
  const refused = await ran(server.url, ["jobs", "submit", "demo", "--dataset", "package"]);
  assert.equal(refused.code, 1);
  assert.match(refused.err, /only with your consent.*--yes/);
  assert.deepEqual(submitted, []);
  const done = await ran(server.url, [
    "jobs",
    "submit",
    "demo",
    "--dataset",
    "package",
    "--yes",
    "--name",
    "n1",
  ]);
  assert.equal(done.code, 0);
  assert.match(done.out, new RegExp(`Submitted ${fakeJob().job_id}`));
  const [body] = submitted as Record<string, unknown>[];
  assert.equal(body?.["consent_token"], "consent-1");
  assert.equal(body?.["dataset_transfer"], "package");
  assert.equal(body?.["name"], "n1");
  assert.match(String(body?.["idempotency_key"]), /^[0-9a-f-]{36}$/);
});

test("a plan that would be refused is told with its notes, and nothing is submitted", async () => {
  const submitted: unknown[] = [];
  const note = {
    code: "nsfw_check",
    dataset_id: null,
    field: "x",
    message: "The trainer looks at pictures.",
  };
  const refusal = { code: "archive_over_limit", message: "The archive has 101 MiB." };
  const refused = { way: "upload", size_bytes: 101 << 20, limit_bytes: 100 << 20, notes: [note], refusal };
  await using server = await fakeServer(submitting(submitted, { route: refused, consent_token: null }));
  const { code, err } = await ran(server.url, ["jobs", "submit", "demo", "--yes"]);
  assert.deepEqual([code, err], [1, "The archive has 101 MiB.\n"]);
  const dry = await ran(server.url, ["jobs", "submit", "demo", "--dry-run"]);
  assert.match(
    dry.out,
    /note: x: The trainer looks.*\n.*Refused: The archive has 101 MiB\.[\s\S]*at most 105/,
  );
  assert.deepEqual(submitted, []);
});

test("reading in place needs no consent", async () => {
  const submitted: unknown[] = [];
  await using server = await fakeServer(
    submitting(submitted, { requires_upload: false, consent_token: null }),
  );
  const { code } = await ran(server.url, ["jobs", "submit", "demo", "--idempotency-key", "mine"]);
  assert.equal(code, 0);
  assert.deepEqual(submitted, [{ config_name_to_load: "demo", idempotency_key: "mine" }]);
});

test("a dry run shows files, bytes, what stays here and why, and submits nothing; its JSON holds no token", async () => {
  const submitted: unknown[] = [];
  await using server = await fakeServer(submitting(submitted));
  const text = await ran(server.url, ["jobs", "submit", "demo", "-n"]);
  assert.equal(text.code, 0);
  assert.match(text.out, /coast +2 +2\.0 kB +12 +\/data\/coast/);
  assert.match(text.out, /stays here: \.env \(may hold secrets\)/);
  assert.match(text.out, /and 11 more/);
  assert.match(text.out, /free, about 1 min/);
  const json = await ran(server.url, ["jobs", "submit", "demo", "--dry-run", "--format", "json"]);
  assert.equal(JSON.parse(json.out).plan.total_files, 2);
  assert.doesNotMatch(json.out, /consent-1/);
  assert.deepEqual(submitted, []);
});

test("following ends with 0 when the job completed and 1 with the reason when it failed", async () => {
  for (const [status, code] of [
    ["completed", 0],
    ["failed", 1],
    ["cancelled", 1],
  ] as const) {
    const job = fakeJob({ status, error_message: status === "failed" ? "the GPU left" : null });
    await using server = await fakeServer({
      ...submitting([]),
      "GET /api/cloud/jobs/*/events": () => ({ events: [] }),
      "GET /api/cloud/jobs/*/artifacts": () => ({
        artifacts: [
          {
            key: "m.safetensors",
            kind: "model",
            size_bytes: 10,
            path: "/out/m.safetensors",
            url: "/d/m",
            step: null,
          },
        ],
        total_bytes: 10,
        next: null,
      }),
      "GET /api/cloud/jobs/*": () => ({ job }),
    });
    const result = await ran(server.url, ["jobs", "submit", "demo", "--yes", "--follow"]);
    assert.equal(result.code, code, result.err);
    if (status === "completed") assert.match(result.out, /\/out\/m\.safetensors \(10 B\)/);
    if (status === "failed") assert.match(result.err, /^The job failed after 42 s: the GPU left\. Its log: /);
    const json = await ran(server.url, ["jobs", "submit", "demo", "--yes", "--follow", "--format", "json"]);
    assert.equal(JSON.parse(json.out).status, status);
  }
});

test("Ctrl-C while following ends with 130 and says that the job goes on", async () => {
  const { io, interrupt, read } = capturedIo();
  await using server = await fakeServer({
    ...submitting([]),
    "GET /api/cloud/jobs/*/events": () => ({ events: [] }),
    "GET /api/cloud/jobs/*": () => ({ job: fakeJob() }),
    "GET /api/events/stream": (_asked, response) => {
      response.writeHead(200).write(streamed(fakeEvent(1, "job.checkpoint", { step: 1 }), fakeJob()));
      setImmediate(interrupt);
      return undefined;
    },
  });
  const code = await runCli(["--server", server.url, "jobs", "submit", "demo", "-y", "-f"], io);
  assert.equal(code, 130);
  assert.match(read().err, /The job goes on/);
});

test("an id may be abbreviated while it is unique", async () => {
  const jobs = ["aaa1", "aab2"].map((job_id) => fakeJob({ job_id, name: `n-${job_id}` }));
  await using server = await fakeServer({
    "GET /api/cloud/jobs": () => ({ jobs, total: 2, next_cursor: null, prev_cursor: null, counts: {} }),
    "GET /api/cloud/jobs/*": ({ path }) => {
      throw new FakeError("job_not_found", { job_id: path.split("/").at(-1) ?? "" });
    },
    "POST /api/cloud/jobs/aab2/cancel": () => ({ success: true, job_id: "aab2", status: "running" }),
  });
  const cancelled = await ran(server.url, ["jobs", "cancel", "aab"]);
  assert.equal(cancelled.code, 0);
  assert.match(cancelled.out, /Cancelling aab2/);
  const ambiguous = await ran(server.url, ["jobs", "cancel", "aa"]);
  assert.equal(ambiguous.code, 1);
  assert.match(ambiguous.err, /2 jobs start with aa: aaa1, aab2/);
  const none = await ran(server.url, ["jobs", "get", "zz"]);
  assert.match(none.err, /There is no job zz/);
});

test("list prints chosen fields and refuses unknown ones", async () => {
  const synced: (string | null)[] = [];
  await using server = await fakeServer({
    "GET /api/cloud/jobs": ({ query }) => {
      assert.equal(query.get("status"), "active");
      synced.push(query.get("sync_active"));
      return { jobs: [fakeJob()], total: 7, next_cursor: null, prev_cursor: null, counts: {} };
    },
  });
  const table = await ran(server.url, ["jobs", "list", "-s", "active"]);
  assert.match(table.out, /^ID +STATUS/);
  assert.match(table.out, /and 6 more/);
  const json = await ran(server.url, ["jobs", "list", "-s", "active", "-o", "job_id,status", "-f", "json"]);
  assert.deepEqual(JSON.parse(json.out), [{ job_id: fakeJob().job_id, status: "running" }]);
  const wrong = await ran(server.url, ["jobs", "list", "-s", "active", "-o", "colour"]);
  assert.equal(wrong.code, 2);
  assert.match(wrong.err, /no field "colour"/);
  await ran(server.url, ["jobs", "list", "-s", "active", "--sync"]);
  assert.deepEqual(synced, [null, null, null, "true"]);
});

test("delete in a pipe needs --force", async () => {
  await using server = await fakeServer({
    "GET /api/cloud/jobs/*": () => ({ job: fakeJob({ status: "completed" }) }),
    "DELETE /api/cloud/jobs/*": ({ query }) => {
      assert.equal(query.get("keep_outputs"), "true");
      return { success: true, job_id: fakeJob().job_id };
    },
  });
  const refused = await ran(server.url, ["jobs", "delete", fakeJob().job_id]);
  assert.equal(refused.code, 1);
  assert.match(refused.err, /--force/);
  assert.ok(!server.asked.some((place) => place.startsWith("DELETE")));
  const done = await ran(server.url, ["jobs", "delete", fakeJob().job_id, "--force"]);
  assert.equal(done.code, 0);
});

test("logs: all pages, then the stream from the next line on, each line once", async () => {
  const line = (n: number) => ({ line: n, at: "2026-01-31T10:20:30.123Z", level: "info", text: `line ${n}` });
  await using server = await fakeServer({
    "GET /api/cloud/jobs/*": () => ({ job: fakeJob() }),
    "GET /api/cloud/jobs/*/logs": ({ query }) => {
      const from = Number(query.get("from_line"));
      const lines = Array.from({ length: Math.min(5000, 5003 - from) }, (_, at) => line(from + at));
      return { job_id: "x", lines, total_lines: 5002, matched_lines: 5002, logs: "" };
    },
    "GET /api/cloud/jobs/*/logs/stream": ({ query }, response) => {
      assert.equal(query.get("from_line"), "5003");
      response
        .writeHead(200)
        .write(`id: 5003\nevent: lines\ndata: ${JSON.stringify([line(5002), line(5003)])}\n\n`);
      response.end('event: done\ndata: {"status":"completed"}\n\n');
      return undefined;
    },
  });
  const { code, out } = await ran(server.url, ["jobs", "logs", "x", "-f"]);
  assert.equal(code, 0);
  assert.deepEqual(
    out.trim().split("\n"),
    Array.from({ length: 5003 }, (_, at) => `line ${at + 1}`),
  );
});
