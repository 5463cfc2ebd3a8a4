import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { LogLine } from "@simpletuner-cloud/contract/logs.ts";
import { readStream, type StreamReader } from "../testing/stream-reader.ts";
import { makeDataset, startTestServer, type TestServer, waitForJob } from "../testing/test-server.ts";
import { killProcessesOf, trainerScript } from "../testing/trainer-scripts.ts";

const hubToken = "hf_a1b2c3d4e5f6g7h8";
let server: TestServer;
let folder: string;
let dataloader: Record<string, unknown>[];

/** What the script prints is chosen by the option `part`. */
const script = (gate: string) =>
  trainerScript(`
case "$(sed -n 's/.*"part": "\\([a-z]*\\)".*/\\1/p' "$CONFIG_PATH")" in
mixed)
  printf 'INFO start\\r\\n'
  printf '\\033[31mERROR\\033[0m red\\n'
  printf ' 10%%|#| 1/10 [00:01<00:09]\\r 20%%|##| 2/10 [00:02<00:08]\\n'
  printf 'WARNING Motörhead ☃\\n'
  printf '\\n'
  printf 'DEBUG small\\n'
  cat "$CONFIG_PATH"
  echo "token $SIMPLETUNER_UPLOAD_TOKEN"
  printf 'no line end' ;;
long)
  seq -f 'INFO line %.0f of a long log' 1 200000 ;;
slow)
  echo one
  while [ ! -e "${gate}/go" ]; do sleep 0.03; done
  echo two; echo three ;;
binary)
  printf 'a\\000b\\377\\376c\\n'
  head -c 3000000 /dev/zero | tr '\\000' x ;;
esac
exit 0`);

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "logs "));
  server = await startTestServer({ script: script(folder) });
  ({ dataloader } = await makeDataset(server.folder));
});
after(async () => {
  await server.close();
  await killProcessesOf(server.folder);
  await rm(folder, { recursive: true, force: true });
});

async function run(part: string, wait = true): Promise<string> {
  const body = { config: { max_train_steps: 1, part, hub_token: hubToken }, dataloader_config: dataloader };
  const { job_id } = await server.call("POST /api/cloud/jobs/submit", { body });
  if (wait) await waitForJob(server.call, job_id, (job) => job.is_terminal, 30_000);
  return job_id;
}
const page = (job_id: string, query: Record<string, unknown> = {}) =>
  server.call("GET /api/cloud/jobs/{job_id}/logs", { params: { job_id }, query });
const texts = ({ lines }: { lines: LogLine[] }) => lines.map(({ text }) => text);
const lineNumbers = (stream: StreamReader) =>
  stream.messages
    .filter(({ event }) => event === "lines")
    .flatMap(({ data }) => (data as unknown as LogLine[]).map(({ line }) => line));
const follow = (jobId: string, headers: Record<string, string> = {}, query = "") =>
  readStream(`${server.url}/api/cloud/jobs/${jobId}/logs/stream${query}`, {
    "x-test-user": "local",
    ...headers,
  });

test("colours, Windows line ends, redrawn bars, empty lines and a missing last line end come out right", async () => {
  const job = await run("mixed");
  const all = await page(job);
  assert.deepEqual(texts(all).slice(0, 6), [
    "INFO start",
    "\u001b[31mERROR\u001b[0m red",
    " 20%|##| 2/10 [00:02<00:08]",
    "WARNING Motörhead ☃",
    "",
    "DEBUG small",
  ]);
  assert.equal(texts(all).at(-1), "no line end");
  assert.deepEqual(
    all.lines.slice(0, 6).map(({ level }) => level),
    ["info", "error", "info", "warning", "info", "debug"],
  );
  assert.equal(all.total_lines, all.lines.length);
  assert.deepEqual(
    all.lines.map(({ line }) => line),
    all.lines.map((_, index) => index + 1),
  );
  assert.equal(all.logs, texts(all).join("\n"));
});

test("no secret of the job is stored in its log, though the trainer prints its whole configuration", async () => {
  const job = await run("mixed");
  const all = await page(job);
  assert.match(all.logs, /"hub_token": "\*\*\*"/);
  assert.match(all.logs, /token \*\*\*/);
  assert.ok(!all.logs.includes(hubToken) && !/STU[0-9A-F]{24}/.test(all.logs));
  assert.match(all.logs, /"secret_key": "\*\*\*"/);
  const download = await fetch(`${server.url}/api/cloud/jobs/${job}/logs/download`, {
    headers: { "x-test-user": "local" },
  });
  assert.match(download.headers.get("content-disposition") ?? "", /attachment; filename="[\w-]+\.log"/);
  assert.equal(await download.text(), `${all.logs}\n`);
});

test("a log of 200,000 lines is paged, searched and counted without the server growing", async () => {
  const job = await run("long");
  const startMb = process.memoryUsage().rss / 2 ** 20;
  const startedAt = performance.now();
  const first = await page(job);
  assert.deepEqual([first.total_lines, first.matched_lines, first.lines.length], [200_000, 200_000, 500]);
  const middle = await page(job, { from_line: 123_456, limit: 3 });
  assert.deepEqual(
    middle.lines.map(({ line, text }) => [line, text]),
    [123_456, 123_457, 123_458].map((line) => [line, `INFO line ${line} of a long log`]),
  );
  const tail = await page(job, { tail: 2 });
  assert.deepEqual(texts(tail), ["INFO line 199999 of a long log", "INFO line 200000 of a long log"]);
  const found = await page(job, { q: "LINE 19999", limit: 5 });
  assert.deepEqual([found.matched_lines, found.lines.length, found.lines[0]?.line], [11, 5, 19_999]);
  const lastFound = await page(job, { q: "line 19999", tail: 1 });
  assert.equal(lastFound.lines[0]?.line, 199_999);
  const fromThere = await page(job, { q: "line 19999", from_line: 20_000 });
  assert.deepEqual([fromThere.matched_lines, fromThere.lines[0]?.line], [11, 199_990]);
  assert.deepEqual(await page(job, { level: "error" }).then(({ matched_lines }) => matched_lines), 0);
  assert.deepEqual((await page(job, { from_line: 200_001 })).lines, []);
  const stream = await follow(job);
  await stream.ended;
  assert.equal(lineNumbers(stream).length, 200_000);
  assert.ok(performance.now() - startedAt < 30_000);
  assert.ok(process.memoryUsage().rss / 2 ** 20 - startMb < 300, "the whole log was held in memory");
});

test("a stream follows a running job to its end and resumes where it was cut", async () => {
  const job = await run("slow", false);
  const first = await follow(job);
  const line = await first.until(({ event }) => event === "lines");
  assert.equal(line.id, "1");
  first.close();
  const resumed = await follow(job, { "last-event-id": "1" });
  const late = await follow(job, {}, "?from_line=3");
  await writeFile(join(folder, "go"), "");
  for (const stream of [resumed, late]) {
    assert.deepEqual((await stream.until(({ event }) => event === "done")).data, { status: "completed" });
    await stream.ended;
  }
  assert.deepEqual(lineNumbers(resumed), [2, 3]);
  assert.deepEqual(lineNumbers(late), [3]);
});

test("a stream of a job that waits, and of one that is deleted, ends", async () => {
  await rm(join(folder, "go"), { force: true });
  const holder = await run("slow", false);
  const waiting = await run("slow", false);
  const stream = await follow(waiting);
  await server.call("POST /api/cloud/jobs/{job_id}/cancel", { params: { job_id: waiting } });
  assert.deepEqual((await stream.until(({ event }) => event === "done")).data, { status: "cancelled" });
  await writeFile(join(folder, "go"), "");
  await waitForJob(server.call, holder, (job) => job.is_terminal);
  const finished = await follow(holder);
  await finished.until(({ event }) => event === "done");
  await finished.ended;
});

test("bytes that are no text and a line of three million characters do no harm", async () => {
  const job = await run("binary");
  const done = await waitForJob(server.call, job, ({ is_terminal }) => is_terminal);
  assert.equal(done.status, "completed");
  const all = await page(job);
  assert.match(all.lines[0]?.text ?? "", /^a.b.*c$/s);
  assert.equal(
    all.lines.slice(1).reduce((sum, { text }) => sum + text.length, 0),
    3_000_000,
  );
  assert.equal(done.progress?.last_log?.length, 80);
});

test("a log that is not there is empty, and wrong queries are refused by name", async () => {
  const job = await run("none");
  const empty = await page(job);
  assert.deepEqual([empty.lines, empty.total_lines, empty.logs], [[], 0, ""]);
  for (const query of ["tail=0", "tail=5001", "limit=x", "from_line=0", "level=loud", "from_line=1.5"]) {
    const response = await fetch(`${server.url}/api/cloud/jobs/${job}/logs?${query}`, {
      headers: { "x-test-user": "local" },
    });
    const body = (await response.json()) as { message: string };
    assert.equal(response.status, 422, query);
    assert.ok(body.message.startsWith(query.split("=")[0] as string), body.message);
  }
});

test("the run's folder, where the log was written, is gone", async () => {
  await assert.rejects(readFile(join(server.stateDir, "cloud", "jobs", await run("none"), "x")), /ENOENT/);
});
