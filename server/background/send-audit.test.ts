import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test, type TestContext } from "node:test";
import { pino } from "pino";
import { outboundHttp } from "../adapters/outbound/undici/outbound-http.ts";
import { outboundOf } from "../config/outbound.ts";
import { appendEvents } from "../db/stores/job-events.ts";
import { auditCollector } from "../services/audit-collector.ts";
import { openChain, sendFrom, type TestChain } from "../testing/audit-site.ts";
import { type CollectorAnswer, startCollector, type TestCollector } from "../testing/collector.ts";
import { sendAudit } from "./send-audit.ts";

const token = "tok_of_the_collector";
let collector: TestCollector;
beforeEach(async () => (collector = await startCollector()));
afterEach(() => collector.close());

/** A loop whose rounds a test makes, with the real calls, stores and a clock of its own. */
function openLoop(t: TestContext, chain: TestChain, { allow = "127.0.0.1", waitMs = 5_000 } = {}) {
  const stopping = new AbortController();
  const outbound = outboundHttp(outboundOf({ SIMPLETUNER_ALLOW_PRIVATE_ADDRESSES: allow }));
  t.after(async () => {
    stopping.abort();
    await loop.settled();
    await outbound.close();
  });
  const loop = sendAudit({
    auditEntries: chain.entries,
    auditExports: chain.exports,
    collector: auditCollector({
      http: outbound.guarded({ retries: 0 }),
      source: { hostName: "here", version: "1" },
      waitMs,
    }),
    targetOf: ({ format, url, scheme }) => ({ format, url, scheme, token }),
    now: () => chain.clock.ms,
    log: pino({ level: "silent" }),
    stopping: stopping.signal,
  });
  return { stopping, round: loop.runOnce };
}

async function trouble(chain: TestChain) {
  return (await chain.exports.current())?.trouble ?? null;
}

const upTo = (last: number, first = 1): number[] =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);

describe("sending the audit", () => {
  test("brings every entry once, in order, and what comes later as well", async (t) => {
    const chain = await openChain(t);
    await chain.happen(130);
    await chain.log.seal();
    await sendFrom(chain, 0, { url: `${collector.url}/in?source=a` });
    const { round } = openLoop(t, chain);
    await round();
    assert.deepEqual(collector.taken, upTo(130));
    const [first] = collector.requests;
    assert.equal(first?.path, "/in?source=a");
    assert.equal(first.headers.authorization, `ApiKey ${token}`);
    assert.equal(first.headers["content-type"], "application/json");
    await round();
    assert.equal(collector.requests.length, 130);
    await chain.log.seal();
    await round();
    // The entry that tells of the switching on.
    assert.deepEqual(collector.taken, upTo(131));
    const { position, lastSentId, trouble: none } = (await chain.exports.current()) ?? {};
    assert.deepEqual([position, lastSentId, none], [131, 131, null]);
  });

  for (const [name, answer, problem] of [
    ["an error of the collector", { status: 500, body: `no ${token} room` }, /status 500.*no \*\*\* room/],
    ["silence", "hang", /did not answer within 1 seconds/],
    ["a cut connection", "cut", /cut the connection/],
    ["an answer that breaks off", "cut in the answer", /cut the connection/],
    ["being too early", { status: 429, headers: { "retry-after": "90" } }, /status 429/],
  ] as const)
    test(`tries again after ${name}, and waits longer each time`, async (t) => {
      const chain = await openChain(t);
      await chain.happen(3);
      await chain.log.seal();
      await sendFrom(chain, 0, { url: collector.url });
      const { round } = openLoop(t, chain, answer === "hang" ? { waitMs: 1_000 } : {});
      let bad = 2;
      collector.answer = ({ body }): CollectorAnswer =>
        body.includes('"audit_id":2') && bad-- > 0 ? answer : { status: 201 };
      await round();
      const first = await trouble(chain);
      assert.match(first?.problem ?? "", problem);
      assert.doesNotMatch(first?.problem ?? "", new RegExp(token));
      assert.deepEqual([first?.entry, first?.attempts, first?.sinceMs], [2, 1, chain.clock.ms]);
      const asked = typeof answer === "object" && "headers" in answer ? 90_000 : 1_000;
      const waitMs = (first?.nextTryAtMs ?? 0) - chain.clock.ms;
      assert.ok(waitMs >= asked && waitMs <= asked * 1.25 + 1, `${waitMs} ms`);
      await round();
      assert.equal(collector.requests.length, 2, "not before its time");
      chain.clock.ms += waitMs;
      await round();
      const second = await trouble(chain);
      assert.deepEqual([second?.attempts, second?.sinceMs], [2, first?.sinceMs]);
      const nextMs = (second?.nextTryAtMs ?? 0) - chain.clock.ms;
      assert.ok(nextMs >= Math.max(asked, 2_000), `${nextMs} ms`);
      chain.clock.ms += nextMs;
      await round();
      assert.deepEqual(collector.taken, [1, 2, 3]);
      assert.equal(await trouble(chain), null);
    });

  for (const [name, answer, problem] of [
    ["a refused token", { status: 401 }, /refuses the token \(status 401\)/],
    [
      "a refused entry",
      { status: 400, body: "no\nsuch field" },
      /refuses the entry .*It says: no such field/,
    ],
    ["a wrong address", { status: 404 }, /nothing at this address/],
    ["a redirect", { status: 302, headers: { location: "/elsewhere" } }, /leads on to another one/],
  ] as const)
    test(`stops at ${name}, and goes on where it was once somebody has acted`, async (t) => {
      const chain = await openChain(t);
      await chain.happen(4);
      await chain.log.seal();
      await sendFrom(chain, 0, { url: collector.url });
      const { round } = openLoop(t, chain);
      collector.answer = ({ body }): CollectorAnswer =>
        body.includes('"audit_id":3') ? answer : { status: 200 };
      await round();
      chain.clock.ms += 86_400_000;
      await round();
      assert.deepEqual(collector.taken, [1, 2]);
      assert.equal(collector.requests.length, 3, "it was tried once, and no redirect followed");
      const stopped = await trouble(chain);
      assert.match(stopped?.problem ?? "", problem);
      assert.deepEqual([stopped?.entry, stopped?.nextTryAtMs], [3, null]);
      await chain.log.seal();
      const [entry] = await chain.entries.page({ types: ["audit.export_stopped"] }, 5, 0);
      assert.equal(JSON.parse(entry?.data ?? "{}").entry, 3);
      collector.answer = () => ({ status: 200 });
      await chain.exports.change((before) => {
        assert.ok(before);
        const event = { type: "audit.export_resumed" as const, data: {} };
        return { next: { ...before, trouble: null }, event };
      });
      await chain.log.seal();
      await round();
      assert.deepEqual(collector.taken, upTo(7));
    });

  test("calls no address that is not allowed, also when it was set before", async (t) => {
    const chain = await openChain(t);
    await chain.happen(1);
    await chain.log.seal();
    await sendFrom(chain, 0, { url: collector.url });
    await openLoop(t, chain, { allow: "10.1.2.3" }).round();
    assert.equal(collector.requests.length, 0);
    assert.match((await trouble(chain))?.problem ?? "", /not on the internet/);
  });

  test("of security alone passes over everything else, and stands at the end all the same", async (t) => {
    const chain = await openChain(t);
    await chain.happen(60);
    await chain.db
      .transaction()
      .execute((transaction) =>
        appendEvents(transaction, [
          { jobId: null, userId: null, type: "auth.login.failed", atMs: chain.clock.ms, data: {} },
        ]),
      );
    await chain.happen(60);
    await chain.log.seal();
    await sendFrom(chain, 0, { url: collector.url, securityOnly: true });
    await openLoop(t, chain).round();
    assert.deepEqual(collector.taken, [61]);
    assert.equal((await chain.exports.current())?.position, 121);
  });

  test("writes nothing down of a batch whose settings changed meanwhile, nor of one that another server sent", async (t) => {
    const chain = await openChain(t);
    await chain.happen(3);
    await chain.log.seal();
    await sendFrom(chain, 0, { url: collector.url });
    const { round } = openLoop(t, chain);
    collector.answer = async ({ body }): Promise<CollectorAnswer> => {
      if (body.includes('"audit_id":2')) await sendFrom(chain, 1, { url: `${collector.url}/other` });
      return { status: 200 };
    };
    await round();
    assert.deepEqual(collector.taken, [1, 2, 3]);
    assert.equal((await chain.exports.current())?.position, 1);
    const current = await chain.exports.current();
    assert.ok(current);
    const progress = { position: 3, sent: null, trouble: null };
    assert.equal(await chain.exports.advance(current, progress), true);
    assert.equal(await chain.exports.advance(current, progress), false);
  });

  test("that is stopped in the middle keeps what was taken", async (t) => {
    const chain = await openChain(t);
    await chain.happen(5);
    await chain.log.seal();
    await sendFrom(chain, 0, { url: collector.url });
    const { round, stopping } = openLoop(t, chain);
    collector.answer = ({ body }): CollectorAnswer => {
      if (!body.includes('"audit_id":4')) return { status: 200 };
      stopping.abort();
      return "hang";
    };
    await round();
    assert.deepEqual([(await chain.exports.current())?.position, await trouble(chain)], [3, null]);
  });
});
