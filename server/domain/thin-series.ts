/** A series as two equally long lists. */
export interface Series {
  steps: number[];
  values: number[];
}

/**
 * Thins a series to at most `points` by keeping the smallest and the largest value of each bucket, in order, so
 * that spikes stay visible. Shorter series come back as they are.
 */
export function thinSeries(series: Series, points: number): Series {
  const { steps, values } = series;
  if (steps.length <= points) return series;
  const buckets = Math.max(1, Math.floor(points / 2));
  const kept: number[] = [];
  for (let bucket = 0; bucket < buckets; bucket++) {
    const start = Math.floor((bucket * steps.length) / buckets);
    const end = Math.floor(((bucket + 1) * steps.length) / buckets);
    let low = start;
    let high = start;
    for (let index = start; index < end; index++) {
      if ((values[index] as number) < (values[low] as number)) low = index;
      if ((values[index] as number) > (values[high] as number)) high = index;
    }
    kept.push(Math.min(low, high));
    if (low !== high) kept.push(Math.max(low, high));
  }
  return {
    steps: kept.map((index) => steps[index] as number),
    values: kept.map((index) => values[index] as number),
  };
}
