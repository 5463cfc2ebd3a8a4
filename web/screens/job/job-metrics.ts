import { useEffect, useRef, useState } from "preact/hooks";
import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import { call, useLoad } from "../../api.ts";
import { useReloadOn } from "../../use-reload-on.ts";
import {
  lastStep,
  loadMetrics,
  pointsPerAnswer,
  withTail,
  type FetchSeries,
  type Metrics,
} from "./metric-loading.ts";

/** Series every trainer reports; others are found by what the server says is there. */
const knownKeys = ["loss", "learning_rate", "steps_per_second"];
/** Longest list of keys the server takes, in characters. */
const keysLength = 200;
/** Live points are fetched together at most this often. */
const tailMs = 2000;

/** A job's measured values, growing while it runs. */
export interface JobMetrics {
  data: Metrics | null;
  error: Error | null;
  reload: () => void;
}

function fetcher(jobId: string, signal?: AbortSignal, points = pointsPerAnswer): FetchSeries {
  return (keys, from, to) =>
    call("GET /api/cloud/jobs/{job_id}/metrics", {
      params: { job_id: jobId },
      query: {
        keys: keys.join(","),
        points,
        ...(from !== null && { from }),
        ...(to !== null && { to }),
      },
      ...(signal && { signal }),
    });
}

async function loadAll(jobId: string, signal: AbortSignal): Promise<Metrics> {
  const fetchSeries = fetcher(jobId, signal);
  const metrics = await loadMetrics(fetchSeries, knownKeys);
  const others = otherKeys(metrics.available);
  if (others.length === 0) return metrics;
  const more = await loadMetrics(fetchSeries, others);
  return {
    ...metrics,
    series: new Map([...metrics.series, ...more.series]),
    complete: metrics.complete && more.complete,
  };
}

function otherKeys(available: readonly string[]): string[] {
  const others: string[] = [];
  for (const key of available) {
    if (!knownKeys.includes(key) && [...others, key].join(",").length <= keysLength) others.push(key);
  }
  return others;
}

/** How much of the measured values is wanted: nothing, the loss at a glance, or every series whole. */
export type MetricsWanted = "none" | "glance" | "whole";

/** Points of a curve that is only glanced at. */
const glancePoints = 400;

async function load(jobId: string, wanted: MetricsWanted, signal: AbortSignal): Promise<Metrics | null> {
  if (wanted === "none") return null;
  if (wanted === "whole") return loadAll(jobId, signal);
  const answer = await fetcher(jobId, signal, glancePoints)(["loss"], null, null);
  return withTail({ series: new Map(), available: answer.available, complete: false }, answer.series);
}

/** Loads what a job measured and adds new points while it runs. */
export function useJobMetrics(job: Job, wanted: MetricsWanted): JobMetrics {
  const jobId = job.job_id;
  const loaded = useLoad((signal) => load(jobId, wanted, signal), [jobId, wanted]);
  const [kept, setKept] = useState<{ wanted: MetricsWanted; metrics: Metrics } | null>(null);
  useEffect(() => setKept(loaded.data && { wanted, metrics: loaded.data }), [loaded.data]);
  const data = kept?.wanted === wanted ? kept.metrics : null;
  // A new attempt measures steps again that were measured before; a status change may end the last stretch.
  useReloadOn(["job.attempt", "job.status"], loaded.reload, (event) => event.job_id === jobId, 500);

  const fetching = useRef(false);
  const step = job.status === "running" && wanted !== "none" ? (job.progress?.step ?? null) : null;
  useEffect(() => {
    if (!data || step === null || fetching.current) return;
    fetching.current = true;
    const keys = wanted === "glance" ? ["loss"] : [...knownKeys, ...otherKeys(data.available)];
    fetcher(jobId)(keys, (lastStep(data) ?? -1) + 1, null).then(
      (answer) => {
        setKept((old) => old && { ...old, metrics: withTail(old.metrics, answer.series) });
        setTimeout(() => (fetching.current = false), tailMs);
      },
      // The next step tries again; a lost connection is told by the banner.
      () => (fetching.current = false),
    );
  }, [step, jobId]);
  return { data, error: loaded.error, reload: loaded.reload };
}

/** Every point of a range, for a closer look at a run whose whole series came thinned; null when not needed. */
export function useMetricDetail(
  jobId: string,
  whole: Metrics | null,
  range: { from: number; to: number } | null,
): Metrics | null {
  const isNeeded = whole !== null && !whole.complete && range !== null;
  const { data } = useLoad(
    (signal) => (isNeeded ? loadRange(fetcher(jobId, signal), whole, range) : Promise.resolve(null)),
    [jobId, isNeeded, range?.from, range?.to],
    { keepPrevious: true },
  );
  return isNeeded ? data : null;
}

/** The range with as much before it again, so that a moving average has settled where the range begins. */
async function loadRange(
  fetchSeries: FetchSeries,
  whole: Metrics,
  range: { from: number; to: number },
): Promise<Metrics> {
  const before = Math.max(0, range.from - (range.to - range.from));
  const answer = await fetchSeries([...whole.series.keys()], before, range.to);
  const series = answer.series.map(({ key, steps, values }) => [key, { steps, values }] as const);
  return { series: new Map(series), available: whole.available, complete: true };
}
