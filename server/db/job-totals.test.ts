import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { sql } from "kysely";
import type { JobStatus } from "@simpletuner-cloud/contract/jobs.ts";
import { newJobRecord } from "../domain/job-record.ts";
import { openTestDatabase } from "../testing/test-database.ts";
import type { JobDatabase } from "./job-database.ts";
import { migrate } from "./migrate.ts";
import { openStores, type Stores } from "./stores/open-stores.ts";

describe("totals of jobs", () => {
  let folder: string;
  let db: JobDatabase;
  let stores: Stores;
  let close: () => Promise<void>;
  let nowMs = Date.UTC(2026, 0, 1);
  let made = 0;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "job totals "));
    ({ db, close } = await openTestDatabase(folder, () => nowMs));
    const nothing = (): void => undefined;
    stores = openStores(db, () => nowMs, nothing, nothing);
  });
  after(async () => {
    await close();
    await rm(folder, { recursive: true, force: true });
  });

  async function submit(provider: string): Promise<string> {
    const jobId = `job-${++made}`;
    const record = newJobRecord(
      {
        jobId,
        userId: "ada",
        provider,
        jobType: provider === "local" ? "local" : "cloud",
        name: jobId,
        configName: null,
        modelFamily: null,
        transfer: "in_place",
        consentedFingerprint: null,
        retryOf: null,
        hardwareType: null,
        metadata: {},
      },
      nowMs,
    );
    await stores.jobs.insert(record, { config: "{}", dataloader: "[]", plan: "{}" }, [], null);
    return jobId;
  }
  async function move(jobId: string, status: JobStatus, more: { seconds?: number; cost_usd?: number } = {}) {
    const isOver = status === "completed" || status === "failed" || status === "cancelled";
    const completed = new Date(nowMs).toISOString();
    const started = more.seconds === undefined ? null : new Date(nowMs - more.seconds * 1_000).toISOString();
    await stores.jobs.change(jobId, () => ({
      wire: {
        status,
        is_terminal: isOver,
        is_active: !isOver,
        ...(isOver && { completed_at: completed, started_at: started }),
        ...(more.cost_usd !== undefined && { cost_usd: more.cost_usd }),
      },
      events: [],
    }));
  }
  async function totals() {
    const rows = await stores.counts.totals();
    const sum = (column: Exclude<keyof (typeof rows)[number], "status">) =>
      rows.reduce((total, row) => total + row[column], 0);
    return {
      jobs: sum("jobs"),
      made: sum("made"),
      ended: sum("ended"),
      timed: sum("timed"),
      duration_ms: sum("duration_ms"),
      cost_micros: sum("cost_micros"),
    };
  }

  test("they are kept through moves, costs that grow and are corrected, and deletion", async () => {
    const [first = "", second = "", third = ""] = [
      await submit("local"),
      await submit("replicate"),
      await submit("replicate"),
    ];
    await move(first, "running", { cost_usd: 0 });
    await move(second, "running", { cost_usd: 0.5 });
    nowMs += 86_400_000;
    await move(second, "running", { cost_usd: 1.25 });
    await move(second, "completed", { seconds: 90, cost_usd: 1 });
    await move(first, "failed", { seconds: 30 });
    await move(third, "cancelled");
    const expected = { jobs: 3, made: 3, ended: 3, timed: 2, duration_ms: 120_000, cost_micros: 1_000_000 };
    assert.deepEqual(await totals(), expected);
    // A change that moves nothing ends nothing.
    await stores.jobs.change(first, () => ({ wire: { name: "another name" }, events: [] }));
    assert.deepEqual(await totals(), expected);
  });

  test("the migration counts them for a database that has jobs already", async () => {
    const before_ = await totals();
    const byStatus = await stores.counts.byStatus({});
    for (const column of ["made", "ended", "timed", "duration_ms", "cost_micros"])
      await sql`alter table job_counts drop column ${sql.ref(column)}`.execute(db);
    await db.deleteFrom("schema_migrations").where("name", "=", "014-job-totals").execute();
    assert.deepEqual(await migrate(db, () => nowMs), ["014-job-totals"]);
    assert.deepEqual(await totals(), before_);
    assert.deepEqual(await stores.counts.byStatus({}), byStatus);
  });

  test("what was made and cost stays when a job is deleted", async () => {
    const before_ = await totals();
    const [job] = await stores.jobs.inStatus(["completed"], 1);
    assert.ok(job && (await stores.jobs.remove(job)));
    assert.deepEqual(await totals(), { ...before_, jobs: before_.jobs - 1 });
  });
});
