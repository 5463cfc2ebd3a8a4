/** One measured series: steps in rising order and the value at each. */
export interface StepSeries {
  steps: readonly number[];
  values: readonly number[];
}

/** What a reader who cannot see the curve needs to know of it. */
export interface SeriesSummary {
  count: number;
  first: { step: number; value: number };
  last: { step: number; value: number };
  min: { step: number; value: number };
  max: { step: number; value: number };
}

/**
 * Exponential moving average that is right from the first point on: the weights seen so far always add
 * up to one (TensorBoard's "debiased" curve). `weight` in 0..1 is what is kept per recorded step; a gap of
 * several steps forgets as much as that many points would, so a thinned series gives the same curve.
 * Values that are not finite are passed through and do not enter the average.
 */
export function smoothed(series: StepSeries, weight: number): number[] {
  if (weight <= 0) return [...series.values];
  const interval = recordingInterval(series.steps);
  let sum = 0;
  let total = 0;
  let previous = series.steps[0] ?? 0;
  return series.values.map((value, index) => {
    const step = series.steps[index] ?? previous;
    if (!Number.isFinite(value)) return value;
    const kept = total === 0 ? 0 : weight ** Math.max(1, (step - previous) / interval);
    sum = sum * kept + value;
    total = total * kept + 1;
    previous = step;
    return sum / total;
  });
}

/** The smallest distance between two neighbouring steps, at least a tiny positive number. */
export function recordingInterval(steps: readonly number[]): number {
  let smallest = Number.POSITIVE_INFINITY;
  for (let index = 1; index < steps.length; index += 1) {
    const gap = (steps[index] ?? 0) - (steps[index - 1] ?? 0);
    if (gap > 0 && gap < smallest) smallest = gap;
  }
  return Number.isFinite(smallest) ? smallest : 1;
}

/** Joins two stretches of one series; where both hold a step, the later stretch wins. Linear. */
export function joined(earlier: StepSeries, later: StepSeries): StepSeries {
  const firstLater = later.steps[0];
  if (firstLater === undefined) return earlier;
  let end = earlier.steps.length;
  while (end > 0 && (earlier.steps[end - 1] ?? 0) >= firstLater) end -= 1;
  return {
    steps: [...earlier.steps.slice(0, end), ...later.steps],
    values: [...earlier.values.slice(0, end), ...later.values],
  };
}

/** The points of `series` with `from` <= step <= `to`; an absent border leaves that side open. */
export function within(series: StepSeries, from: number | null, to: number | null): StepSeries {
  const start = from === null ? 0 : lowerBound(series.steps, from);
  const end = to === null ? series.steps.length : lowerBound(series.steps, to, true);
  if (start === 0 && end === series.steps.length) return series;
  return { steps: series.steps.slice(start, end), values: series.values.slice(start, end) };
}

/** Index of the first step >= `step` (> `step` when `above`); the length when there is none. */
export function lowerBound(steps: readonly number[], step: number, above = false): number {
  let low = 0;
  let high = steps.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const found = steps[middle] ?? 0;
    if (found < step || (above && found === step)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * At most `points` points (4 or more) that keep the shape: of every stretch the lowest and the highest, so that
 * no spike disappears, and always the first and the last.
 */
export function thinned(series: StepSeries, points: number): StepSeries {
  const count = series.steps.length;
  if (count <= points) return series;
  const buckets = Math.max(1, Math.floor((points - 2) / 2));
  const inner = count - 2;
  const kept = new Set<number>([0, count - 1]);
  for (let bucket = 0; bucket < buckets; bucket += 1) {
    const start = 1 + Math.floor((bucket * inner) / buckets);
    const end = 1 + Math.floor(((bucket + 1) * inner) / buckets);
    for (const index of extremes(series.values, start, end)) kept.add(index);
  }
  const indexes = [...kept].sort((a, b) => a - b);
  return {
    steps: indexes.map((index) => series.steps[index] ?? 0),
    values: indexes.map((index) => series.values[index] ?? Number.NaN),
  };
}

/** At most `rows` points at even distances, the first and the last among them: for reading, not for drawing. */
export function sampledEvenly(series: StepSeries, rows: number): StepSeries {
  const count = series.steps.length;
  if (count <= rows || rows < 2) return series;
  const indexes = Array.from({ length: rows }, (_, row) => Math.round((row * (count - 1)) / (rows - 1)));
  return {
    steps: indexes.map((index) => series.steps[index] ?? 0),
    values: indexes.map((index) => series.values[index] ?? Number.NaN),
  };
}

/** First, last, lowest and highest finite value; null when there is none. */
export function summary(series: StepSeries): SeriesSummary | null {
  let found: SeriesSummary | null = null;
  for (let index = 0; index < series.steps.length; index += 1) {
    const point = { step: series.steps[index] ?? 0, value: series.values[index] ?? Number.NaN };
    if (!Number.isFinite(point.value)) continue;
    if (!found) found = { count: 0, first: point, last: point, min: point, max: point };
    found.count += 1;
    found.last = point;
    if (point.value < found.min.value) found.min = point;
    if (point.value > found.max.value) found.max = point;
  }
  return found;
}

/**
 * Columns for one plot: all steps of all series in rising order, and per series its value there or null.
 * Series of a trainer mostly share their steps, so the common case is one pass without a merge.
 */
export function aligned(all: readonly StepSeries[]): { steps: number[]; columns: (number | null)[][] } {
  const first = all[0];
  if (first && all.every((series) => sameSteps(series.steps, first.steps))) {
    return { steps: [...first.steps], columns: all.map((series) => series.values.map(finiteOrNull)) };
  }
  const steps = [...new Set(all.flatMap((series) => [...series.steps]))].sort((a, b) => a - b);
  const columns = all.map((series) => {
    const byStep = new Map(series.steps.map((step, index) => [step, series.values[index] ?? Number.NaN]));
    return steps.map((step) => finiteOrNull(byStep.get(step) ?? Number.NaN));
  });
  return { steps, columns };
}

/** The series as CSV with a header line: `step,<key>,…`; empty cells where a series has no value. */
export function csvOf(all: readonly (StepSeries & { key: string })[]): string {
  const { steps, columns } = aligned(all);
  const header = ["step", ...all.map((series) => series.key)].map(csvCell).join(",");
  const rows = steps.map((step, row) => [step, ...columns.map((column) => column[row] ?? "")].join(","));
  return [header, ...rows, ""].join("\r\n");
}

function csvCell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function finiteOrNull(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

function sameSteps(a: readonly number[], b: readonly number[]): boolean {
  return a === b || (a.length === b.length && a.every((step, index) => step === b[index]));
}

/** Indexes of the lowest and highest finite value in [start, end). */
function extremes(values: readonly number[], start: number, end: number): number[] {
  let low = -1;
  let high = -1;
  for (let index = start; index < end; index += 1) {
    const value = values[index] ?? Number.NaN;
    if (!Number.isFinite(value)) continue;
    if (low < 0 || value < (values[low] ?? 0)) low = index;
    if (high < 0 || value > (values[high] ?? 0)) high = index;
  }
  return low < 0 ? [] : [low, high];
}
