import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { type ReplicateEmulator, startReplicateEmulator } from "../e2e/replicate-emulator/emulator.ts";
import { hideValue } from "./domain/hidden-values.ts";
import type { Span } from "./domain/trace.ts";
import { inWork } from "./domain/work-scope.ts";
import { logFile } from "./log-file.ts";
import { openLog } from "./log.ts";
import { type ServerProcess, startServerProcess } from "./testing/server-process.ts";
import { makeDataset, waitForJob } from "./testing/test-server.ts";
import { eventually, trainerScript } from "./testing/trainer-scripts.ts";

interface Line {
  timestamp: string;
  level: string;
  logger: string;
  message: string;
  correlation_id: string | null;
  source: { file: string; line: number; function: string };
  extra: Record<string, unknown>;
}

const linesOf = (text: string): Line[] =>
  text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Line);

describe("a line of the log", () => {
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "log "));
    path = join(folder, "logs", "cloud.log");
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  /** What a log writes into its file. */
  const written = async (format: "json" | "text", work: (log: ReturnType<typeof openLog>["log"]) => void) => {
    const config = {
      logLevel: "info",
      logFormat: format,
      logFile: { path, maxBytes: null, keep: 0 },
    } as const;
    const shown: string[] = [];
    const { log, close } = openLog(config, { write: (line: string) => shown.push(line) });
    work(log);
    close();
    const kept = await readFile(path, "utf8");
    assert.equal(shown.join(""), kept, "the error output and the file");
    return kept;
  };

  test("has the fields of the operations guide, and tells what the work is about and who wrote it", async () => {
    function someWork(log: ReturnType<typeof openLog>["log"]): void {
      log.warn({ attempt: 2 }, "trying again");
    }
    const text = await written("json", (log) =>
      inWork(
        { correlationId: "abc123", jobId: "job-1", provider: "replicate", userId: "ada", step: "uploading" },
        () => {
          someWork(log);
          log.debug("not at this level");
        },
      ),
    );
    const [line, ...more] = linesOf(text);
    assert.ok(line);
    assert.deepEqual(more, []);
    assert.deepEqual(
      Object.keys(line).sort(),
      ["timestamp", "level", "logger", "message", "correlation_id", "source", "extra"].sort(),
    );
    assert.match(line.timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.deepEqual([line.level, line.message, line.correlation_id], ["WARNING", "trying again", "abc123"]);
    assert.deepEqual([line.source.file, line.source.function], ["server/log.test.ts", "someWork"]);
    const source = (await readFile(import.meta.filename, "utf8")).split("\n")[line.source.line - 1];
    assert.match(source ?? "", /log\.warn/);
    assert.equal(line.logger, "simpletuner.cloud.log.test");
    const about = { job_id: "job-1", provider: "replicate", user_id: "ada", step: "uploading" };
    assert.deepEqual(line.extra, { ...about, attempt: 2 });
    assert.equal((await stat(path)).mode & 0o777, 0o600);
  });

  test("tells where the work is in a trace, while it is in one", async () => {
    const span: Span = {
      traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
      spanId: "00f067aa0ba902b7",
      traceparent: "",
      tracestate: null,
      hasNews: false,
      begin: () => null,
      set: () => undefined,
      rename: () => undefined,
      fail: () => undefined,
      end: () => undefined,
    };
    const work = (log: ReturnType<typeof openLog>["log"]) =>
      inWork({ correlationId: "abc123", span }, () => log.warn("trying again"));
    const line = JSON.parse(await written("json", work)) as Record<string, unknown>;
    assert.deepEqual([line["trace_id"], line["span_id"]], [span.traceId, span.spanId]);
    await rm(path);
    assert.match(await written("text", work), / trying again correlation_id=abc123 trace_id=4bf92f3577b3/);
  });

  test("holds no secret: by its name, by its form, or by being one that this server knows", async () => {
    hideValue("correct horse battery");
    const secrets = [
      "correct horse battery",
      "r8_0123456789abcdefghijABCDEFGHIJ",
      "hf_0123456789abcdefghij",
      "st_0123456789abcdefghij0123456789ab",
      "hunter2hunter2",
      "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
      "plain-but-named",
      "d3adb33f",
    ];
    const [known, replicate, hub, api, password, jwt, named, signature] = secrets as [
      string,
      string,
      string,
      string,
      string,
      string,
      string,
      string,
    ];
    const cause = new Error(`proxy http://ada:${password}@proxy.test:3128 refused`);
    const error = new Error(`GET https://s3.test/a?X-Amz-Signature=${signature}&x=1 with ${replicate}`, {
      cause,
    });
    Object.assign(error, { headers: { authorization: `Bearer ${jwt}` }, secretAccessKey: named });
    for (const format of ["json", "text"] as const) {
      const text = await written(format, (log) => {
        log.error({ err: error }, `failed with ${hub}`);
        log.error(error);
        log.info(
          { request: { headers: { cookie: named, "x-api-key": api } }, note: `said ${known}` },
          "asked",
        );
        log.info(
          { config: { webhook_config: [{ auth_token: named }], deep: { api_key: named } } },
          `key ${api}`,
        );
      });
      for (const secret of secrets) assert.ok(!text.includes(secret), `${format}: ${secret}\n${text}`);
      assert.match(text, /proxy\.test:3128 refused/);
      assert.match(text, /X-Amz-Signature=\*\*\*&x=1/);
      await rm(path);
    }
  });

  test("stays one line in text, whatever a stranger put into it", async () => {
    const text = await written("text", (log) => {
      log.info({ name: "a\n12:00:00 ERROR    forged\u001b[2J" }, "hello\nERROR forged");
      log.error({ err: new Error("first\n12:00:00 ERROR    forged") }, "trouble");
    });
    const lines = text.trimEnd().split("\n");
    assert.ok(!text.includes("\u001b"), text);
    assert.deepEqual(lines.filter((line) => /^\d\d:\d\d:\d\d ERROR/.test(line)).length, 1, text);
    assert.match(lines[0] ?? "", /^\d\d:\d\d:\d\d INFO {5}"hello\\nERROR forged" name="a\\n12/);
  });

  test("is in one of the files, whole, when they are put aside by size", async () => {
    const file = logFile({ path, maxBytes: 1_000, keep: 2, onProblem: assert.fail });
    for (let number = 0; number < 100; number++) file.write(`${String(number).padStart(40, "0")}\n`);
    file.close();
    const names = (await readdir(join(folder, "logs"))).sort();
    assert.deepEqual(names, ["cloud.log", "cloud.log.1", "cloud.log.2"]);
    const texts = await Promise.all(
      names.toReversed().map((name) => readFile(join(folder, "logs", name), "utf8")),
    );
    for (const text of texts) assert.ok(text.length <= 1_000);
    const numbers = texts.join("").trimEnd().split("\n").map(Number);
    assert.deepEqual(
      numbers,
      Array.from({ length: numbers.length }, (_, index) => 100 - numbers.length + index),
    );
    // One that was there before is gone on with.
    const again = logFile({ path, maxBytes: 1_000, keep: 2, onProblem: assert.fail });
    again.write("after a restart\n");
    again.close();
    assert.ok((await readFile(path, "utf8")).endsWith("after a restart\n"));
  });

  test("cannot be begun where its file cannot be, and the way out is told", () => {
    const config = { logLevel: "info", logFormat: "json" } as const;
    const kept = { path: "/dev/null/cloud.log", maxBytes: null, keep: 0 };
    assert.throws(
      () => openLog({ ...config, logFile: kept }),
      /cannot be written \(E\w+\)\. .* name another file\.$/,
    );
  });

  test("is lost on a full disk with a word about it, and nothing else fails", () => {
    const told: string[] = [];
    const file = logFile({
      path: "/dev/full",
      maxBytes: null,
      keep: 0,
      onProblem: (sentence) => told.push(sentence),
    });
    for (let line = 0; line < 10; line++) file.write("does not fit\n");
    file.close();
    assert.equal(told.length, 1);
    assert.match(told[0] ?? "", /\/dev\/full cannot be written \(ENOSPC\)/);
  });
});

describe("the log of a server", () => {
  let folder: string;
  let path: string;
  let emulator: ReplicateEmulator;
  let server: ServerProcess;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "log "));
    path = join(folder, "cloud.log");
    emulator = await startReplicateEmulator({ startMs: 20, trainMs: 50, predictor: "unpacks" });
    const trainer = join(folder, "trainer.sh");
    const script = trainerScript(
      'echo "correlation $SIMPLETUNER_CORRELATION_ID"; printf w > "$out/pytorch_lora_weights.safetensors"',
    );
    await writeFile(trainer, script, { mode: 0o755 });
    server = await startServerProcess({
      SIMPLETUNER_STATE_DIR: join(folder, "state"),
      SIMPLETUNER_LOG_LEVEL: "DEBUG",
      SIMPLETUNER_LOG_FILE: path,
      SIMPLETUNER_TRAINER_COMMAND: `/bin/sh "${trainer}"`,
      REPLICATE_API_TOKEN: emulator.token,
      REPLICATE_BASE_URL: emulator.baseUrl,
      REPLICATE_STATUS_URL: emulator.statusUrl,
    });
  });
  after(async () => {
    await server.stop();
    await emulator.close();
    await rm(folder, { recursive: true, force: true });
  });
  const lines = async () => linesOf(await readFile(path, "utf8"));

  test("follows a request by the id that it brought, to the answer and to the service it calls", async () => {
    const asked = await fetch(`${server.url}/api/cloud/providers/replicate/validate?secret=no`, {
      headers: { "x-correlation-id": "from-the-proxy.1" },
    });
    assert.equal(asked.headers.get("x-correlation-id"), "from-the-proxy.1");
    const sent = emulator.calls.filter(({ headers }) => headers["x-correlation-id"] === "from-the-proxy.1");
    assert.ok(sent.length > 0, "the call to Replicate carries it");
    const line = await eventually(
      "the line of the answer",
      async () => (await lines()).find(({ correlation_id }) => correlation_id === "from-the-proxy.1") ?? null,
    );
    assert.deepEqual(
      [line.level, line.message, line.extra["path"], line.extra["status"], line.extra["user_id"]],
      ["DEBUG", "answered", "/api/cloud/providers/replicate/validate", 200, "local"],
    );
    const forged = await fetch(`${server.url}/health`, { headers: { "x-correlation-id": "a b" } });
    assert.match(forged.headers.get("x-correlation-id") ?? "", /^[0-9a-f]{12}$/);
  });

  test("follows a job's run by one id, to its trainer as well", async () => {
    const { dataloader } = await makeDataset(folder);
    const { job_id } = await server.call("POST /api/cloud/jobs/submit", {
      body: { config: { max_train_steps: 1 }, dataloader_config: dataloader },
    });
    await waitForJob(server.call, job_id, ({ status }) => status === "completed");
    const over = await eventually(
      "the end in the log",
      async () =>
        (await lines()).find(
          ({ message, extra }) => message === "the run is over" && extra["job_id"] === job_id,
        ) ?? null,
    );
    assert.deepEqual(
      [over.extra["provider"], over.extra["user_id"], over.extra["outcome"]],
      ["local", "local", "completed"],
    );
    assert.equal(over.logger, "simpletuner.cloud.background.drive-run");
    const logs = await (
      await fetch(`${server.url}/api/cloud/jobs/${job_id}/logs/download`)
    )
      .text()
      .catch(() => "");
    const answer = JSON.stringify(
      await server.call("GET /api/cloud/jobs/{job_id}/logs", { params: { job_id } }),
    );
    assert.ok(`${logs}${answer}`.includes(`correlation ${over.correlation_id}`), answer);
  });

  test("goes on in a new file at SIGHUP after another program moved the old one, and the server runs on", async () => {
    await rename(path, `${path}-20260101`);
    server.signal("SIGHUP");
    await eventually("the new file", async () => {
      await fetch(`${server.url}/health`);
      return stat(path).catch(() => null);
    });
    await fetch(`${server.url}/health`, { headers: { "x-correlation-id": "after" } });
    await eventually(
      "a line in the new file",
      async () => (await lines()).find(({ correlation_id }) => correlation_id === "after") ?? null,
    );
  });
});
