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
import { asciiJson } from "../domain/ascii-json.ts";
import { durationSeconds } from "../domain/job-record.ts";
import { PreparedJson } from "./handler.ts";
import { listScope } from "./job-access.ts";

/** What the list needs. */
export interface JobListOptions {
  list: JobListStore;
  waiting: WaitingJobStore;
  counts: JobCountStore;
  /** Looks at all runs at providers; resolves once what was found is stored, or after a moment. */
  refreshRuns: () => Promise<void>;
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
  sync_active?: boolean;
  cursor?: string;
}

/** Answers pages of jobs. Finished jobs go out as the JSON they are stored as; only active ones are opened. */
export function jobLister(options: JobListOptions) {
  return async (caller: Caller, query: JobListQuery): Promise<PreparedJson<JobList>> => {
    if (query.sync_active === true) await options.refreshRuns();
    const filter = filterOf(caller, query);
    const counts = await countsOf(options, filter);
    const total = (filter.statuses ?? jobStatuses).reduce((sum, status) => sum + (counts[status] ?? 0), 0);
    const limit = query.limit ?? 50;
    const page = await readPage(options.list, filter, startOf(query, total, limit), limit, total);
    const jobs = await wiresNow(options, page.rows);
    return new PreparedJson(
      `{"jobs":[${jobs.join(",")}],"total":${total},${cursorsOf(page)},"counts":${JSON.stringify(counts)}}`,
    );
  };
}

/** The job as it is answered now: duration and place in the queue belong to the moment. */
export async function jobNow(waiting: WaitingJobStore, job: Job, nowMs: number): Promise<Job> {
  if (job.is_terminal) return job;
  const position =
    job.status === "pending"
      ? await waiting.queuePosition({ createdAtMs: Date.parse(job.created_at), jobId: job.job_id })
      : null;
  return { ...job, duration_seconds: durationSeconds(job, nowMs), queue_position: position };
}

/** True when the row's JSON can be answered as it is stored: nothing of a finished job depends on the moment. */
export function isOver(row: { completed_at: number | null }): boolean {
  return row.completed_at !== null;
}

/** The rows' JSON as it is answered now. However many jobs wait, their places are read at once. */
async function wiresNow(options: JobListOptions, rows: readonly JobListRow[]): Promise<string[]> {
  const times = rows.filter((row) => !isOver(row)).map((row) => Number(row.created_at));
  if (times.length === 0) return rows.map((row) => row.wire);
  const places = await options.waiting.queuePositions(Math.min(...times), Math.max(...times));
  const nowMs = options.now();
  return rows.map((row) => (isOver(row) ? row.wire : activeWire(row.wire, places.get(row.id), nowMs)));
}

/** An active job's JSON with what belongs to the moment: the place of a waiting one, the duration of the others. */
function activeWire(wire: string, place: number | undefined, nowMs: number): string {
  // Quotes inside a text are escaped, so the first match is the field whatever the job is called.
  if (place !== undefined) return wire.replace('"queue_position":null', `"queue_position":${place}`);
  const job = JSON.parse(wire) as Job;
  return asciiJson({ ...job, duration_seconds: durationSeconds(job, nowMs) });
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

interface Page {
  rows: readonly JobListRow[];
  hasEarlier: boolean;
  hasLater: boolean;
}

/** A page and whether there is one on each side, which only pages at a cursor have to look for. */
async function readPage(
  list: JobListStore,
  filter: JobListFilter,
  start: PageStart,
  limit: number,
  total: number,
): Promise<Page> {
  // Without an index for the filter, a page that stays empty would be looked for in every row.
  if (total === 0) return { rows: [], hasEarlier: false, hasLater: false };
  if (start.from === "first" || start.from === "offset") {
    const rows = await list.page(filter, start, limit);
    const offset = start.from === "first" ? 0 : start.offset;
    return { rows, hasEarlier: offset > 0 && rows.length > 0, hasLater: offset + rows.length < total };
  }
  const found = await list.page(filter, start, limit + 1);
  const hasMore = found.length > limit;
  if (start.from === "after") {
    const rows = found.slice(0, limit);
    return { rows, hasEarlier: await isBeside(list, filter, "before", rows[0]), hasLater: hasMore };
  }
  const rows = found.slice(-limit);
  return { rows, hasEarlier: hasMore, hasLater: await isBeside(list, filter, "after", rows.at(-1)) };
}

async function isBeside(
  list: JobListStore,
  filter: JobListFilter,
  from: "after" | "before",
  row: JobListRow | undefined,
): Promise<boolean> {
  if (!row) return false;
  const place = { createdAtMs: Number(row.created_at), jobId: row.id };
  return (await list.page(filter, { from, place }, 1)).length > 0;
}

function cursorsOf({ rows, hasEarlier, hasLater }: Page): string {
  const cursor = (from: "after" | "before", row: JobListRow | undefined) =>
    row ? `"${Buffer.from(`${from}.${Number(row.created_at)}.${row.id}`).toString("base64url")}"` : "null";
  const next = cursor("after", hasLater ? rows.at(-1) : undefined);
  const previous = cursor("before", hasEarlier ? rows[0] : undefined);
  return `"next_cursor":${next},"prev_cursor":${previous}`;
}
