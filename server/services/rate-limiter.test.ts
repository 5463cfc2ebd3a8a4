import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { memoryState } from "../adapters/state/memory/memory-state.ts";
import type { StateStore } from "../adapters/state/state.ts";
import { realMariadb, realPostgres, realRedis } from "../testing/real-services.ts";
import { hammerFrom, mostInOneWindow, type Through } from "./rate-limiter-test-processes.ts";
import { rateLimiter } from "./rate-limiter.ts";

/** A store that counts the questions it is asked. */
function countedState(): { state: StateStore; questions: () => number } {
  const state = memoryState();
  let asked = 0;
  return {
    state: { ...state, takePlaces: (...args) => (asked++, state.takePlaces(...args)) },
    questions: () => asked,
  };
}

test("what comes at once is one question, and each gets its own answer", async () => {
  const { state, questions } = countedState();
  const limiter = rateLimiter(state, "api", { limit: 3, windowMs: 60_000 });
  const decisions = await Promise.all(Array.from({ length: 5 }, () => limiter.check("user:1")));
  assert.deepEqual(
    decisions.map(({ allowed, remaining, retryMs }) => [allowed, remaining, retryMs > 0]),
    [
      [true, 2, false],
      [true, 1, false],
      [true, 0, true],
      [false, 0, true],
      [false, 0, true],
    ],
  );
  assert.equal(questions(), 1);
  assert.equal((await limiter.check("user:2")).allowed, true);
  assert.equal(questions(), 2);
});

test("a full key is refused without a question until it has a place again", async () => {
  const { state, questions } = countedState();
  const limiter = rateLimiter(state, "api", { limit: 1, windowMs: 200 });
  await limiter.check("a");
  for (let times = 0; times < 100; times++) assert.equal((await limiter.check("a")).allowed, false);
  assert.equal(questions(), 1);
  const { retryMs, resetMs } = await limiter.check("a");
  assert.ok(retryMs > 0 && retryMs <= 200 && resetMs <= 200);
  await delay(retryMs + 2);
  assert.equal((await limiter.check("a")).allowed, true);
});

test("usage tells without counting; track gives the decision to the work", async () => {
  const limiter = rateLimiter(memoryState(), "api", { limit: 2, windowMs: 60_000 });
  assert.equal((await limiter.usage("a")).used, 0);
  assert.equal(
    await limiter.track("a", async ({ allowed, remaining }) => `${allowed} ${remaining}`),
    "true 1",
  );
  await assert.rejects(
    limiter.track("a", async () => {
      throw new Error("the work failed");
    }),
    /the work failed/,
  );
  assert.equal((await limiter.usage("a")).used, 2);
  assert.equal(await limiter.track("a", async ({ allowed }) => allowed), false);
});

test("two limiters of one store that share a prefix share their counts; another prefix has its own", async () => {
  const state = memoryState();
  const rule = { limit: 1, windowMs: 60_000 };
  assert.equal((await rateLimiter(state, "a", rule).check("k")).allowed, true);
  assert.equal((await rateLimiter(state, "a", rule).check("k")).allowed, false);
  assert.equal((await rateLimiter(state, "b", rule).check("k")).allowed, true);
});

test("a store that does not answer fails every request that waits, and the next is asked anew", async () => {
  const { state } = countedState();
  let broken = true;
  const limiter = rateLimiter(
    {
      ...state,
      async takePlaces(...args) {
        if (broken) throw new Error("gone");
        return state.takePlaces(...args);
      },
    },
    "api",
    { limit: 9, windowMs: 60_000 },
  );
  const outcomes = await Promise.allSettled([limiter.check("a"), limiter.check("a")]);
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ["rejected", "rejected"],
  );
  broken = false;
  assert.equal((await limiter.check("a")).remaining, 8);
});

test("the judge of the hammers counts what provably lies in one window", () => {
  const at = (...times: number[]): Through[] => times.map((time) => [time, time]);
  assert.equal(mostInOneWindow(at(0, 1, 2, 10, 11), 10), 3);
  assert.equal(mostInOneWindow(at(0, 1, 2, 9, 11), 10), 4);
  assert.equal(
    mostInOneWindow(
      [
        [0, 100],
        [50, 60],
        [50, 60],
      ],
      20,
    ),
    2,
  );
});

const folder = mkdtempSync(join(tmpdir(), "simpletuner-limits-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const backends = [
  { kind: "sqlite", service: null },
  { kind: "redis", service: realRedis() },
  { kind: "postgres", service: realPostgres() },
  { kind: "mysql", service: realMariadb() },
] as const;

describe("four processes hammer one key", () => {
  for (const { kind, service } of backends)
    test(`in ${kind}: exactly the limit gets through`, { skip: service?.skip ?? false }, async () => {
      const url = service ? (await service.get()).url : "";
      const rule = { limit: 400, windowMs: 600_000 };
      const order = { kind, url, path: join(folder, "state.db"), key: "once", rule };
      const { through } = await hammerFrom(4, { ...order, requests: 400, concurrency: 20, pauseMs: 0 });
      assert.equal(through.length, 400);
    });
});
