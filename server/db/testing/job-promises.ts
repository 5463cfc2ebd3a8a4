import assert from "node:assert/strict";
import { test } from "node:test";
import { beginWork, moveTo, requestCancel } from "../../domain/job-state.ts";
import type { Bench, Side } from "../conformance.ts";
import { rememberRun } from "../stores/external-runs.ts";
import { appendEvents } from "../stores/job-events.ts";
import { insertJob, newJob } from "./made-jobs.ts";

const snapshot = { config: '{"a":1}', dataloader: "[]", plan: "{}" };

/** Jobs, their lists, counts, events, logs and values. */
export function jobPromises(bench: Bench): void {
  jobRecords(bench);
  jobLists(bench);
  jobRaces(bench);
  jobEventOrder(bench);
  jobRecordings(bench);
}

/** Runs work on both sides in turn, all at once. */
export function onBoth<Answer>(
  { sides }: Bench,
  times: number,
  work: (side: Side, turn: number) => Promise<Answer>,
): Promise<Answer[]> {
  return Promise.all(Array.from({ length: times }, (_, turn) => work(sides()[turn % 2 === 0 ? 0 : 1], turn)));
}

function jobRecords({ sides }: Bench): void {
  test("a job is written with all that belongs to it, read again as it was, and removed with it", async () => {
    const [{ stores }, other] = sides();
    const job = newJob({ name: "A coast – तट 🌊", metadata: { note: "x\u0000y", count: 2 ** 40 } });
    const { job_id } = job.wire;
    await stores.jobs.insert(job, snapshot, [{ type: "job.created", data: { a: [1, "b"] } }], null);
    assert.deepEqual(await other.stores.jobs.find(job_id), job);
    assert.deepEqual(await other.stores.jobs.snapshot(job_id), snapshot);
    const wire = await other.stores.jobs.findWire(job_id);
    assert.deepEqual([wire?.user_id, wire?.completed_at], ["ada", null]);
    assert.deepEqual(JSON.parse(wire?.wire ?? ""), job.wire);
    const [event] = await stores.events.ofJob(job_id, 0, 10);
    assert.deepEqual([event?.type, event?.data], ["job.created", { a: [1, "b"] }]);
    const ended = await stores.jobs.change(job_id, (record) => moveTo(record, "failed", Date.now()));
    assert.equal(typeof (await other.stores.jobs.findWire(job_id))?.completed_at, "number");
    assert.equal(await stores.jobs.remove(job), false, "an old version was removed");
    assert.equal(await stores.jobs.remove(ended ?? job), true);
    assert.deepEqual([await stores.jobs.find(job_id), await stores.jobs.snapshot(job_id)], [null, null]);
    assert.deepEqual(
      (await stores.events.ofJob(job_id, 0, 10)).map(({ type }) => type),
      ["job.deleted"],
    );
  });

  test("what fails in the middle of a change leaves nothing of it", async () => {
    const [{ stores }, other] = sides();
    const job = newJob();
    const before = await stores.counts.byStatus({});
    const latest = await stores.events.latest();
    const failing = () => Promise.reject(new Error("no"));
    await assert.rejects(
      stores.jobs.insert(job, snapshot, [{ type: "job.created", data: {} }], null, failing),
    );
    assert.equal(await other.stores.jobs.find(job.wire.job_id), null);
    assert.equal(await other.stores.jobs.snapshot(job.wire.job_id), null);
    assert.deepEqual(await other.stores.counts.byStatus({}), before);
    assert.equal(await other.stores.events.latest(), latest);
  });

  test("ids are found by their beginning, and by their user in order", async () => {
    const [{ stores }] = sides();
    const ids: string[] = [];
    for (let count = 0; count < 3; count++) ids.push(await insertJob(stores, { userId: "prefix user" }));
    const [first = "", second = ""] = ids;
    assert.deepEqual(
      await stores.jobs.idsStartingWith(first.slice(0, 11), 100).then((found) => found.includes(first)),
      true,
    );
    assert.deepEqual(await stores.jobs.idsStartingWith(`${first}x`, 10), []);
    assert.deepEqual(await stores.jobs.idsOfUser("prefix user", second, 10), ids.slice(1));
  });
}

function jobLists({ sides }: Bench): void {
  test("lists are in order from either end, by every filter, and texts are found as they are written", async () => {
    const [{ stores }] = sides();
    const owner = { userId: "list user" };
    const names = ["Lighthouse 100%", "light_house", "LIGHTXHOUSE", "Fluß", "तट", "back\\slash"];
    const ids: string[] = [];
    for (const [at, name] of names.entries())
      ids.push(await insertJob(stores, { ...owner, name }, 1_000 + Math.floor(at / 2)));
    const page = async (start: Parameters<typeof stores.list.page>[1], limit = 10, text?: string) =>
      (await stores.list.page({ ...owner, ...(text !== undefined && { text }) }, start, limit)).map(
        ({ id }) => id,
      );
    const newestFirst = ids.toReversed();
    assert.deepEqual(await page({ from: "first" }), newestFirst);
    const place = { createdAtMs: 1_001, jobId: ids[2] ?? "" };
    assert.deepEqual(await page({ from: "after", place }), newestFirst.slice(4));
    assert.deepEqual(await page({ from: "before", place }), newestFirst.slice(0, 3));
    assert.deepEqual(await page({ from: "offset", offset: 4, total: 6 }, 2), newestFirst.slice(4));
    assert.deepEqual(await page({ from: "offset", offset: 1, total: 6 }, 2), newestFirst.slice(1, 3));
    const first = { from: "first" } as const;
    assert.deepEqual(await page(first, 10, "fluß"), [ids[3]]);
    assert.deepEqual(await page(first, 10, "तट"), [ids[4]]);
    assert.deepEqual(await page(first, 10, "back\\s"), [ids[5]]);
    assert.deepEqual(await page(first, 10, "100%"), [ids[0]]);
    assert.deepEqual(await stores.list.countByStatus({ ...owner, text: "light" }), { pending: 3 });
    assert.deepEqual(await stores.counts.byStatus({ user_id: "list user" }), { pending: 6 });
  });

  test("the waiting line has places, and knows who was started last", async () => {
    const [{ stores }] = sides();
    const line = await Promise.all([1, 2, 3].map((at) => insertJob(stores, { userId: "line user" }, at)));
    assert.deepEqual(await stores.waiting.waiting(3), line);
    assert.equal(await stores.waiting.queuePosition({ createdAtMs: 3, jobId: line[2] ?? "" }), 3);
    const places = await stores.waiting.queuePositions(2, 3);
    assert.deepEqual([...places.values()], [2, 3]);
    await stores.jobs.change(line[0] ?? "", (job) => moveTo(job, "running", 50));
    assert.ok(
      (await stores.waiting.lastStarted(100)).some(
        ({ created_at, started_at }) => created_at === 1 && started_at === 50,
      ),
    );
    for (const id of line)
      await stores.jobs.change(id, (job) => (job.wire.is_terminal ? null : moveTo(job, "failed", 60)));
  });
}

function jobRaces(bench: Bench): void {
  const { sides } = bench;
  test("of many that take a job into work at once one does, and every change is counted", async () => {
    const [{ stores }] = sides();
    const jobs = await Promise.all(
      Array.from({ length: 10 }, () => insertJob(stores, { userId: "claim user" })),
    );
    for (const jobId of jobs) {
      const taken = await onBoth(bench, 6, async (side, turn) => {
        const job = await side.stores.jobs.change(jobId, (record) => beginWork(record, `run-${turn}`, 5));
        return job?.private.runToken === `run-${turn}`;
      });
      assert.equal(taken.filter(Boolean).length, 1);
    }
    const rows = await sides()[1]
      .db.selectFrom("jobs")
      .select("status")
      .where("user_id", "=", "claim user")
      .execute();
    const kept = await stores.counts.byStatus({ user_id: "claim user" });
    for (const [status, count] of Object.entries(kept))
      assert.equal(rows.filter((row) => row.status === status).length, count, status);
    assert.equal(
      Object.values(kept).reduce((sum, count) => sum + count, 0),
      10,
    );
  });

  test("no change of a job is lost, and each is made on what the last one left", async () => {
    const [{ stores }] = sides();
    const jobId = await insertJob(stores);
    await onBoth(bench, 30, (side) =>
      side.stores.jobs.change(jobId, ({ private: own }) => ({
        private: { logLines: own.logLines + 1 },
        events: [{ type: "job.attempt", data: {} }],
      })),
    );
    const job = await stores.jobs.find(jobId);
    assert.deepEqual([job?.private.logLines, job?.version], [30, 31]);
    assert.equal((await stores.events.ofJob(jobId, 0, 100)).length, 31);
    const cancelled = await onBoth(bench, 10, async (side, turn) => {
      let mine = false;
      await side.stores.jobs.change(jobId, (record) => {
        mine = record.wire.status === "pending";
        return mine ? requestCancel(record, `user ${turn}`, Date.now()) : null;
      });
      return mine;
    });
    assert.equal(cancelled.filter(Boolean).length, 1);
  });

  test("of many first jobs of a user at once all are counted", async () => {
    await onBoth(bench, 12, (side) => insertJob(side.stores, { userId: "first user" }));
    assert.deepEqual(await sides()[1].stores.counts.byStatus({ user_id: "first user" }), { pending: 12 });
  });

  test("one key makes one job, however many requests come at once, and runs out", async () => {
    const [{ stores }] = sides();
    const claim = { userId: "ada", key: "one key", requestHash: "h", expiresAtMs: Date.now() + 60_000 };
    const outcomes = await onBoth(bench, 8, (side) => {
      const job = newJob();
      return side.stores.jobs.insert(job, snapshot, [], claim).then(
        () => job.wire.job_id,
        () => null,
      );
    });
    const [made, ...others] = outcomes.filter((outcome) => outcome !== null);
    assert.deepEqual(others, []);
    assert.deepEqual(await stores.idempotencyKeys.find("ada", "one key"), { jobId: made, requestHash: "h" });
    for (const another of ["One key", "one key ", "one kéy", ""])
      assert.equal(await stores.idempotencyKeys.find("ada", another), null, another);
    const old = { ...claim, key: "old", expiresAtMs: Date.now() - 1 };
    for (let round = 0; round < 2; round++) {
      assert.equal(await stores.idempotencyKeys.find("ada", "old"), null);
      await stores.jobs.insert(newJob(), snapshot, [], old);
    }
  });

  test("a run belongs to the job that named it first", async () => {
    const run = { provider: "cloud", externalId: "Run-1" };
    await onBoth(bench, 10, (side, turn) =>
      side.db
        .transaction()
        .execute((transaction) => rememberRun(transaction, { ...run, jobId: `job ${turn}` })),
    );
    const [{ stores }] = sides();
    const owner = await stores.externalRuns.jobOf("cloud", "Run-1");
    assert.match(owner ?? "", /^job \d$/);
    assert.equal(await stores.externalRuns.jobOf("cloud", "run-1"), null);
  });
}

function jobEventOrder(bench: Bench): void {
  test("events are numbered in the order in which they appear: whoever reads on misses none", async () => {
    const [{ stores, db }, other] = bench.sides();
    const from = await stores.events.latest();
    const seen: number[] = [];
    let isOver = false;
    const reader = (async () => {
      for (let after = from; ;) {
        const wasOver = isOver;
        const page = await other.stores.events.after(after, null, 7);
        seen.push(...page.map(({ wire }) => wire.id));
        after = page.at(-1)?.wire.id ?? after;
        if (page.length === 0 && wasOver) return;
      }
    })();
    await onBoth(bench, 60, (side, turn) =>
      side.db.transaction().execute(async (transaction) => {
        const drafts = Array.from({ length: 1 + (turn % 3) }, () => ({
          jobId: null,
          userId: turn % 2 === 0 ? null : "bob",
          type: "race",
          atMs: 1,
          data: { turn },
        }));
        await appendEvents(transaction, drafts);
        // Whatever keeps one from committing must not let a later number appear first.
        if (turn % 5 === 0) await transaction.selectFrom("jobs").select("id").limit(1).execute();
      }),
    );
    isOver = true;
    await reader;
    assert.deepEqual(
      seen,
      Array.from({ length: 120 }, (_, at) => from + 1 + at),
    );
    const ofBob = await stores.events.after(from, "carol", 1_000);
    assert.ok(ofBob.length > 0 && ofBob.every(({ userId }) => userId === null));
    await db.deleteFrom("job_events").where("type", "=", "race").execute();
  });
}

function jobRecordings({ sides }: Bench): void {
  test("logs keep every line, however long, and pages begin anywhere", async () => {
    const [{ stores, db }, other] = sides();
    const lines = [
      "first",
      "",
      "क".repeat(70_000),
      "with \u0000 and \ud800",
      ...Array.from({ length: 3_000 }, (_, at) => `line ${at} ${"x".repeat(40)}`),
    ];
    await db
      .transaction()
      .execute((transaction) => stores.logs.append(transaction, "log job", { firstLine: 1, atMs: 7, lines }));
    assert.equal(await other.stores.logs.lineCount("log job"), lines.length);
    const pieces = await other.stores.logs.pieces("log job", 1, 1_000);
    const read = pieces.flatMap(({ text }) => text.split("\n"));
    assert.equal(read[2], lines[2]);
    assert.equal((read[3] ?? "").replace("\u0000", "\ufffd"), "with \ufffd and \ufffd");
    assert.deepEqual(read.slice(4), lines.slice(4));
    const [middle] = await stores.logs.pieces("log job", 2_000, 1);
    assert.ok(middle && middle.firstLine <= 2_000 && middle.firstLine + middle.lineCount > 2_000);
    assert.equal(middle.atMs, 7);
  });

  test("values are kept to the last bit, and a step measured again replaces the old one", async () => {
    const [{ stores, db }, other] = sides();
    const values = [0.1 + 0.2, 1e-7, 5e-324, 1.7976931348623157e308, -12345.678901234567, 0];
    const points = values.map((value, step) => ({ key: "loss", step, value }));
    const write = (given: typeof points) =>
      db.transaction().execute((transaction) => stores.metrics.write(transaction, "metric job", given));
    await write([...points, { key: "speed", step: 1, value: 2 }]);
    await write(points);
    assert.deepEqual(await other.stores.metrics.series("metric job", "loss", 0, 100), {
      steps: values.map((_, step) => step),
      values,
    });
    assert.deepEqual(await stores.metrics.keys("metric job"), ["loss", "speed"]);
    assert.deepEqual((await stores.metrics.series("metric job", "loss", 2, 3)).steps, [2, 3]);
  });
}
