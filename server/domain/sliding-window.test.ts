import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { instantMs, mostInstants, type RateRule, takePlaces, type WindowLog } from "./sliding-window.ts";

/** Lets hits come after the given waits and answers the instants of those that got through, and how the log grew. */
function play(rule: RateRule, hits: readonly (readonly [waitMs: number, wanted: number])[]) {
  let log: WindowLog = [];
  let nowMs = 1_700_000_000_000;
  const through: number[] = [];
  const asked: { atMs: number; wanted: number; allowed: number }[] = [];
  let longest = 0;
  for (const [waitMs, wanted] of hits) {
    nowMs += waitMs;
    const taken = takePlaces(log, rule, wanted, nowMs);
    log = taken.log;
    longest = Math.max(longest, log.length / 2);
    for (let one = 0; one < taken.usage.allowed; one++) through.push(nowMs);
    asked.push({ atMs: nowMs, wanted, allowed: taken.usage.allowed });
  }
  return { through, asked, longest };
}

const hits = (longestWait: number) =>
  fc.array(fc.tuple(fc.nat(longestWait), fc.integer({ min: 1, max: 9 })), { maxLength: 400, size: "max" });

test("no window of any beginning holds more than the limit, whatever the limit and the times", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 900 }),
      fc.integer({ min: 1, max: 5_000 }),
      hits(60),
      (limit, windowMs, all) => {
        const { through, longest } = play({ limit, windowMs }, all);
        through.forEach((at, index) => {
          const overflow = through[index + limit];
          if (overflow !== undefined)
            assert.ok(overflow - at >= windowMs, `${limit} + 1 in ${overflow - at} ms`);
        });
        assert.ok(longest <= mostInstants + 1, `${longest} instants`);
      },
    ),
  );
});

test("up to 256 each decision is that of a list of all instants; above, a place waits at most a 256th longer", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(1, 3, 40, 256, 257, 1_000),
      fc.integer({ min: 300, max: 4_000 }),
      hits(30),
      (limit, windowMs, all) => {
        const rule = { limit, windowMs };
        const { through, asked } = play(rule, all);
        let taken = 0;
        for (const { atMs, wanted, allowed } of asked) {
          const since = atMs - windowMs - (instantMs(rule) - 1);
          const used = through.slice(0, taken).filter((at) => at > since).length;
          assert.ok(
            allowed >= Math.max(0, Math.min(wanted, limit - used)),
            `${allowed} of ${wanted}, ${used} used`,
          );
          taken += allowed;
        }
      },
    ),
  );
});

test("after the wait that is told a place is free, and not a millisecond before", () => {
  fc.assert(
    fc.property(fc.constantFrom(2, 9, 300), hits(40), (limit, all) => {
      const rule = { limit, windowMs: 1_000 };
      let log: WindowLog = [];
      let nowMs = 1_700_000_000_000;
      for (const [waitMs, wanted] of all) {
        nowMs += waitMs;
        const taken = takePlaces(log, rule, wanted, nowMs);
        log = taken.log;
        const { retryMs, resetMs, used } = taken.usage;
        assert.equal(retryMs > 0, used >= limit);
        if (retryMs === 0) continue;
        assert.equal(takePlaces(log, rule, 1, nowMs + retryMs - 1).usage.allowed, 0);
        assert.equal(takePlaces(log, rule, 1, nowMs + retryMs).usage.allowed, 1);
        assert.equal(takePlaces(log, rule, 0, nowMs + resetMs).usage.used, 0);
      }
    }),
  );
});

test("a clock that stands behind lets nothing more through, and one set back by more than a window heals", () => {
  const rule = { limit: 2, windowMs: 1_000 };
  const { log } = takePlaces([], rule, 2, 500_000);
  assert.equal(takePlaces(log, rule, 1, 499_500).usage.allowed, 0);
  assert.equal(takePlaces(log, rule, 1, 400_000).usage.allowed, 1);
});
