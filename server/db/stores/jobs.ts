import type { Kysely } from "kysely";
import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import { asciiJson } from "../../domain/ascii-json.ts";
import { microsOfUsd } from "../../domain/cost.ts";
import type { JobOwner, JobPrivate, JobRecord } from "../../domain/job-record.ts";
import { withChange } from "../../domain/job-record.ts";
import type { JobChange } from "../../domain/job-state.ts";
import { compiledQueries } from "../compiled-queries.ts";
import type { Database } from "../schema.ts";
import { appendEvents, type EventDraft, type StoredEvent } from "./job-events.ts";
import { bookCost } from "./cost-days.ts";
import { closeCharge } from "./job-charges.ts";
import { addToJobCounts, endOf, moveInJobCounts } from "./job-counts.ts";

/** A change that was written, for those who tell others about it. */
export interface CommittedChange {
  job: JobRecord;
  events: readonly StoredEvent[];
}

/** What the store needs from outside. */
export interface JobStoreOptions {
  db: Kysely<Database>;
  now: () => number;
  /** Called after each commit, in commit order of this process. */
  onCommitted: (change: CommittedChange) => void;
}

/** Writes what belongs to a change in the same transaction. */
export type AlsoWrite = (transaction: Kysely<Database>, job: JobRecord) => Promise<void>;

/** The frozen inputs of a job, as JSON text. */
export interface JobSnapshot {
  config: string;
  dataloader: string;
  plan: string;
}

/** An idempotency key to write together with the job it names. */
export interface IdempotencyClaim {
  userId: string;
  key: string;
  requestHash: string;
  expiresAtMs: number;
}

/** Reads and writes jobs. Every write goes through `insert`, `change` or `remove`. */
export function jobStore(options: JobStoreOptions) {
  return { ...jobReads(options.db), ...jobIds(options.db), ...jobWrites(options), ...jobRemoval(options) };
}

/** See {@link jobStore}. */
export type JobStore = ReturnType<typeof jobStore>;

const recordColumns = ["wire", "private", "version"] as const;

function jobReads(db: Kysely<Database>) {
  const run = compiledQueries(db);
  return {
    /** One job, or null. */
    async find(jobId: string): Promise<JobRecord | null> {
      const [row] = await run("record", { jobId }, (slot) =>
        db.selectFrom("jobs").select(recordColumns).where("id", "=", slot<string>("jobId")),
      );
      return row ? recordOf(row) : null;
    },

    /** One job's wire JSON with the columns an access check needs, without parsing; or null. */
    async findWire(
      jobId: string,
    ): Promise<{ user_id: string; completed_at: number | null; wire: string } | null> {
      const [row] = await run("wire", { jobId }, (slot) =>
        db
          .selectFrom("jobs")
          .select(["user_id", "completed_at", "wire"])
          .where("id", "=", slot<string>("jobId")),
      );
      return row ?? null;
    },

    /** Full ids that begin with `prefix`, at most `limit`. */
    async idsStartingWith(prefix: string, limit: number): Promise<string[]> {
      const rows = await db
        .selectFrom("jobs")
        .select("id")
        .where("id", ">=", prefix)
        .where("id", "<", `${prefix}\uffff`)
        .limit(limit)
        .execute();
      return rows.map((row) => row.id);
    },

    /** Jobs in one of the states, oldest first. */
    async inStatus(statuses: readonly string[], limit: number): Promise<JobRecord[]> {
      const rows = await db
        .selectFrom("jobs")
        .select(recordColumns)
        .where("status", "in", statuses)
        .orderBy("created_at")
        .orderBy("id")
        .limit(limit)
        .execute();
      return rows.map(recordOf);
    },

    /** The frozen inputs of a job. */
    async snapshot(jobId: string): Promise<JobSnapshot | null> {
      const row = await db
        .selectFrom("job_snapshots")
        .select(["config", "dataloader", "plan"])
        .where("job_id", "=", jobId)
        .executeTakeFirst();
      return row ?? null;
    },
  };
}

function jobIds(db: Kysely<Database>) {
  return {
    /** Who drives each job that is under way, without the rest of it. */
    async owners(limit: number): Promise<{ jobId: string; owner: JobOwner | null }[]> {
      const rows = await db
        .selectFrom("jobs")
        .select(["id", "private"])
        .where("status", "in", ["uploading", "queued", "running"])
        .limit(limit)
        .execute();
      return rows.map((row) => ({
        jobId: row.id,
        owner: (JSON.parse(row.private) as JobPrivate).owner ?? null,
      }));
    },

    /** Ids of a user's jobs in their own order, from `from` on. */
    async idsOfUser(userId: string, from: string, limit: number): Promise<string[]> {
      const rows = await db
        .selectFrom("jobs")
        .select("id")
        .where("user_id", "=", userId)
        .where("id", ">=", from)
        .orderBy("id")
        .limit(limit)
        .execute();
      return rows.map((row) => row.id);
    },
  };
}

function jobWrites({ db, now, onCommitted }: JobStoreOptions) {
  return {
    /**
     * Writes a new job, its snapshot, its first event and its idempotency key in one transaction.
     * Fails on the key's uniqueness when another request with that key came first, and with what `also` throws.
     */
    async insert(
      job: JobRecord,
      snapshot: JobSnapshot,
      events: JobChange["events"],
      claim: IdempotencyClaim | null,
      also?: AlsoWrite,
    ): Promise<void> {
      const stored = await db.transaction().execute(async (transaction) => {
        if (claim) {
          await transaction
            .insertInto("idempotency_keys")
            .values({
              user_id: claim.userId,
              idempotency_key: claim.key,
              request_hash: claim.requestHash,
              job_id: job.wire.job_id,
              expires_at: claim.expiresAtMs,
            })
            .execute();
        }
        await transaction.insertInto("jobs").values(rowOf(job)).execute();
        await transaction
          .insertInto("job_snapshots")
          .values({ job_id: job.wire.job_id, ...snapshot })
          .execute();
        await addToJobCounts(transaction, job.wire, { jobs: 1, made: 1, ...endOf(job.wire) });
        // A run that ended elsewhere before this server knew of it cost what it cost then.
        const spentAtMs = job.wire.completed_at === null ? now() : Date.parse(job.wire.completed_at);
        await bookCost(transaction, job.wire, costOf(job.wire) ?? 0, spentAtMs);
        if (also) await also(transaction, job);
        return appendEvents(transaction, eventDrafts(job.wire, events, now()));
      });
      onCommitted({ job, events: stored });
    },

    /**
     * Reads a job, lets `decide` make the change, and writes it with its events in one transaction, guarded by
     * the job's version. `decide` is pure and may run again; null means nothing to do. `also` writes what
     * belongs to the change in the same transaction. Answers the job as it is afterwards, or null when there is none.
     */
    async change(
      jobId: string,
      decide: (job: JobRecord) => JobChange | null,
      also?: AlsoWrite,
    ): Promise<JobRecord | null> {
      for (;;) {
        const written = await db
          .transaction()
          .execute((transaction) => changeOnce(transaction, jobId, decide, now(), also));
        if (written === "conflict") continue;
        if (written === null) return null;
        if (written.changed) onCommitted(written);
        return written.job;
      }
    },
  };
}

function jobRemoval({ db, now, onCommitted }: JobStoreOptions) {
  return {
    /** Deletes a finished job with its log, metrics and history; answers false when it moved or is gone. */
    async remove(job: JobRecord): Promise<boolean> {
      const jobId = job.wire.job_id;
      const events = await db.transaction().execute(async (transaction) => {
        const deleted = await transaction
          .deleteFrom("jobs")
          .where("id", "=", jobId)
          .where("version", "=", job.version)
          .executeTakeFirst();
        if (Number(deleted.numDeletedRows) !== 1) return null;
        for (const table of [
          "job_snapshots",
          "job_events",
          "job_logs",
          "job_metrics",
          "upload_tokens",
          "idempotency_keys",
          "deliveries",
        ] as const) {
          await transaction.deleteFrom(table).where("job_id", "=", jobId).execute();
        }
        await addToJobCounts(transaction, job.wire, { jobs: -1 });
        return appendEvents(transaction, eventDrafts(job.wire, [{ type: "job.deleted", data: {} }], now()));
      });
      if (events) onCommitted({ job, events });
      return events !== null;
    },
  };
}

async function changeOnce(
  transaction: Kysely<Database>,
  jobId: string,
  decide: (job: JobRecord) => JobChange | null,
  nowMs: number,
  also: AlsoWrite | undefined,
): Promise<(CommittedChange & { changed: boolean }) | "conflict" | null> {
  const row = await transaction
    .selectFrom("jobs")
    .select(recordColumns)
    .where("id", "=", jobId)
    .executeTakeFirst();
  if (!row) return null;
  const before = recordOf(row);
  const change = decide(before);
  if (!change) return { job: before, events: [], changed: false };
  const job = withChange(before, change, nowMs);
  const updated = await transaction
    .updateTable("jobs")
    .set(rowOf(job))
    .where("id", "=", jobId)
    .where("version", "=", before.version)
    .executeTakeFirst();
  if (Number(updated.numUpdatedRows) !== 1) return "conflict";
  if (before.wire.status !== job.wire.status) await moveInJobCounts(transaction, before.wire, job.wire);
  await bookCost(transaction, job.wire, (costOf(job.wire) ?? 0) - (costOf(before.wire) ?? 0), nowMs);
  if (also) await also(transaction, job);
  if (before.wire.is_active && job.wire.is_terminal) await closeCharge(transaction, jobId);
  return {
    job,
    events: await appendEvents(transaction, eventDrafts(job.wire, change.events, nowMs)),
    changed: true,
  };
}

function eventDrafts(job: Job, events: JobChange["events"], nowMs: number): EventDraft[] {
  return events.map((event) => ({
    jobId: job.job_id,
    userId: job.user_id,
    type: event.type,
    atMs: nowMs,
    data: event.data,
  }));
}

/** What a job has cost so far, in micro-dollars. */
function costOf({ cost_usd }: Job): number | null {
  return cost_usd === null ? null : microsOfUsd(cost_usd);
}

/** The row that a job is stored as: its wire JSON, and the columns that are filtered, sorted and guarded. */
export function rowOf(job: JobRecord): Database["jobs"] {
  const { wire } = job;
  return {
    id: wire.job_id,
    user_id: wire.user_id,
    job_type: wire.job_type,
    provider: wire.provider,
    status: wire.status,
    created_at: Date.parse(wire.created_at),
    started_at: wire.started_at === null ? null : Date.parse(wire.started_at),
    completed_at: wire.completed_at === null ? null : Date.parse(wire.completed_at),
    cost_micros: costOf(wire),
    search_text: `${wire.name} ${wire.config_name ?? ""} ${wire.job_id}`.toLowerCase().slice(0, 400),
    version: job.version,
    wire: asciiJson(wire),
    private: JSON.stringify(job.private),
  };
}

function recordOf(row: { wire: string; private: string; version: number }): JobRecord {
  return {
    wire: JSON.parse(row.wire) as Job,
    private: JSON.parse(row.private) as JobPrivate,
    version: Number(row.version),
  };
}
