import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { FinalStreamError, followEventStream, parseEventStream, type FollowOptions } from "./event-stream.ts";

async function* chunked(bytes: Uint8Array, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  let from = 0;
  for (const cut of [...cuts].sort((a, b) => a - b)) {
    const to = Math.min(cut, bytes.length);
    if (to > from) yield bytes.subarray(from, to);
    from = Math.max(from, to);
  }
  yield bytes.subarray(from);
}

async function parsed(text: string, cuts: readonly number[] = []): Promise<unknown[]> {
  const messages: unknown[] = [];
  for await (const m of parseEventStream(chunked(new TextEncoder().encode(text), cuts))) messages.push(m);
  return messages;
}

test("an unfinished message at the end of the body is dropped", async () => {
  assert.deepEqual(await parsed("data: one\n\ndata: two\n"), [{ event: "message", data: "one", id: "" }]);
});

test("fields, comments, several data lines, a field without colon and an id with NUL", async () => {
  const text =
    ": ping\nevent: job.status\nid: 7\ndata: a\ndata:b\ndata\n\nid: x\0y\ndata:  two spaces\n\nretry: 5\n\n";
  assert.deepEqual(await parsed(text), [
    null,
    { event: "job.status", data: "a\nb\n", id: "7" },
    { event: "message", data: " two spaces", id: "7" },
  ]);
});

test("any cut of the bytes and any line ending gives the same messages", async () => {
  const source = 'event: नमूना\nid: 12\ndata: {"text":"é😀"}\n\n: ping\n\ndata: last\n\n';
  const expected = await parsed(source);
  assert.equal(expected.length, 3);
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom("\n", "\r", "\r\n"),
      fc.array(fc.nat({ max: 120 }), { maxLength: 12 }),
      async (ending, cuts) => {
        // The last CR of a body can be half a CR LF, so only a following byte completes its line.
        const text = source.replaceAll("\n", ending) + (ending === "\r" ? ": end" : "");
        assert.deepEqual(await parsed(text, cuts), expected);
      },
    ),
  );
});

test("a line without end is refused instead of kept", async () => {
  async function* endless(): AsyncGenerator<Uint8Array> {
    const piece = new TextEncoder().encode("x".repeat(256 * 1024));
    for (;;) yield piece;
  }
  await assert.rejects(async () => {
    for await (const _ of parseEventStream(endless()));
  }, /line without end/);
});

function following(connect: FollowOptions["connect"], more: Partial<FollowOptions> = {}) {
  const controller = new AbortController();
  const items = followEventStream({
    connect,
    signal: controller.signal,
    patienceMs: 200,
    pauseMs: 1,
    ...more,
  });
  return { items, controller };
}

test("a lost stream resumes after the last id and tells lost once", async () => {
  const ids: string[] = [];
  const bodies = ["id: 5\ndata: a\n\n", null, null, "id: 6\ndata: b\n\n"];
  const { items, controller } = following(async (lastEventId) => {
    ids.push(lastEventId);
    const body = bodies[ids.length - 1];
    if (body === null || body === undefined) throw new Error("refused");
    return new Response(body);
  });
  const told: string[] = [];
  for await (const item of items) {
    told.push(item.kind === "message" ? item.message.data : item.kind);
    if (told.at(-1) === "b") break;
  }
  controller.abort();
  assert.deepEqual(told, ["connected", "a", "lost", "connected", "b"]);
  assert.deepEqual(ids, ["", "5", "5", "5"]);
});

test("a server that stays away longer than the patience is an error", async () => {
  const { items } = following(async () => new Response("busy", { status: 503 }), { patienceMs: 30 });
  await assert.rejects(async () => {
    for await (const _ of items);
  }, /has not answered/);
});

test("a final refusal ends at once", async () => {
  let calls = 0;
  const { items } = following(async () => {
    calls++;
    throw new FinalStreamError("not yours");
  });
  await assert.rejects(async () => {
    for await (const _ of items);
  }, /not yours/);
  assert.equal(calls, 1);
});

test("a silent connection counts as dead and is opened again", async () => {
  let calls = 0;
  const { items, controller } = following(
    async (_lastId, signal) => {
      if (++calls === 2) return new Response("data: alive\n\n");
      return new Response(
        new ReadableStream({
          start: (stream) => signal.addEventListener("abort", () => stream.error(signal.reason)),
        }),
      );
    },
    { silenceMs: 20 },
  );
  for await (const item of items) if (item.kind === "message") break;
  controller.abort();
  assert.equal(calls, 2);
});

test("an aborted signal ends the stream without an error", async () => {
  const { items, controller } = following(async (_lastId, signal) => {
    setImmediate(() => controller.abort());
    return new Promise((_resolve, reject) =>
      signal.addEventListener("abort", () => reject(signal.reason as Error)),
    );
  });
  for await (const _ of items) assert.fail("nothing was sent");
});
