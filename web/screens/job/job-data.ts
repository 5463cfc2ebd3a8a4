import { useEffect, useState } from "preact/hooks";
import type { Job, JobEvent } from "@simpletuner-cloud/contract/jobs.ts";
import type { Artifact } from "@simpletuner-cloud/contract/results.ts";
import { call, useLoad } from "../../api.ts";
import { onEvent, rememberJobs, watchJob } from "../../live.ts";
import { useReloadOn } from "../../use-reload-on.ts";

/** A bar may move at most once a second (milliseconds). */
const steadyMs = 1000;

/** The newest state of a job; changes of state show at once, progress at most once a second. */
export function useSteadyJob(jobId: string): Job | null {
  const [job, setJob] = useState<Job | null>(() => watchJob(jobId).peek());
  useEffect(() => {
    const source = watchJob(jobId);
    let shown = source.peek();
    let timer = 0;
    setJob(shown);
    const show = (): void => {
      timer = 0;
      shown = source.peek();
      setJob(shown);
    };
    const stop = source.subscribe((next) => {
      const isTurn = next?.status !== shown?.status || next?.cancel_requested !== shown?.cancel_requested;
      if (isTurn) {
        clearTimeout(timer);
        show();
      } else if (next !== shown) {
        timer ||= window.setTimeout(show, steadyMs);
      }
    });
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, [jobId]);
  return job;
}

/** A job page's job: loaded, then followed; `gone` tells that it was deleted while it was looked at. */
export function useJob(jobId: string): {
  job: Job | null;
  error: Error | null;
  gone: boolean;
  reload: () => void;
} {
  const loaded = useLoad(
    async (signal) => {
      const { job } = await call("GET /api/cloud/jobs/{job_id}", { params: { job_id: jobId }, signal });
      rememberJobs([job]);
      return job;
    },
    [jobId],
  );
  const [gone, setGone] = useState(false);
  useEffect(() => {
    setGone(false);
    return onEvent("job.deleted", (event) => {
      if (event.job_id === jobId) setGone(true);
    });
  }, [jobId]);
  const job = useSteadyJob(jobId) ?? loaded.data;
  return { job, error: loaded.error, gone, reload: loaded.reload };
}

const eventsPerPage = 1000;

async function loadEvents(jobId: string, signal: AbortSignal): Promise<JobEvent[]> {
  const events: JobEvent[] = [];
  for (;;) {
    const page = await call("GET /api/cloud/jobs/{job_id}/events", {
      params: { job_id: jobId },
      query: { after: events.at(-1)?.id ?? 0, limit: eventsPerPage },
      signal,
    });
    events.push(...page.events);
    if (page.events.length < eventsPerPage) return events;
  }
}

/** A job's history, oldest first, growing as it happens; null until it is loaded. */
export function useJobEvents(jobId: string): readonly JobEvent[] | null {
  const loaded = useLoad((signal) => loadEvents(jobId, signal), [jobId]);
  const [live, setLive] = useState<readonly JobEvent[]>([]);
  useEffect(() => {
    setLive([]);
    return onEvent("*", ({ job: _job, id, ...event }) => {
      if (event.job_id === jobId && id !== null) setLive((old) => [...old, { id, ...event }]);
    });
  }, [jobId]);
  if (!loaded.data) return null;
  const lastLoaded = loaded.data.at(-1)?.id ?? 0;
  return [...loaded.data, ...live.filter((event) => event.id > lastLoaded)];
}

/** Files a job delivered, and their size together. */
export interface JobFiles {
  artifacts: readonly Artifact[];
  totalBytes: number;
}

async function loadFiles(jobId: string, signal: AbortSignal): Promise<JobFiles> {
  const artifacts: Artifact[] = [];
  let after: string | null = null;
  for (;;) {
    const page: { artifacts: Artifact[]; total_bytes: number; next: string | null } = await call(
      "GET /api/cloud/jobs/{job_id}/artifacts",
      { params: { job_id: jobId }, query: { limit: 1000, ...(after !== null && { after }) }, signal },
    );
    artifacts.push(...page.artifacts);
    if (page.next === null) return { artifacts, totalBytes: page.total_bytes };
    after = page.next;
  }
}

/** The files of a job, loaded again when it delivers one. */
export function useJobFiles(jobId: string): {
  files: JobFiles | null;
  error: Error | null;
  reload: () => void;
} {
  const { data, error, reload } = useLoad((signal) => loadFiles(jobId, signal), [jobId]);
  useReloadOn(
    [
      "job.sample",
      "job.checkpoint",
      "job.artifact",
      "job.artifacts_deleted",
      "job.artifacts_pruned",
      "job.status",
    ],
    reload,
    (event) => event.job_id === jobId,
    700,
  );
  return { files: data, error, reload };
}
