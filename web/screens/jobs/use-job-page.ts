import { useEffect, useRef, useState } from "preact/hooks";
import type { JobList } from "@simpletuner-cloud/contract/jobs.ts";
import { call, useLoad } from "../../api.ts";
import { rememberJobs } from "../../live.ts";
import { useReloadOn } from "../../use-reload-on.ts";

/** Filters of the list as they stand in the address; empty text means no filter. */
export interface JobFilters {
  status: string;
  provider: string;
  q: string;
  cursor: string;
}

/** The page on screen, and what changed on the server that it does not show yet. */
export interface JobPage {
  /** Rows and their order as last shown; totals and counts are always the newest. */
  list: JobList | null;
  error: Error | null;
  loading: boolean;
  /** True when the server's page holds other rows than the one on screen. */
  changed: boolean;
  /** How many jobs of the server's page are not on screen. */
  fresh: number;
  show: () => void;
  /** Loads again and shows what comes, held or not: the user asked for it or caused the change. */
  reload: () => void;
  /** While held (pointer or focus in the list) rows do not move by themselves. */
  hold: (held: boolean) => void;
}

/** Jobs on one page of the list. */
export const pageSize = 50;

let lastShown: { key: string; list: JobList } | null = null;

/** Loads a page of jobs and keeps it live without moving rows under the pointer or the focus. */
export function useJobPage(filters: JobFilters): JobPage {
  const key = JSON.stringify(filters);
  const [shown, setShown] = useState(() => (lastShown?.key === key ? lastShown : null));
  const [waiting, setWaiting] = useState<JobList | null>(null);
  const held = useRef(false);
  const forced = useRef(false);
  const loaded = useLoad(
    async (signal) => {
      const { cursor, ...rest } = filters;
      const wanted = Object.fromEntries(
        Object.entries({ ...rest, cursor }).filter(([, value]) => value !== ""),
      );
      const list = await call("GET /api/cloud/jobs", { query: { ...wanted, limit: pageSize }, signal });
      rememberJobs(list.jobs);
      return { key, list };
    },
    [key],
    { keepPrevious: true },
  );
  const apply = (next: { key: string; list: JobList }): void => {
    lastShown = next;
    setShown(next);
    setWaiting(null);
  };
  useEffect(() => {
    const next = loaded.data;
    if (!next || next.key !== key) return;
    const mayMove = forced.current || !held.current || shown?.key !== key || sameRows(shown.list, next.list);
    forced.current = false;
    if (mayMove) apply(next);
    else setWaiting(next.list);
  }, [loaded.data]);
  useReloadOn(["job.created", "job.status", "job.deleted"], loaded.reload, () => true, 500);

  const newest = waiting ?? shown?.list ?? null;
  const known = new Set(shown?.list.jobs.map((job) => job.job_id));
  return {
    list: shown && newest ? { ...shown.list, total: newest.total, counts: newest.counts } : null,
    error: loaded.error,
    loading: loaded.loading && shown?.key !== key,
    changed: waiting !== null,
    fresh: waiting?.jobs.filter((job) => !known.has(job.job_id)).length ?? 0,
    show: () => waiting && apply({ key, list: waiting }),
    reload: () => {
      forced.current = true;
      loaded.reload();
    },
    hold: (next) => {
      held.current = next;
    },
  };
}

function sameRows(one: JobList, other: JobList): boolean {
  return (
    one.jobs.length === other.jobs.length &&
    one.jobs.every((job, place) => job.job_id === other.jobs[place]?.job_id)
  );
}
