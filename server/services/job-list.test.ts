import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { Failure } from "@simpletuner-cloud/contract/errors.ts";
import {
  type JobList,
  type JobStatus,
  jobStatuses,
  terminalStatuses,
} from "@simpletuner-cloud/contract/jobs.ts";
import type { Caller } from "@simpletuner-cloud/contract/permissions.ts";
import { openTestDatabase } from "../testing/test-database.ts";
import { openStores, type Stores } from "../db/stores/open-stores.ts";
import { type JobRecord, newJobRecord, withChange } from "../domain/job-record.ts";
import { canMove, moveTo } from "../domain/job-state.ts";
import { jobLister, type JobListQuery } from "./job-list.ts";

const now = () => Date.UTC(2026, 0, 31, 12);
const everybody: Caller = { userId: "admin", username: "admin", grants: ["*"] };
const ada: Caller = { userId: "ada", username: "ada", grants: ["job.view.own"] };
let folder: string;
let stores: Stores;
let close: () => Promise<void>;
let made = 0;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "job list "));
  const { db, close: closeDatabase } = await openTestDatabase(folder, now);
  stores = openStores(
    db,
    now,
    () => undefined,
    () => undefined,
  );
  close = closeDatabase;
});
after(async () => {
  await close();
  await rm(folder, { recursive: true, force: true });
});

interface Seed {
  user: string;
  provider: string;
  status: JobStatus;
  name: string;
  /** Seconds before `now`; many jobs share one. */
  age: number;
}

async function insert(seed: Seed): Promise<string> {
  const jobId = `job-${String((made * 7919) % 100_003).padStart(6, "0")}-${made++}`;
  const record = newJobRecord(
    {
      jobId,
      userId: seed.user,
      provider: seed.provider,
      jobType: seed.provider === "local" ? "local" : "cloud",
      name: seed.name,
      configName: null,
      modelFamily: null,
      transfer: "in_place",
      consentedFingerprint: null,
      retryOf: null,
      hardwareType: null,
      metadata: {},
    },
    now() - seed.age * 1_000,
  );
  const job: JobRecord = withChange(record, { wire: { status: seed.status } }, now());
  await stores.jobs.insert(job, { config: "{}", dataloader: "[]", plan: "{}" }, [], null);
  return jobId;
}

async function removeAll(): Promise<void> {
  for (const job of await stores.jobs.inStatus(jobStatuses, 10_000)) await stores.jobs.remove(job);
}

async function list(query: JobListQuery, caller = everybody): Promise<JobList> {
  const answer = await jobLister({ ...stores, now, refreshRuns: async () => undefined })(caller, query);
  return JSON.parse(answer.text) as JobList;
}

const ids = ({ jobs }: JobList) => jobs.map(({ job_id }) => job_id);

const aSeed: fc.Arbitrary<Seed> = fc.record({
  user: fc.constantFrom("ada", "bob"),
  provider: fc.constantFrom("local", "cloudy"),
  status: fc.constantFrom(...jobStatuses),
  name: fc.constantFrom("Alpha", "beta 50%", "be_ta", "Straße", "alpha two"),
  age: fc.integer({ min: 0, max: 4 }),
});
const aQuery: fc.Arbitrary<JobListQuery> = fc.record(
  {
    status: fc.constantFrom("running", "failed,completed", "active", "terminal", "failed, failed"),
    provider: fc.constantFrom("local", "cloudy", "none"),
    job_type: fc.constantFrom("local" as const, "cloud" as const),
    user_id: fc.constantFrom("ada", "bob"),
    q: fc.constantFrom("alpha", "BETA", "%", "_", "straße", "JOB-"),
  },
  { requiredKeys: [] },
);

test("every filter, walked forward, backward, by offset and from the end, shows the same jobs in the same order", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(aSeed, { maxLength: 23 }),
      aQuery,
      fc.integer({ min: 1, max: 6 }),
      async (seeds, query, limit) => {
        await removeAll();
        for (const seed of seeds) await insert(seed);
        const all = await list({ ...query, limit: 500 });
        assert.equal(all.total, all.jobs.length, "the total is that of the whole list");
        assert.equal(all.next_cursor, null);
        const forward: string[] = [];
        const pages: string[][] = [];
        let page = await list({ ...query, limit });
        for (;;) {
          assert.equal(page.total, all.total);
          pages.push(ids(page));
          forward.push(...ids(page));
          if (page.next_cursor === null) break;
          page = await list({ ...query, limit, cursor: page.next_cursor });
        }
        assert.deepEqual(forward, ids(all));
        const last = await list({ ...query, limit, cursor: "last" });
        assert.deepEqual(ids(last), pages.at(-1));
        assert.equal(last.next_cursor, null);
        const backward = ids(last);
        for (let back = last; back.prev_cursor !== null;) {
          back = await list({ ...query, limit, cursor: back.prev_cursor });
          backward.unshift(...ids(back));
        }
        assert.deepEqual(backward, ids(all));
        for (let offset = 0; offset <= all.total + 1; offset++)
          assert.deepEqual(
            ids(await list({ ...query, limit, offset })),
            ids(all).slice(offset, offset + limit),
          );
      },
    ),
    { numRuns: 40 },
  );
});

test("filters show what they say, and the counts leave the status filter out", async () => {
  await removeAll();
  const seed = { user: "ada", provider: "local", status: "failed" as JobStatus, name: "Alpha", age: 0 };
  const failed = await insert(seed);
  const bobs = await insert({ ...seed, user: "bob", status: "running", age: 1 });
  const cloudy = await insert({
    ...seed,
    provider: "cloudy",
    status: "completed",
    name: "100% be_ta",
    age: 2,
  });
  assert.deepEqual(ids(await list({})), [failed, bobs, cloudy]);
  assert.deepEqual(ids(await list({ status: "terminal" })), [failed, cloudy]);
  assert.deepEqual(ids(await list({ status: "active" })), [bobs]);
  assert.deepEqual(ids(await list({ job_type: "cloud" })), [cloudy]);
  assert.deepEqual(ids(await list({ user_id: "bob" })), [bobs]);
  assert.deepEqual(ids(await list({ q: " E_T " })), [cloudy]);
  assert.deepEqual(ids(await list({ q: failed.slice(0, -1).toUpperCase() })).includes(failed), true);
  const { counts, total } = await list({ status: "failed", limit: 1 });
  assert.deepEqual([counts, total], [{ failed: 1, running: 1, completed: 1 }, 1]);
});

test("a caller who sees only own jobs sees only own jobs and own counts, whatever it asks for", async () => {
  await removeAll();
  const seed = { provider: "local", status: "completed" as JobStatus, name: "x", age: 0 };
  const own = await insert({ ...seed, user: "ada" });
  await insert({ ...seed, user: "bob" });
  for (const query of [{}, { user_id: "bob" }, { q: "x" }, { cursor: "last" }, { offset: 0 }]) {
    const page = await list(query, ada);
    assert.deepEqual([ids(page), page.total, page.counts], [[own], 1, { completed: 1 }]);
  }
});

test("what is no cursor and no status is refused by name", async () => {
  const wrong = [
    "",
    "x",
    "bGFzdA",
    Buffer.from("after.x.y").toString("base64url"),
    "after.1.",
    "💥",
    "last ",
  ];
  for (const cursor of wrong)
    await assert.rejects(
      list({ cursor }),
      (error) => error instanceof Failure && error.code === "invalid_cursor",
    );
  for (const status of ["done", "failed,", ",", "active,failed"]) {
    await assert.rejects(
      list({ status }),
      (error) =>
        error instanceof Failure && error.code === "validation_error" && error.message.startsWith("status"),
    );
  }
});

test("the totals stay exact under random inserts, moves and deletions", async () => {
  await removeAll();
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.constantFrom("insert", "move", "remove"), aSeed, fc.nat(1_000)), {
        maxLength: 30,
      }),
      async (steps) => {
        for (const [what, seed, pick] of steps) {
          const known = await stores.jobs.inStatus(jobStatuses, 10_000);
          const job = known[pick % Math.max(1, known.length)];
          if (what === "insert" || !job) await insert(seed);
          else if (what === "remove") await stores.jobs.remove(job);
          else
            await stores.jobs.change(job.wire.job_id, (record) =>
              canMove(record.wire.status, seed.status) ? moveTo(record, seed.status, now()) : null,
            );
        }
        const all = await stores.jobs.inStatus(jobStatuses, 10_000);
        for (const user_id of [undefined, "ada", "bob"]) {
          const recount: Record<string, number> = {};
          for (const { wire } of all)
            if (user_id === undefined || wire.user_id === user_id)
              recount[wire.status] = (recount[wire.status] ?? 0) + 1;
          const page = await list({
            status: "terminal",
            limit: 1,
            ...(user_id === undefined ? {} : { user_id }),
          });
          assert.deepEqual(page.counts, recount);
          assert.equal(
            page.total,
            terminalStatuses.reduce((sum, status) => sum + (recount[status] ?? 0), 0),
          );
        }
      },
    ),
    { numRuns: 25 },
  );
});

test("a hundred changes at once are all applied, none twice", async () => {
  await removeAll();
  const jobId = await insert({ user: "ada", provider: "local", status: "running", name: "x", age: 0 });
  await Promise.all(
    Array.from({ length: 100 }, () =>
      stores.jobs.change(jobId, (job) => ({
        private: { logLines: job.private.logLines + 1 },
        events: [{ type: "job.checkpoint", data: {} }],
      })),
    ),
  );
  const job = await stores.jobs.find(jobId);
  assert.deepEqual([job?.private.logLines, job?.version], [100, 102]);
  const events = await stores.events.ofJob(jobId, 0, 1_000);
  assert.equal(new Set(events.map(({ id }) => id)).size, 100);
});
