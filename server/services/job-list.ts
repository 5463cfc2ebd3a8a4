import { fail } from "@simpletuner-cloud/contract/errors.ts";
import {
  activeStatuses,
  type Job,
  type JobList,
  type JobStatus,
  jobStatuses,
  terminalStatuses,
} from "@simpletuner-cloud/contract/jobs.ts";
import type { Caller } from "@simpletuner-cloud/contract/permissions.ts";
import type { JobCountStore } from "../db/stores/job-counts.ts";
import type {
  JobListFilter,
  JobListRow,
  JobListStore,
  PageStart,
  WaitingJobStore,
} from "../db/stores/job-list.ts";
import { durationSeconds } from "../domain/job-record.ts";
import { PreparedJson } from "./handler.ts";
import { listScope } from "./job-access.ts";

/** What the list needs. */
export interface JobListOptions {
  list: JobListStore;
  waiting: WaitingJobStore;
  counts: JobCountStore;
  now: () => number;
}

/** The list's query as the contract declares it. */
export interface JobListQuery {
  status?: string;
  job_type?: "local" | "cloud";
  provider?: string;
  user_id?: string;
  q?: string;
  limit?: number;
  offset?: number;
  cursor?: string;
}

/** Answers pages of jobs. Finished jobs go out as the JSON they are stored as; only active ones are opened. */
export function jobLister(options: JobListOptions) {
  return async (caller: Caller, query: JobListQuery): Promise<PreparedJson<JobList>> => {
    const filter = filterOf(caller, query);
    const counts = await countsOf(options, filter);
    const total = (filter.statuses ?? jobStatuses).reduce((sum, status) => sum + (counts[status] ?? 0), 0);
    const limit = query.limit ?? 50;
    const rows = await options.list.page(filter, startOf(query, total, limit), limit);
    const jobs = await Promise.all(rows.map((row) => (isOver(row) ? row.wire : liveWire(options, row))));
    const cursors = await cursorsOf(options, filter, rows, query, total, limit);
    return new PreparedJson(
      `{"jobs":[${jobs.join(",")}],"total":${total},${cursors},"counts":${JSON.stringify(counts)}}`,
    );
  };
}

/** The job as it is answered now: duration and place in the queue belong to the moment. */
export async function jobNow(waiting: WaitingJobStore, job: Job, nowMs: number): Promise<Job> {
  if (job.is_terminal) return job;
  const queue_position =
    job.status === "pending"
      ? await waiting.queuePosition({ createdAtMs: Date.parse(job.created_at), jobId: job.job_id })
      : null;
  return { ...job, duration_seconds: durationSeconds(job, nowMs), queue_position };
}

function isOver(row: JobListRow): boolean {
  return (terminalStatuses as readonly string[]).includes(row.status);
}

async function liveWire(options: JobListOptions, row: JobListRow): Promise<string> {
  return JSON.stringify(await jobNow(options.waiting, JSON.parse(row.wire) as Job, options.now()));
}

function filterOf(caller: Caller, query: JobListQuery): JobListFilter {
  const filter: JobListFilter = {};
  const userId = listScope(caller) ?? query.user_id;
  if (userId !== undefined) filter.userId = userId;
  if (query.status !== undefined && query.status !== "") filter.statuses = statusesOf(query.status);
  if (query.job_type !== undefined) filter.jobType = query.job_type;
  if (query.provider !== undefined) filter.provider = query.provider;
  if (query.q !== undefined && query.q.trim() !== "") filter.text = query.q.trim().toLowerCase();
  return filter;
}

function statusesOf(text: string): readonly JobStatus[] {
  if (text === "active") return activeStatuses;
  if (text === "terminal") return terminalStatuses;
  const words = new Set(text.split(",").map((word) => word.trim()));
  return [...words].map((word) => {
    const status = jobStatuses.find((known) => known === word);
    if (!status)
      throw fail("validation_error", {
        field: "status",
        problem: `"${word}" is not one of ${jobStatuses.join(", ")}, active, terminal.`,
      });
    return status;
  });
}

async function countsOf(options: JobListOptions, filter: JobListFilter): Promise<Record<string, number>> {
  const { statuses: _, text, ...kept } = filter;
  if (text !== undefined) return options.list.countByStatus({ ...kept, text });
  return options.counts.byStatus({
    ...(kept.userId === undefined ? {} : { user_id: kept.userId }),
    ...(kept.jobType === undefined ? {} : { job_type: kept.jobType }),
    ...(kept.provider === undefined ? {} : { provider: kept.provider }),
  });
}

function startOf(query: JobListQuery, total: number, limit: number): PageStart {
  if (query.cursor === "last") {
    // The last page is what is left over after full pages, so that it is the same whether reached by steps or at once.
    const rest = total % limit || limit;
    return { from: "offset", offset: Math.max(0, total - rest), total };
  }
  if (query.cursor !== undefined) return placeOf(query.cursor);
  if (query.offset) return { from: "offset", offset: query.offset, total };
  return { from: "first" };
}

/** A cursor is `<after|before>.<epoch ms>.<job id>` in base64url. */
function placeOf(cursor: string): PageStart {
  const [from, createdAt, jobId] = Buffer.from(cursor, "base64url").toString("utf8").split(".");
  const createdAtMs = Number(createdAt);
  if ((from !== "after" && from !== "before") || !Number.isSafeInteger(createdAtMs) || !jobId)
    throw fail("invalid_cursor");
  return { from, place: { createdAtMs, jobId } };
}

async function cursorsOf(
  options: JobListOptions,
  filter: JobListFilter,
  rows: readonly JobListRow[],
  query: JobListQuery,
  total: number,
  limit: number,
): Promise<string> {
  const first = rows[0];
  const last = rows.at(-1);
  const place = (row: JobListRow) => ({ createdAtMs: Number(row.created_at), jobId: row.id });
  const cursor = (from: "after" | "before", row: JobListRow) =>
    Buffer.from(`${from}.${Number(row.created_at)}.${row.id}`).toString("base64url");
  const fromStart = query.cursor === undefined && !query.offset;
  const more =
    last !== undefined &&
    (fromStart
      ? total > rows.length
      : rows.length < limit && query.cursor === "last"
        ? false
        : await isMore(options, filter, { from: "after", place: place(last) }));
  const earlier =
    first !== undefined &&
    !fromStart &&
    (await isMore(options, filter, { from: "before", place: place(first) }));
  const next = more && last ? `"${cursor("after", last)}"` : "null";
  const previous = earlier && first ? `"${cursor("before", first)}"` : "null";
  return `"next_cursor":${next},"prev_cursor":${previous}`;
}

async function isMore(options: JobListOptions, filter: JobListFilter, start: PageStart): Promise<boolean> {
  return (await options.list.page(filter, start, 1)).length > 0;
}
