import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Failure } from "@simpletuner-cloud/contract/errors.ts";
import { costMicros } from "../domain/cost.ts";
import { pricedJobs, type PricedJobs } from "../testing/priced-jobs.ts";

const tickMs = 15_000;
const rates = [3_510_000, 5_490_000, 43_920_000] as const;

/** What may happen to a server, its clock and its runs. */
type Happening =
  | { what: "submit"; rate: (typeof rates)[number]; lastsMs: number; billed: boolean }
  | { what: "time"; ticks: number }
  /** kill -9; `silently` loses the stop that the last round asked for. */
  | { what: "crash"; downMs: number; silently: boolean }
  | { what: "clock"; backMs: number };

/** A run as the provider knows it, in true time. */
interface TrueRun {
  jobId: string;
  rate: number;
  startedMs: number;
  /** When it ends by itself, or was asked to stop and does. */
  endsMs: number;
  billed: boolean;
}

const happening = (sliceMs: number): fc.Arbitrary<Happening> =>
  fc.oneof(
    fc.record({
      what: fc.constant("submit" as const),
      rate: fc.constantFrom(...rates),
      lastsMs: fc.integer({ min: 1_000, max: 3_600_000 }),
      billed: fc.boolean(),
    }),
    {
      weight: 3,
      arbitrary: fc.record({ what: fc.constant("time" as const), ticks: fc.integer({ min: 1, max: 20 }) }),
    },
    fc.record({
      what: fc.constant("crash" as const),
      downMs: fc.integer({ min: 0, max: sliceMs }),
      silently: fc.boolean(),
    }),
    // Within the month: what is spent in another period counts there.
    fc.record({
      what: fc.constant("clock" as const),
      backMs: fc.oneof(
        fc.integer({ min: -86_400_000, max: 86_400_000 }),
        fc.integer({ min: 0, max: sliceMs }),
      ),
    }),
  );

const scenario = fc.integer({ min: 2, max: 6 }).chain((minutes) =>
  fc.record({
    sliceMs: fc.constant(minutes * 60_000),
    slices: fc.integer({ min: 0, max: 5 }),
    stopTakesMs: fc.integer({ min: 0, max: 30_000 }),
    happenings: fc.array(happening(minutes * 60_000), { minLength: 3, maxLength: 18 }),
  }),
);
type Scenario = typeof scenario extends fc.Arbitrary<infer S> ? S : never;

/** The world of a scenario: the provider's true runs around the real code that counts them. */
function world(kit: PricedJobs, { stopTakesMs, sliceMs }: Scenario) {
  const runs: TrueRun[] = [];
  const over = new Set<TrueRun>();
  const figures = { spentMicros: 0, mostAtOnceMicros: 0, longestDownMs: 0 };
  const now = () => kit.clock.trueMs;
  const stop = (jobId: string): void => {
    for (const run of runs)
      if (run.jobId === jobId && !over.has(run)) run.endsMs = Math.min(run.endsMs, now() + stopTakesMs);
  };
  const reportEnds = async (): Promise<void> => {
    for (const run of runs) {
      if (over.has(run) || run.endsMs > now()) continue;
      over.add(run);
      const ranMs = run.endsMs - run.startedMs;
      figures.spentMicros += costMicros(run.rate, ranMs);
      const asked = (await kit.wire(run.jobId)).cancel_requested;
      const billedSeconds = run.billed ? ranMs / 1_000 : null;
      await kit.end(
        run.jobId,
        asked
          ? { outcome: "cancelled", billedSeconds }
          : { outcome: "completed", outputUrl: null, billedSeconds },
      );
    }
  };
  const submit = async (event: Extract<Happening, { what: "submit" }>): Promise<void> => {
    if (runs.length - over.size >= 3) return;
    try {
      const { jobId } = await kit.submit({ rate: event.rate, estimateMicros: 1 });
      await kit.start(jobId);
      runs.push({ ...event, jobId, startedMs: now(), endsMs: now() + event.lastsMs });
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
    }
    const going = runs.filter((run) => !over.has(run));
    const slices = going.reduce((sum, run) => sum + costMicros(run.rate, sliceMs), 0);
    figures.mostAtOnceMicros = Math.max(figures.mostAtOnceMicros, slices);
  };
  const crash = async ({ downMs, silently }: Extract<Happening, { what: "crash" }>): Promise<void> => {
    const asked = await kit.count();
    if (!silently) asked.forEach(stop);
    kit.crash();
    kit.clock.trueMs += downMs;
    figures.longestDownMs = Math.max(figures.longestDownMs, downMs);
    await reportEnds();
    // After a start every run is followed on, and one that is to be stopped is asked again.
    for (const run of runs) if ((await kit.wire(run.jobId)).cancel_requested) stop(run.jobId);
    (await kit.count()).forEach(stop);
  };
  return {
    figures,
    async happen(event: Happening): Promise<void> {
      if (event.what === "submit") return submit(event);
      if (event.what === "crash") return crash(event);
      if (event.what === "clock") kit.clock.skewMs = Math.min(0, kit.clock.skewMs - event.backMs);
      else
        for (let tick = 0; tick < event.ticks; tick++) {
          kit.clock.trueMs += tickMs;
          await reportEnds();
          (await kit.count()).forEach(stop);
        }
    },
    /** Lets everything run out, with the server up. */
    async finish(): Promise<void> {
      for (let tick = 0; tick < 400 && over.size < runs.length; tick++) {
        kit.clock.trueMs += tickMs;
        await reportEnds();
        (await kit.count()).forEach(stop);
      }
      assert.equal(over.size, runs.length, "a run was never stopped");
    },
    runs,
  };
}

async function play(story: Scenario): Promise<void> {
  const kit = await pricedJobs();
  try {
    const limitMicros = story.slices * costMicros(rates[1], story.sliceMs) + 12_345;
    await kit.setLimit({ amountMicros: limitMicros, sliceMs: story.sliceMs });
    const { figures, happen, finish, runs } = world(kit, story);
    for (const event of story.happenings) await happen(event);
    await finish();
    // A server that is down cannot stop anything: each run goes on, for one slice at most in this world.
    const overspent = figures.spentMicros - limitMicros;
    assert.ok(
      overspent <= figures.mostAtOnceMicros,
      `overspent by ${overspent}, a slice of the runs at once is ${figures.mostAtOnceMicros}`,
    );
    // A server that is never down longer than it renews ahead overspends nothing at all.
    if (figures.longestDownMs <= tickMs) assert.ok(overspent <= 0, `overspent by ${overspent}`);
    await booksAreRight(kit, runs);
  } finally {
    await kit.close();
  }
}

/** Every job's days are its cost, nothing is held any more, and what the provider billed is what it cost. */
async function booksAreRight(kit: PricedJobs, runs: readonly TrueRun[]): Promise<void> {
  const sums = await kit.stores.spendLimits.sums({ provider: null, firstDay: "2026-01-01" });
  assert.equal(sums.heldMicros, 0);
  for (const run of runs) {
    const micros = Math.round(((await kit.wire(run.jobId)).cost_usd ?? 0) * 1e6);
    assert.equal(await kit.booked(run.jobId), micros);
    const trueMicros = costMicros(run.rate, run.endsMs - run.startedMs);
    if (run.billed) assert.equal(micros, trueMicros);
    else assert.ok(micros >= trueMicros, "a run cost less than it took");
  }
}

describe("the hard budget", () => {
  test("is overspent by one slice at most, through kill -9 and a clock that jumps", async () => {
    await fc.assert(fc.asyncProperty(scenario, play), { numRuns: 40 });
  });

  test("is not overspent when the server stays up, though the clock jumps back every time", async () => {
    const sliceMs = 120_000;
    await play({
      sliceMs,
      slices: 4,
      stopTakesMs: 30_000,
      happenings: [
        { what: "submit", rate: 5_490_000, lastsMs: 3_600_000, billed: false },
        ...Array.from({ length: 120 }, (_, at): Happening =>
          at % 2 === 0 ? { what: "time", ticks: 1 } : { what: "clock", backMs: tickMs - 1_000 },
        ),
      ],
    });
  });
});
