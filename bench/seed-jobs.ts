import { randomBytes } from "node:crypto";
import { statSync } from "node:fs";
import type { SQLInputValue, StatementSync } from "node:sqlite";
import { UUID } from "uuidv7";
import { statePaths } from "@simpletuner-cloud/server/config/state-paths.ts";
import { openDatabase } from "@simpletuner-cloud/server/db/open-database.ts";
import { openSqlite } from "@simpletuner-cloud/server/db/sqlite-driver.ts";
import { rowOf } from "@simpletuner-cloud/server/db/stores/jobs.ts";
import { type JobRecord, newJobRecord, withChange } from "@simpletuner-cloud/server/domain/job-record.ts";
import {
  beginWork,
  endRun,
  type JobChange,
  moveTo,
  type RunEnd,
} from "@simpletuner-cloud/server/domain/job-state.ts";

/**
 * Fills a state folder with jobs for benchmarks: rows, snapshots, events and counts exactly as the server writes
 * them, through the same rules, in big transactions. `node bench/seed-jobs.ts <state folder> <jobs>` does it alone.
 */

const jobsPerTransaction = 20_000;
const betweenJobsMs = 30_000;
/** The newest jobs wait, as on a server at work; the queue's limit of 0 keeps them waiting. */
const waitingJobs = 3;

/** What was written. */
export interface Seeded {
  seconds: number;
  databaseBytes: number;
  /** A thousand job ids spread over the whole table. */
  someIds: string[];
}

/** Writes `jobs` jobs of one user into a new state folder: 82 % completed, 12 % failed, 6 % cancelled, 3 waiting. */
export async function seedJobs(stateDir: string, jobs: number): Promise<Seeded> {
  const startedAt = performance.now();
  const path = statePaths(stateDir).database;
  await (await openDatabase(path, Date.now)).destroy();
  const database = openSqlite(path);
  database.exec("PRAGMA synchronous = OFF");
  const insert = (table: string, columns: readonly string[]): StatementSync =>
    database.prepare(
      `insert into ${table} (${columns.join(", ")}) values (${columns.map(() => "?").join(", ")})`,
    );
  const into = {
    job: insert("jobs", Object.keys(rowOf(seededJob(0, 0, "completed").job))),
    snapshot: insert("job_snapshots", ["job_id", "config", "dataloader", "plan"]),
    event: insert("job_events", ["id", "job_id", "user_id", "type", "at", "data"]),
  };
  const counts = new Map<string, number>();
  const someIds: string[] = [];
  const everyNth = Math.max(1, Math.floor(jobs / 1_000));
  const firstAtMs = Date.now() - jobs * betweenJobsMs;
  let lastEvent = 0;
  for (let from = 0; from < jobs; from += jobsPerTransaction) {
    database.exec("begin");
    for (let index = from; index < Math.min(jobs, from + jobsPerTransaction); index++) {
      const end = index >= jobs - waitingJobs ? "pending" : endOf(index);
      const { job, events } = seededJob(index, firstAtMs + index * betweenJobsMs, end);
      into.job.run(...(Object.values(rowOf(job)) as SQLInputValue[]));
      into.snapshot.run(job.wire.job_id, ...snapshot);
      for (const { type, data, atMs } of events)
        into.event.run(++lastEvent, job.wire.job_id, job.wire.user_id, type, atMs, JSON.stringify(data));
      counts.set(job.wire.status, (counts.get(job.wire.status) ?? 0) + 1);
      if (index % everyNth === 0) someIds.push(job.wire.job_id);
    }
    database.exec("commit");
  }
  const count = insert("job_counts", ["user_id", "job_type", "provider", "status", "jobs", "made"]);
  for (const [status, number] of counts) count.run("local", "local", "local", status, number, number);
  database.prepare("update counters set value = ? where name = 'event'").run(lastEvent);
  database.exec("insert into settings (name, value) values ('maxConcurrentJobs', '0')");
  database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  database.close();
  return {
    seconds: (performance.now() - startedAt) / 1_000,
    databaseBytes: statSync(path).size,
    someIds,
  };
}

function endOf(index: number): RunEnd["outcome"] {
  const place = index % 50;
  return place < 41 ? "completed" : place < 47 ? "failed" : "cancelled";
}

/** One job with the history it would have, taken through the same state machine. */
function seededJob(index: number, createdAtMs: number, until: RunEnd["outcome"] | "pending") {
  const runToken = "a-run-token1";
  let job = newJobRecord(
    {
      jobId: jobIdAt(createdAtMs),
      userId: "local",
      provider: "local",
      jobType: "local",
      name: `lighthouse coast ${index}`,
      configName: "lighthouse-coast",
      modelFamily: "pixel-denoiser",
      transfer: "in_place",
      consentedFingerprint: null,
      retryOf: null,
      hardwareType: "A processor with a usual name @ 2.50GHz × 2",
      metadata: {
        dataset_files: 72,
        dataset_bytes: 524_288,
        dataset_transfer: "in_place",
        trainer: "bundled",
      },
    },
    createdAtMs,
  );
  const events: { type: string; data: Record<string, unknown>; atMs: number }[] = [
    {
      type: "job.created",
      data: { status: "pending", name: job.wire.name, provider: "local" },
      atMs: createdAtMs,
    },
    {
      type: "job.plan",
      data: { fingerprint: fingerprint, files: 72, bytes: 524_288, consent: "in_place" },
      atMs: createdAtMs,
    },
  ];
  const apply = (decide: (record: JobRecord, atMs: number) => JobChange | null, afterMs: number): void => {
    const atMs = createdAtMs + afterMs;
    const change = decide(job, atMs);
    if (!change) return;
    job = withChange(job, change, atMs);
    for (const event of change.events) events.push({ ...event, atMs });
  };
  if (until === "pending") return { job, events };
  apply((record, atMs) => beginWork(record, runToken, atMs), 100);
  apply((record, atMs) => moveTo(record, "running", atMs, { private: { handedOver: true } }), 200);
  apply((_, atMs) => ({ wire: { progress: progressAt(atMs) }, events: [] }), 19_000);
  apply((record, atMs) => endRun(record, runToken, ends[until], atMs), 20_000);
  return { job, events };
}

const ends: Record<RunEnd["outcome"], RunEnd> = {
  completed: {
    outcome: "completed",
    outputUrl: "/api/cloud/storage/outputs/lighthouse/pytorch_lora_weights.safetensors",
  },
  failed: {
    outcome: "failed",
    code: "trainer_failed",
    message: "Training exited with code 1. ERROR no memory",
  },
  cancelled: { outcome: "cancelled" },
};

function progressAt(atMs: number) {
  return {
    stage: "Training",
    step: 600,
    total_steps: 600,
    percent: 100,
    epoch: 9,
    loss: 0.1873,
    learning_rate: 0.001,
    steps_per_second: 37.2,
    eta_seconds: 0,
    last_log: "Training step 600/600 loss=0.1873 lr=1.0e-3 speed=37.2it/s eta=0s epoch=9",
    updated_at: new Date(atMs).toISOString(),
  };
}

function jobIdAt(atMs: number): string {
  const random = randomBytes(10);
  return UUID.fromFieldsV7(
    atMs,
    random.readUInt16LE(0) & 0xfff,
    random.readUInt32LE(2) & 0x3fff_ffff,
    random.readUInt32LE(6),
  ).toString();
}

const fingerprint = "sha256:".padEnd(71, "0123456789abcdef");
const dataset = { id: "lighthouse-coast", type: "local", instance_data_dir: "/data/lighthouse-coast" };
const snapshot = [
  JSON.stringify({
    model_family: "pixel-denoiser",
    model_type: "lora",
    train_batch_size: 8,
    learning_rate: 0.001,
    max_train_steps: 600,
    checkpointing_steps: 200,
    validation_steps: 100,
  }),
  JSON.stringify([{ ...dataset, resolution: 32, caption_strategy: "textfile" }]),
  JSON.stringify({ datasets: [{ ...dataset, file_count: 72 }], fingerprint, total_files: 72 }),
] as const;

if (import.meta.main) {
  const [stateDir, jobs] = process.argv.slice(2);
  if (stateDir === undefined || jobs === undefined)
    throw new Error("Usage: node bench/seed-jobs.ts <state folder> <jobs>");
  const { seconds, databaseBytes } = await seedJobs(stateDir, Number(jobs));
  console.log(
    `${jobs} jobs in ${seconds.toFixed(1)} s, database ${(databaseBytes / 2 ** 20).toFixed(0)} MiB`,
  );
}
