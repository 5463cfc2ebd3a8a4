import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openStores } from "../db/stores/open-stores.ts";
import { readStream, type StreamReader } from "../testing/stream-reader.ts";
import { makeDataset, startTestServer, type TestServer, waitForJob } from "../testing/test-server.ts";
import {
  eventually,
  gatedTrainer,
  killProcessesOf,
  quickTrainer,
  trainerScript,
} from "../testing/trainer-scripts.ts";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const config = { model_family: "test", max_train_steps: 10 };
let server: TestServer;
let dataloader: Record<string, unknown>[];

before(async () => {
  server = await startTestServer({ script: quickTrainer });
  ({ dataloader } = await makeDataset(server.folder));
});
after(() => server.close());

const open = (lastEventId?: number, query = "") =>
  readStream(`${server.url}/api/events/stream${query}`, {
    "x-test-user": "local",
    ...(lastEventId === undefined ? {} : { "last-event-id": String(lastEventId) }),
  });
const submit = () =>
  server.call("POST /api/cloud/jobs/submit", { body: { config, dataloader_config: dataloader } });
const finished = (jobId: string) => waitForJob(server.call, jobId, (job) => job.is_terminal);
const numbers = (stream: StreamReader) =>
  stream.messages.flatMap(({ id }) => (id === null ? [] : [Number(id)]));
const isEnd = (jobId: string) => (message: { event: string; data: Record<string, unknown> }) =>
  message.event === "job.status" &&
  message.data["job_id"] === jobId &&
  (message.data["data"] as { status: string }).status === "completed";

async function stored(jobId: string): Promise<number[]> {
  const { events } = await server.call("GET /api/cloud/jobs/{job_id}/events", { params: { job_id: jobId } });
  return events.map(({ id }) => id);
}

test("a stream that is cut anywhere and resumed, also over restarts, loses and doubles nothing", async () => {
  const jobs: string[] = [];
  const heard: number[] = [];
  let stream = await open(0);
  for (let round = 0; round < 3; round++) {
    const { job_id } = await submit();
    jobs.push(job_id);
    // Cut at another place of the job's life each time; the rest is heard after the restart.
    await stream.until(
      ({ event, data }) =>
        data["job_id"] === job_id && event === (round === 0 ? "job.created" : "job.status"),
    );
    const seen = numbers(stream);
    heard.push(...seen);
    const endWasSeen = stream.messages.some(isEnd(job_id));
    await server.restart();
    await stream.ended;
    // What came between the look above and the end of the stream is thrown away, as a browser would that crashed.
    stream = await open(heard.at(-1));
    if (!endWasSeen) await stream.until(isEnd(job_id));
  }
  heard.push(...numbers(stream));
  const expected: number[] = [];
  for (const job of jobs) expected.push(...(await stored(job)));
  assert.deepEqual(
    heard,
    expected.sort((one, other) => one - other),
  );
  stream.close();
});

test("`after` replays like Last-Event-ID, a number of the future and garbage begin with what is new", async () => {
  const { job_id } = await submit();
  await finished(job_id);
  const [created, ...later] = await stored(job_id);
  const replayed = await open(undefined, `?after=${created}`);
  await replayed.until(isEnd(job_id));
  assert.deepEqual(numbers(replayed), later);
  replayed.close();
  for (const odd of ["?after=999999999", ""]) {
    const fresh = await readStream(`${server.url}/api/events${odd}`, {
      "x-test-user": "local",
      ...(odd === "" ? { "last-event-id": "not a number" } : {}),
    });
    const connected = await fresh.until(({ event }) => event === "connection");
    assert.equal(connected.data["latest"], later.at(-1));
    assert.deepEqual(numbers(fresh), []);
    fresh.close();
  }
});

test("one stream too many is refused with a sentence, and a place that is left is free again", async () => {
  const small = await startTestServer({ env: { SIMPLETUNER_MAX_EVENT_STREAMS: "5" } });
  const openOne = () => readStream(`${small.url}/api/events`, { "x-test-user": "local" });
  try {
    const streams = await Promise.all(Array.from({ length: 5 }, openOne));
    for (const stream of streams) await stream.until(({ event }) => event === "connection");
    const refused = await fetch(`${small.url}/api/events`, { headers: { "x-test-user": "local" } });
    assert.equal(refused.status, 503);
    assert.match(((await refused.json()) as { message: string }).message, /already serves 5 event streams/);
    for (const stream of streams) stream.close();
    const again = await eventually("a free place", async () => {
      const stream = await openOne();
      return stream.status === 200 ? stream : null;
    });
    again.close();
  } finally {
    await small.close();
  }
});

test("a stream that missed too much is told to load afresh", async () => {
  const busy = await startTestServer({ script: quickTrainer });
  try {
    const data = await makeDataset(busy.folder);
    const { job_id } = await busy.call("POST /api/cloud/jobs/submit", {
      body: { config, dataloader_config: data.dataloader },
    });
    await waitForJob(busy.call, job_id, (job) => job.is_terminal);
    await busy.stop();
    const nothing = (): void => undefined;
    const many = Array.from({ length: 1_000 }, () => ({ type: "job.checkpoint" as const, data: {} }));
    await busy.database(async (db) => {
      const { jobs } = openStores(db, Date.now, nothing, nothing);
      for (let batch = 0; batch < 6; batch++) await jobs.change(job_id, () => ({ events: many }));
    });
    await busy.restart();
    const stream = await readStream(`${busy.url}/api/events?after=1`, { "x-test-user": "local" });
    const reset = await stream.until(({ event }) => event === "reset");
    assert.equal(reset.data["latest"], Number(reset.id));
    assert.ok(Number(reset.id) > 6_000);
    assert.equal(stream.messages.length, 2);
    const near = await readStream(`${busy.url}/api/events?after=${Number(reset.id) - 5_000}`, {
      "x-test-user": "local",
    });
    await near.until(({ id }) => id === reset.id);
    assert.equal(numbers(near).length, 5_000);
    stream.close();
    near.close();
  } finally {
    await busy.close();
  }
});

test("progress is told live while a job runs, and never replayed", async () => {
  const folder = await mkdtemp(join(tmpdir(), "live "));
  const live = await startTestServer({ script: gatedTrainer(folder) });
  try {
    const data = await makeDataset(live.folder);
    const stream = await readStream(`${live.url}/api/events`, { "x-test-user": "local" });
    const { job_id } = await live.call("POST /api/cloud/jobs/submit", {
      body: { config, dataloader_config: data.dataloader },
    });
    const progress = await stream.until(({ event }) => event === "job.progress");
    assert.equal(progress.id, null);
    const figures = (progress.data["data"] as { progress: Record<string, unknown> }).progress;
    assert.deepEqual(
      [figures["step"], figures["total_steps"], figures["percent"], figures["loss"]],
      [1, 10, 10, 0.9],
    );
    const inline = await live.call("GET /api/cloud/jobs/{job_id}/inline-progress", { params: { job_id } });
    assert.deepEqual([inline.stage, inline.progress], ["Training", 10]);
    await writeFile(join(folder, "go"), "");
    await stream.until(isEnd(job_id));
    const replayed = await readStream(`${live.url}/api/events?after=0`, { "x-test-user": "local" });
    await replayed.until(isEnd(job_id));
    assert.ok(!replayed.messages.some(({ event }) => event === "job.progress"));
    stream.close();
    replayed.close();
  } finally {
    await live.close();
    await killProcessesOf(live.folder);
    await rm(folder, { recursive: true, force: true });
  }
});

test("a bar that is only drawn over itself moves the progress, too", async () => {
  const folder = await mkdtemp(join(tmpdir(), "bar "));
  const bars = await startTestServer({
    script: trainerScript(`
printf 'Steps:  10%%|#   | 1/10 [00:01<00:09, 1.0it/s, loss=0.9]'
printf '\\rSteps:  50%%|##  | 5/10 [00:05<00:05, 1.0it/s, loss=0.5]'
while [ ! -e "${folder}/go" ]; do sleep 0.03; done
printf '\\rSteps: 100%%|####| 10/10 [00:10<00:00, 1.0it/s, loss=0.1]\\n'`),
  });
  try {
    const data = await makeDataset(bars.folder);
    const { job_id } = await bars.call("POST /api/cloud/jobs/submit", {
      body: { config, dataloader_config: data.dataloader },
    });
    const half = await waitForJob(bars.call, job_id, ({ progress }) => progress?.step === 5);
    assert.deepEqual([half.progress?.loss, half.progress?.eta_seconds], [0.5, 5]);
    await writeFile(join(folder, "go"), "");
    const done = await waitForJob(bars.call, job_id, (job) => job.is_terminal);
    assert.equal(done.progress?.step, 10);
    const { lines } = await bars.call("GET /api/cloud/jobs/{job_id}/logs", { params: { job_id } });
    assert.deepEqual(
      lines.map(({ text }) => text),
      ["Steps: 100%|####| 10/10 [00:10<00:00, 1.0it/s, loss=0.1]"],
    );
  } finally {
    await bars.close();
    await killProcessesOf(bars.folder);
    await rm(folder, { recursive: true, force: true });
  }
});

test("a changed setting is told to everybody, also to who resumes behind it", async () => {
  const stream = await open();
  await server.call("PUT /api/cloud/data-consent/setting", { body: { consent: "allow" } });
  const message = await stream.until(({ event }) => event === "settings.changed");
  assert.deepEqual(message.data["data"], { names: ["dataConsent"] });
  stream.close();
  const resumed = await readStream(`${server.url}/api/events/stream`, {
    "x-test-user": "bob",
    "last-event-id": String(Number(message.id) - 1),
  });
  assert.equal((await resumed.until(({ event }) => event === "settings.changed")).id, message.id);
  resumed.close();
});
