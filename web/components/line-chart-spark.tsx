import { thinned, type StepSeries } from "./line-chart-series.ts";

const width = 240;
const height = 56;

/** A small curve without axes, named by `label`; nothing when there are fewer than two points. */
export function Spark({ series, label }: { series: StepSeries; label: string }) {
  const { steps, values } = thinned(series, width);
  if (steps.length < 2) return null;
  const finite = values.filter((value) => Number.isFinite(value));
  const low = Math.min(...finite);
  const high = Math.max(...finite);
  const [first = 0] = steps;
  const span = (steps.at(-1) ?? 1) - first || 1;
  const points = steps.map((step, index) => {
    const x = ((step - first) / span) * width;
    const y = height - 3 - (((values[index] ?? low) - low) / (high - low || 1)) * (height - 6);
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  });
  return (
    <svg
      class="spark"
      viewBox={`0 0 ${width} ${height}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      <polyline points={points.join(" ")} />
    </svg>
  );
}
