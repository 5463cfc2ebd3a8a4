import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { test } from "node:test";
import { followJob, type JobUpdate } from "./follow-job.ts";
import { connectTo } from "./server-address.ts";
import {
  FakeError,
  fakeEvent,
  fakeJob,
  fakeServer,
  streamed,
  type FakeAnswer,
} from "./testing/fake-server.ts";

const jobPath = "GET /api/cloud/jobs/*";
const eventsPath = "GET /api/cloud/jobs/*/events";
const streamPath = "GET /api/events/stream";
const { job_id } = fakeJob();

/** The updates as short words: status of jobs, `#id` of events. */
async function toldOf(
  url: string,
  onUpdate: (word: string) => void = () => {},
  patience = 2000,
): Promise<string[]> {
  const signal = new AbortController().signal;
  const words: string[] = [];
  for await (const update of followJob(
    connectTo(url, { env: {}, interrupted: signal }),
    job_id,
    signal,
    patience,
  )) {
    const word = wordOf(update);
    words.push(word);
    onUpdate(word);
  }
  return words;
}

function wordOf(update: JobUpdate): string {
  if (update.kind === "job") return update.job.status;
  return update.kind === "event" ? `#${update.event.id}` : update.kind;
}

/** A stream that sends `text` and stays open until `end` resolves. */
function streams(text: string, keep: (response: ServerResponse) => void = () => {}): FakeAnswer {
  return (_asked, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" }).write(text);
    keep(response);
    return undefined;
  };
}

test("an unknown job is the server's own sentence", async () => {
  await using server = await fakeServer({
    [eventsPath]: () => {
      throw new FakeError("job_not_found", { job_id });
    },
  });
  await assert.rejects(toldOf(server.url), /There is no job/);
});

test("a job that already ended is told once, with its history", async () => {
  await using server = await fakeServer({
    [eventsPath]: ({ query }) => ({
      events: [fakeEvent(3, "job.created"), fakeEvent(4, "job.status")].filter(
        (e) => e.id > Number(query.get("after")),
      ),
    }),
    [jobPath]: () => ({ job: fakeJob({ status: "failed" }) }),
  });
  assert.deepEqual(await toldOf(server.url), ["#3", "#4", "failed", "failed"]);
  assert.ok(!server.asked.includes(streamPath));
});

test("live events carry the job; events of other jobs and replayed ones are not told", async () => {
  let asked = 0;
  const done = fakeJob({ status: "completed" });
  await using server = await fakeServer({
    [eventsPath]: ({ query }) => ({
      events: query.get("after") === "0" ? [fakeEvent(3, "job.created")] : [],
    }),
    [streamPath]: ({ headers }, response) => {
      assert.equal(headers["last-event-id"], "3");
      const other = { ...fakeEvent(5, "job.status"), job_id: "other" };
      response
        .writeHead(200)
        .write(
          [
            "event: connection\ndata: {}\n\ndata: not json\n\n",
            streamed(fakeEvent(3, "job.created"), fakeJob()),
            streamed(other, done),
            streamed(fakeEvent(6, "job.checkpoint"), fakeJob()),
            streamed(fakeEvent(0, "job.progress", { progress: null }), fakeJob()),
          ].join(""),
        );
      response.write(streamed(fakeEvent(7, "job.status"), done));
      return undefined;
    },
    // Asked at the start, when the stream opened, and at the end.
    [jobPath]: () => ({ job: ++asked < 3 ? fakeJob() : done }),
  });
  const words = await toldOf(server.url);
  assert.deepEqual(
    words.filter((word) => word !== "running"),
    ["#3", "#6", "#7", "completed"],
  );
});

test("a job that ended while the server was away is noticed after the restart, with what happened meanwhile", async () => {
  let first: ServerResponse | undefined;
  const routes: Record<string, FakeAnswer> = {
    [eventsPath]: () => ({ events: [] }),
    [jobPath]: () => ({ job: fakeJob() }),
    [streamPath]: streams(": hello\n\n", (response) => (first = response)),
  };
  const server = await fakeServer(routes);
  const port = Number(new URL(server.url).port);
  let restarted: Promise<AsyncDisposable> | undefined;
  try {
    const words = await toldOf(server.url, (word) => {
      // The second "running" comes from the comment: the stream is open and in use.
      if (word === "running" && first) {
        first = undefined;
        void server[Symbol.asyncDispose]();
      }
      if (word !== "lost") return;
      restarted = fakeServer(
        {
          ...routes,
          [streamPath]: streams(""),
          [jobPath]: () => ({ job: fakeJob({ status: "completed" }) }),
          [eventsPath]: () => ({ events: [fakeEvent(9, "job.status")] }),
        },
        port,
      );
    });
    assert.deepEqual(
      words.filter((word) => word !== "running"),
      ["lost", "back", "#9", "completed"],
    );
  } finally {
    await (await restarted)?.[Symbol.asyncDispose]();
  }
});

test("a server that never comes back ends the following with a sentence", async () => {
  await using server = await fakeServer({
    [eventsPath]: () => ({ events: [] }),
    [jobPath]: () => ({ job: fakeJob() }),
    [streamPath]: (_asked, response) => void response.destroy(),
  });
  await assert.rejects(
    toldOf(server.url, () => {}, 50),
    /has not answered/,
  );
});

test("a deleted job ends the following", async () => {
  await using server = await fakeServer({
    [eventsPath]: () => ({ events: [] }),
    [jobPath]: () => ({ job: fakeJob() }),
    [streamPath]: streams(streamed(fakeEvent(2, "job.deleted"))),
  });
  await assert.rejects(toldOf(server.url), /was deleted/);
});

test("a refused stream is the server's own sentence, at once", async () => {
  await using server = await fakeServer({
    [eventsPath]: () => ({ events: [] }),
    [jobPath]: () => ({ job: fakeJob() }),
    [streamPath]: () => {
      throw new FakeError("authentication_error");
    },
  });
  await assert.rejects(toldOf(server.url), /Sign in or send an API key/);
});
