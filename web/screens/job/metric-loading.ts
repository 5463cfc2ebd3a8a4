import type { MetricSeries } from "@simpletuner-cloud/contract/results.ts";
import { joined, recordingInterval, type StepSeries } from "../../components/line-chart-series.ts";

/** Most points of a series in one answer of the server. */
export const pointsPerAnswer = 4000;
/** Most requests made to bring a whole series home; beyond that the thinned one is shown. */
const mostRequests = 16;

/** Asks for series within a range of steps (null = open side). */
export type FetchSeries = (
  keys: readonly string[],
  from: number | null,
  to: number | null,
) => Promise<{ series: MetricSeries[]; available: string[] }>;

/** Measured series by key; `complete` is false when the server thinned them. */
export interface Metrics {
  series: ReadonlyMap<string, StepSeries>;
  available: readonly string[];
  complete: boolean;
}

/**
 * Loads the series of `keys` whole, so that a moving average is computed from every measured point and not from what
 * thinning left. A run too long for that comes thinned, with `complete` false.
 */
export async function loadMetrics(fetchSeries: FetchSeries, keys: readonly string[]): Promise<Metrics> {
  const first = await fetchSeries(keys, null, null);
  const series = byKey(first.series);
  const thinned = [...series.values()].filter(isThinned);
  if (thinned.length === 0) return { series, available: first.available, complete: true };
  const from = Math.min(...thinned.map((one) => one.steps[0] ?? 0));
  const last = Math.max(...thinned.map((one) => one.steps.at(-1) ?? 0));
  const interval = Math.min(...thinned.map((one) => recordingInterval(one.steps)));
  const stepsPerRequest = interval * (pointsPerAnswer / 2 - 1);
  if ((last - from) / stepsPerRequest > mostRequests)
    return { series, available: first.available, complete: false };
  const whole = new Map<string, StepSeries>();
  let complete = true;
  for (let start = from; start <= last; start += stepsPerRequest) {
    const part = await fetchSeries(keys, start, Math.min(last, start + stepsPerRequest - 1));
    for (const [key, stretch] of byKey(part.series)) {
      complete &&= stretch.steps.length < pointsPerAnswer / 2;
      append(whole, key, stretch);
    }
  }
  return { series: whole, available: first.available, complete };
}

/** `metrics` with later stretches behind it. */
export function withTail(metrics: Metrics, tail: readonly MetricSeries[]): Metrics {
  const series = new Map(metrics.series);
  for (const [key, stretch] of byKey(tail)) append(series, key, stretch);
  const available = [...new Set([...metrics.available, ...series.keys()])];
  return { series, available, complete: metrics.complete };
}

/** The last step that any series knows, or null. */
export function lastStep(metrics: Metrics): number | null {
  const steps = [...metrics.series.values()].map((one) => one.steps.at(-1) ?? -1);
  return steps.length === 0 ? null : Math.max(...steps);
}

/**
 * True when the server may have left points out: it keeps the extremes of each stretch, so the distances become uneven
 * and there are at least half as many points as were asked for.
 */
function isThinned(series: StepSeries): boolean {
  return series.steps.length >= pointsPerAnswer / 2 && hasHoles(series, recordingInterval(series.steps));
}

/** More than one point in fifty missing from an even row; single gaps come from restarts. */
function hasHoles({ steps }: StepSeries, interval: number): boolean {
  const span = (steps.at(-1) ?? 0) - (steps[0] ?? 0);
  return span / interval + 1 > steps.length * 1.02;
}

function append(all: Map<string, StepSeries>, key: string, stretch: StepSeries): void {
  const known = all.get(key);
  all.set(key, known ? joined(known, stretch) : stretch);
}

function byKey(series: readonly MetricSeries[]): Map<string, StepSeries> {
  return new Map(
    series.filter((one) => one.steps.length > 0).map(({ key, steps, values }) => [key, { steps, values }]),
  );
}
