import { type Kysely, type RawBuilder, sql } from "kysely";
import type { Database } from "../schema.ts";

/** Something that is true at every moment, because one transaction writes all of it. */
interface Invariant {
  /** What is wrong where it is not, behind the number of rows. */
  readonly broken: string;
  /** Counts the rows that break it. */
  readonly count: RawBuilder<{ bad: number }>;
}

const invariants: readonly Invariant[] = [
  withoutParent("job_snapshots", "job_id", "jobs", "inputs of jobs that are not there"),
  withoutParent("upload_tokens", "job_id", "jobs", "upload credentials of jobs that are not there"),
  withoutParent("deliveries", "job_id", "jobs", "deliveries of jobs that are not there"),
  withoutParent("user_levels", "user_id", "users", "levels of users that are not there"),
  withoutParent("user_overrides", "user_id", "users", "permissions of users that are not there"),
  withoutParent("sessions", "user_id", "users", "sessions of users that are not there"),
  withoutParent("api_keys", "user_id", "users", "API keys of users that are not there"),
  {
    broken: "jobs without their inputs",
    count: sql`select count(*) as bad from jobs j
      where not exists (select 1 from job_snapshots s where s.job_id = j.id)`,
  },
  {
    broken: "totals of jobs that are not the number of jobs",
    count: sql`select count(*) as bad from (
        select c.jobs as told, count(j.id) as found from job_counts c
        left join jobs j on j.user_id = c.user_id and j.job_type = c.job_type
          and j.provider = c.provider and j.status = c.status
        group by c.user_id, c.job_type, c.provider, c.status, c.jobs
      ) t where t.told <> t.found`,
  },
  {
    broken: "jobs that no total counts",
    count: sql`select count(*) as bad from jobs j where not exists (
        select 1 from job_counts c where c.user_id = j.user_id and c.job_type = j.job_type
          and c.provider = j.provider and c.status = j.status)`,
  },
  {
    broken: "jobs whose cost is not the sum of its days",
    count: sql`select count(*) as bad from (
        select c.micros as told, coalesce(sum(d.micros), 0) as found from job_charges c
        left join cost_days d on d.job_id = c.job_id group by c.job_id, c.micros
      ) t where t.told <> t.found`,
  },
  {
    broken: "events with a number that was not given out yet",
    count: sql`select count(*) as bad from job_events e
      where e.id > (select c.value from counters c where c.name = 'event')`,
  },
  {
    broken: "audit chains whose end is not the last entry",
    count: sql`select count(*) as bad from audit_chain c
      where c.last_id <> coalesce((select max(e.id) from audit_entries e), c.start_id)
        or c.last_id - c.start_id <> (select count(*) from audit_entries e)`,
  },
];

function withoutParent(table: string, column: string, parent: string, broken: string): Invariant {
  const [from, owner, id] = [sql.table(table), sql.table(parent), sql.ref(`c.${column}`)];
  return {
    broken,
    count: sql`select count(*) as bad from ${from} c where not exists (select 1 from ${owner} p where p.id = ${id})`,
  };
}

/** Jobs whose record is read at once. */
const pageLength = 500;

/** One sentence for each thing that the product keeps in two places and that does not agree. */
export async function consistencyProblems(snapshot: Kysely<Database>): Promise<string[]> {
  const problems: string[] = [];
  for (const { broken, count } of invariants) {
    const bad = Number((await count.execute(snapshot)).rows[0]?.bad);
    if (bad > 0) problems.push(`${bad} ${broken}.`);
  }
  return [...problems, ...(await recordProblems(snapshot))];
}

/** A job is listed by its columns and answered from its record. */
async function recordProblems(snapshot: Kysely<Database>): Promise<string[]> {
  const problems: string[] = [];
  for (let last = ""; ;) {
    const jobs = await snapshot
      .selectFrom("jobs")
      .select(["id", "status", "wire"])
      .where("id", ">", last)
      .orderBy("id")
      .limit(pageLength)
      .execute();
    for (const { id, status, wire } of jobs)
      if (!agrees(wire, id, status))
        problems.push(`The record of the job ${id} is not the one its row tells of.`);
    last = jobs.at(-1)?.id ?? "";
    if (jobs.length < pageLength) return problems;
  }
}

function agrees(wire: string, id: string, status: string): boolean {
  try {
    const record = JSON.parse(wire) as { job_id?: unknown; status?: unknown } | null;
    return record?.job_id === id && record.status === status;
  } catch {
    return false;
  }
}
