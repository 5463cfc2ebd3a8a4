import type { Expression, Kysely, SelectQueryBuilder } from "kysely";
import { compiledQueries, type QueryValues, type SlotMaker } from "../compiled-queries.ts";
import { fixedLimit } from "../fixed-limit.ts";
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

/** One row of a page: enough to answer without parsing finished jobs, which are those that have an end. */
export interface JobListRow {
  id: string;
  created_at: number;
  completed_at: number | null;
  wire: string;
}

type Query = SelectQueryBuilder<Database, "jobs", JobListRow>;

/** Reads pages of jobs. */
export function jobListStore(db: Kysely<Database>) {
  const run = compiledQueries(db);
  const read = (
    filter: JobListFilter,
    from: string,
    limit: number,
    values: QueryValues,
    ordered: (query: Query, slot: SlotMaker) => Query,
  ): Promise<JobListRow[]> =>
    run(`${from} ${limit} ${shapeOf(filter)}`, { ...values, ...valuesOf(filter) }, (slot) =>
      ordered(filtered(db, filter, slot).select(["id", "created_at", "completed_at", "wire"]), slot).limit(
        fixedLimit(limit),
      ),
    );
  return {
    /**
     * One page in list order. Pages from the end and before a place are read backwards through the same index, so
     * the last page costs what the first does; an offset beyond the middle is counted from the end.
     */
    async page(filter: JobListFilter, start: PageStart, limit: number): Promise<JobListRow[]> {
      switch (start.from) {
        case "first":
          return read(filter, "first", limit, {}, newestFirst);
        case "after":
          return read(filter, "after", limit, { ...start.place }, (query, slot) =>
            newestFirst(beyond(query, "<", slot("createdAtMs"), slot("jobId"))),
          );
        case "before": {
          const rows = await read(filter, "before", limit, { ...start.place }, (query, slot) =>
            oldestFirst(beyond(query, ">", slot("createdAtMs"), slot("jobId"))),
          );
          return rows.toReversed();
        }
        case "offset": {
          const { offset, total } = start;
          const rest = total - offset;
          if (rest <= 0) return [];
          if (offset <= rest)
            return read(filter, "offset", limit, { offset }, (query, slot) =>
              newestFirst(query).offset(slot<number>("offset")),
            );
          const wanted = Math.min(limit, rest);
          const fromEnd = { offset: rest - wanted };
          const rows = await read(filter, "from the end", wanted, fromEnd, (query, slot) =>
            oldestFirst(query).offset(slot<number>("offset")),
          );
          return rows.toReversed();
        }
      }
    },
    /** How many jobs match by scanning; used only with a text filter, which no count is kept for. */
    async countByStatus(filter: JobListFilter): Promise<Record<string, number>> {
      const rows = await run(`count ${shapeOf(filter)}`, valuesOf(filter), (slot) =>
        filtered(db, filter, slot)
          .select((row) => ["status", row.fn.countAll<number>().as("jobs")])
          .groupBy("status"),
      );
      return Object.fromEntries(rows.map((row) => [row.status, Number(row.jobs)]));
    },
  };
}

/** What of a filter decides the statement; {@link valuesOf} gives the rest. */
function shapeOf(filter: JobListFilter): string {
  return `${Object.keys(filter).sort().join()} ${filter.statuses?.length ?? 0}`;
}

function valuesOf({ statuses = [], text, ...others }: JobListFilter): QueryValues {
  const values: Record<string, string | number> = { ...others };
  for (const [index, status] of statuses.entries()) values[`status${index}`] = status;
  if (text !== undefined) values["text"] = likePattern(text);
  return values;
}

function filtered(db: Kysely<Database>, filter: JobListFilter, slot: SlotMaker) {
  let query = db.selectFrom("jobs");
  if (filter.userId !== undefined) query = query.where("user_id", "=", slot<string>("userId"));
  if (filter.statuses) {
    const statuses = filter.statuses.map((_, index) => slot<string>(`status${index}`));
    query = query.where("status", "in", statuses);
  }
  if (filter.jobType !== undefined) query = query.where("job_type", "=", slot<string>("jobType"));
  if (filter.provider !== undefined) query = query.where("provider", "=", slot<string>("provider"));
  if (filter.text !== undefined) query = query.where("search_text", "like", slot<string>("text"));
  return query;
}

/** Reads the waiting line. */
export function waitingJobStore(db: Kysely<Database>) {
  const run = compiledQueries(db);
  return {
    /** Ids of waiting jobs in the order they will start. */
    async waiting(limit: number): Promise<string[]> {
      const rows = await waitingJobs(db)
        .select("id")
        .orderBy("created_at")
        .orderBy("id")
        .limit(fixedLimit(limit))
        .execute();
      return rows.map((row) => row.id);
    },
    /** How many waiting jobs were created before the place, plus one. */
    async queuePosition(place: JobListPlace): Promise<number> {
      const row = await beyond(waitingJobs(db), "<", place.createdAtMs, place.jobId)
        .select((column) => column.fn.countAll<number>().as("jobs"))
        .executeTakeFirstOrThrow();
      return Number(row.jobs) + 1;
    },
    /** Places in the line, by id, of the waiting jobs created between two moments, both included; 1 starts next. */
    async queuePositions(fromMs: number, toMs: number): Promise<Map<string, number>> {
      const rows = await run("positions", { fromMs, toMs }, (slot) =>
        waitingJobs(db)
          .where("created_at", ">=", slot<number>("fromMs"))
          .where("created_at", "<=", slot<number>("toMs"))
          .select("id")
          .select(
            waitingJobs(db)
              .where("created_at", "<", slot<number>("fromMs"))
              .select((column) => column.fn.countAll<number>().as("jobs"))
              .as("before"),
          )
          .orderBy("created_at")
          .orderBy("id"),
      );
      return new Map(rows.map((row, index) => [row.id, Number(row.before) + index + 1]));
    },
    /** Creation and start of the jobs started last, newest first. */
    async lastStarted(limit: number): Promise<{ created_at: number; started_at: number }[]> {
      const rows = await db
        .selectFrom("jobs")
        .select(["created_at", "started_at"])
        .where("started_at", "is not", null)
        .orderBy("created_at", "desc")
        .limit(fixedLimit(limit))
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
  createdAtMs: number | Expression<number>,
  jobId: string | Expression<string>,
): SelectQueryBuilder<Database, "jobs", Row> {
  return query
    .where("created_at", side === "<" ? "<=" : ">=", createdAtMs)
    .where((column) => column.or([column("created_at", side, createdAtMs), column("id", side, jobId)]));
}

/** `%` and `_` in a search are letters, not wildcards: both become `_`, which matches them and stays portable. */
export function likePattern(text: string): string {
  return `%${text.replace(/[%_\\]/g, "_")}%`;
}
