import type { Kysely, SelectQueryBuilder } from "kysely";
import type { Database } from "../schema.ts";

/** Which jobs a list shows. */
export interface JobListFilter {
  userId?: string;
  statuses?: readonly string[];
  jobType?: string;
  provider?: string;
  /** Lower-case text that the name, the config's name or the id contains. */
  text?: string;
}

/** A place in the list: the order is by creation time, then id, newest first. */
export interface JobListPlace {
  createdAtMs: number;
  jobId: string;
}

/** Where a page begins. */
export type PageStart =
  | { from: "first" }
  | { from: "after" | "before"; place: JobListPlace }
  | { from: "offset"; offset: number; total: number };

/** One row of a page: enough to answer without parsing finished jobs. */
export interface JobListRow {
  id: string;
  status: string;
  created_at: number;
  wire: string;
}

type Query = SelectQueryBuilder<Database, "jobs", JobListRow>;

/** Reads pages of jobs. */
export function jobListStore(db: Kysely<Database>) {
  const filtered = (filter: JobListFilter): Query => {
    let query = db.selectFrom("jobs").select(["id", "status", "created_at", "wire"]);
    if (filter.userId !== undefined) query = query.where("user_id", "=", filter.userId);
    if (filter.statuses?.length === 1) query = query.where("status", "=", filter.statuses[0] as string);
    else if (filter.statuses) query = query.where("status", "in", filter.statuses);
    if (filter.jobType !== undefined) query = query.where("job_type", "=", filter.jobType);
    if (filter.provider !== undefined) query = query.where("provider", "=", filter.provider);
    if (filter.text !== undefined) query = query.where("search_text", "like", likePattern(filter.text));
    return query;
  };
  return {
    /**
     * One page in list order. Pages from the end and before a place are read backwards through the same index, so
     * the last page costs what the first does; an offset beyond the middle is counted from the end.
     */
    async page(filter: JobListFilter, start: PageStart, limit: number): Promise<JobListRow[]> {
      const query = filtered(filter);
      switch (start.from) {
        case "first":
          return newestFirst(query).limit(limit).execute();
        case "after":
          return newestFirst(beyond(query, "<", start.place))
            .limit(limit)
            .execute();
        case "before":
          return (
            await oldestFirst(beyond(query, ">", start.place))
              .limit(limit)
              .execute()
          ).toReversed();
        case "offset": {
          const rest = start.total - start.offset;
          if (rest <= 0) return [];
          if (start.offset <= rest) return newestFirst(query).limit(limit).offset(start.offset).execute();
          const wanted = Math.min(limit, rest);
          return (
            await oldestFirst(query)
              .limit(wanted)
              .offset(rest - wanted)
              .execute()
          ).toReversed();
        }
      }
    },
    /** How many jobs match by scanning; used only with a text filter, which no count is kept for. */
    async countByStatus(filter: JobListFilter): Promise<Record<string, number>> {
      const rows = await filtered(filter)
        .clearSelect()
        .select((row) => ["status", row.fn.countAll<number>().as("jobs")])
        .groupBy("status")
        .execute();
      return Object.fromEntries(rows.map((row) => [row.status, Number(row.jobs)]));
    },
  };
}

/** Reads the waiting line. */
export function waitingJobStore(db: Kysely<Database>) {
  return {
    /** Ids of waiting jobs in the order they will start. */
    async waiting(limit: number): Promise<string[]> {
      const rows = await waitingJobs(db)
        .select("id")
        .orderBy("created_at")
        .orderBy("id")
        .limit(limit)
        .execute();
      return rows.map((row) => row.id);
    },
    /** How many waiting jobs were created before the place, plus one. */
    async queuePosition(place: JobListPlace): Promise<number> {
      const row = await beyond(waitingJobs(db), "<", place)
        .select((column) => column.fn.countAll<number>().as("jobs"))
        .executeTakeFirstOrThrow();
      return Number(row.jobs) + 1;
    },
    /** Places in the line, by id, of the waiting jobs created between two moments, both included; 1 starts next. */
    async queuePositions(fromMs: number, toMs: number): Promise<Map<string, number>> {
      const before = await waitingJobs(db)
        .where("created_at", "<", fromMs)
        .select((column) => column.fn.countAll<number>().as("jobs"))
        .executeTakeFirstOrThrow();
      const rows = await waitingJobs(db)
        .where("created_at", ">=", fromMs)
        .where("created_at", "<=", toMs)
        .select("id")
        .orderBy("created_at")
        .orderBy("id")
        .execute();
      return new Map(rows.map((row, index) => [row.id, Number(before.jobs) + index + 1]));
    },
    /** Creation and start of the jobs started last, newest first. */
    async lastStarted(limit: number): Promise<{ created_at: number; started_at: number }[]> {
      const rows = await db
        .selectFrom("jobs")
        .select(["created_at", "started_at"])
        .where("started_at", "is not", null)
        .orderBy("created_at", "desc")
        .limit(limit)
        .execute();
      return rows.map((row) => ({ created_at: Number(row.created_at), started_at: Number(row.started_at) }));
    },
  };
}

/** See {@link waitingJobStore}. */
export type WaitingJobStore = ReturnType<typeof waitingJobStore>;

/** See {@link jobListStore}. */
export type JobListStore = ReturnType<typeof jobListStore>;

function waitingJobs(db: Kysely<Database>) {
  return db.selectFrom("jobs").where("status", "=", "pending");
}

function newestFirst(query: Query): Query {
  return query.orderBy("created_at", "desc").orderBy("id", "desc");
}

function oldestFirst(query: Query): Query {
  return query.orderBy("created_at", "asc").orderBy("id", "asc");
}

/** Rows beyond a place; written as `a <= x AND (a < x OR id < y)` so that the index bounds the scan. */
function beyond<Row>(
  query: SelectQueryBuilder<Database, "jobs", Row>,
  side: "<" | ">",
  place: JobListPlace,
): SelectQueryBuilder<Database, "jobs", Row> {
  return query
    .where("created_at", side === "<" ? "<=" : ">=", place.createdAtMs)
    .where((column) =>
      column.or([column("created_at", side, place.createdAtMs), column("id", side, place.jobId)]),
    );
}

/** `%` and `_` in a search are letters, not wildcards: both become `_`, which matches them and stays portable. */
function likePattern(text: string): string {
  return `%${text.replace(/[%_\\]/g, "_")}%`;
}
