import { smoothed, thinned, type StepSeries } from "./line-chart-series.ts";

const width = 240;
const height = 56;
/** How much the bold line is smoothed; the measured one lies faintly under it. */
const smoothing = 0.9;

/** A small curve without axes, named by `label`; nothing when there are fewer than two points. */
export function Spark({ series, label }: { series: StepSeries; label: string }) {
  const few = thinned(series, width);
  if (few.steps.length < 2) return null;
  const finite = few.values.filter((value) => Number.isFinite(value));
  const scale = { low: Math.min(...finite), high: Math.max(...finite) };
  const smooth = thinned({ steps: series.steps, values: smoothed(series, smoothing) }, width);
  return (
    <svg
      class="spark"
      viewBox={`0 0 ${width} ${height}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      <polyline class="spark-raw" points={pointsOf(few, scale)} />
      <polyline points={pointsOf(smooth, scale)} />
    </svg>
  );
}

function pointsOf({ steps, values }: StepSeries, { low, high }: { low: number; high: number }): string {
  const [first = 0] = steps;
  const span = (steps.at(-1) ?? 1) - first || 1;
  const points = steps.map((step, index) => {
    const x = ((step - first) / span) * width;
    const y = height - 3 - (((values[index] ?? low) - low) / (high - low || 1)) * (height - 6);
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  });
  return points.join(" ");
}
