import { useMemo } from "preact/hooks";
import type { Job, JobEvent } from "@simpletuner-cloud/contract/jobs.ts";
import { Button, IconButton } from "../../components/button.tsx";
import { EmptyState } from "../../components/empty-state.tsx";
import { ErrorBox, Notice } from "../../components/error-box.tsx";
import { saveAs } from "../../components/json-view-save.ts";
import type { PlotMark } from "../../components/line-chart-plot.ts";
import { csvOf, within } from "../../components/line-chart-series.ts";
import { LineChart } from "../../components/line-chart.tsx";
import { Skeleton } from "../../components/skeleton.tsx";
import { route, setQuery } from "../../router.ts";
import { useMetricDetail, type JobMetrics } from "./job-metrics.ts";
import { lastStep, type Metrics } from "./metric-loading.ts";
import { t } from "./result-words.ts";
import { movedRange, rangeOfQuery, zoomedRange, type StepRange } from "./step-range.ts";

const order = ["loss", "learning_rate", "steps_per_second", "grad_norm"] as const;
const defaultSmoothing = 0.9;

function chartName(key: string): string {
  const known = order.find((name) => name === key);
  return known ? t(`chart_${known}`) : key;
}

function smoothingOf(text: string | null): number {
  const value = text === null ? defaultSmoothing : Number(text);
  return Number.isFinite(value) ? Math.max(0, Math.min(value, 0.999)) : defaultSmoothing;
}

/** Curves of what the job measured. Smoothing, axis and range stand in the address. */
export function JobCharts(props: { job: Job; events: readonly JobEvent[] | null; metrics: JobMetrics }) {
  const { job, metrics } = props;
  const { query } = route.value;
  const range = rangeOfQuery(query.get("from"), query.get("to"));
  const smoothing = smoothingOf(query.get("smooth"));
  const logY = query.get("log") === "1";
  const detail = useMetricDetail(job.job_id, metrics.data, range);
  const marks = useMemo(() => marksOf(props.events ?? []), [props.events]);
  if (metrics.error && !metrics.data) {
    return <ErrorBox error={metrics.error} title={t("charts_failed")} onRetry={metrics.reload} />;
  }
  if (!metrics.data) return <Skeleton lines={3} height="16rem" />;
  const last = lastStep(metrics.data);
  if (last === null) {
    return (
      <EmptyState
        icon="chart"
        title={t("charts_empty_title")}
        text={t(job.is_active ? "charts_empty_wait" : "charts_empty_end")}
      />
    );
  }
  const shown: Metrics = detail ?? metrics.data;
  const setRange = (next: StepRange | null): void =>
    setQuery({ from: next ? String(next.from) : null, to: next ? String(next.to) : null });
  const whole = { from: 0, to: last };
  return (
    <div class="stack">
      <ChartControls
        smoothing={smoothing}
        logY={logY}
        range={range}
        whole={whole}
        onRange={setRange}
        onCsv={() => saveAs(`${job.name}-metrics.csv`, "text/csv", csvText(shown, range))}
      />
      {!metrics.data.complete && !detail && <Notice kind="info">{t("thinned")}</Notice>}
      <div class="charts">
        {keysOf(shown).map((key, place) => {
          const series = shown.series.get(key);
          return (
            series && (
              <section key={key} class={`panel ${key === "loss" ? "chart-wide" : ""}`}>
                <LineChart
                  name={chartName(key)}
                  series={series}
                  colour={`--series-${(place % 8) + 1}`}
                  smoothing={key === "learning_rate" ? 0 : smoothing}
                  logY={logY && key !== "steps_per_second"}
                  range={range}
                  onRange={setRange}
                  marks={marks}
                  group={job.job_id}
                />
              </section>
            )
          );
        })}
      </div>
      {marks.length > 0 && (
        <p class="chart-marks muted small">
          <span class="chart-mark-checkpoint">{t("mark_checkpoint")}</span>
          <span class="chart-mark-sample">{t("mark_sample")}</span>
        </p>
      )}
    </div>
  );
}

function keysOf(metrics: Metrics): string[] {
  const keys = [...metrics.series.keys()];
  const rank = (key: string): number => {
    const place = order.findIndex((name) => name === key);
    return place < 0 ? order.length : place;
  };
  return keys.sort((a, b) => rank(a) - rank(b));
}

function marksOf(events: readonly JobEvent[]): PlotMark[] {
  const marks = new Map<string, PlotMark>();
  for (const event of events) {
    const { step } = event.data;
    const kind =
      event.type === "job.checkpoint" ? "checkpoint" : event.type === "job.sample" ? "sample" : null;
    if (kind && typeof step === "number") marks.set(`${kind} ${step}`, { step, kind });
  }
  return [...marks.values()];
}

function csvText(metrics: Metrics, range: StepRange | null): string {
  return csvOf(
    keysOf(metrics).flatMap((key) => {
      const series = metrics.series.get(key);
      return series ? [{ key, ...within(series, range?.from ?? null, range?.to ?? null) }] : [];
    }),
  );
}

interface ControlProps {
  smoothing: number;
  logY: boolean;
  range: StepRange | null;
  whole: StepRange;
  onRange: (range: StepRange | null) => void;
  onCsv: () => void;
}

function ChartControls(props: ControlProps) {
  const { smoothing } = props;
  return (
    <div class="chart-controls panel">
      <label>
        {t("smoothing")}
        <input
          class="range"
          type="range"
          min={0}
          max={0.99}
          step={0.01}
          value={smoothing}
          aria-valuetext={smoothing === 0 ? t("smoothing_off") : String(smoothing)}
          onInput={(event) => setQuery({ smooth: event.currentTarget.value }, { replace: true })}
        />
        <output class="number">{smoothing === 0 ? t("smoothing_off") : smoothing.toFixed(2)}</output>
      </label>
      <Button
        size="small"
        icon={props.logY ? "check" : "minus"}
        aria-pressed={props.logY}
        onClick={() => setQuery({ log: props.logY ? null : "1" }, { replace: true })}
      >
        {t("log_y")}
      </Button>
      <RangeControls {...props} />
      <Button size="small" icon="download" onClick={props.onCsv}>
        {t("csv")}
      </Button>
    </div>
  );
}

/** Everything that dragging over a chart does, for keys and exact numbers. */
function RangeControls({ range, whole, onRange }: ControlProps) {
  const shown = range ?? whole;
  const setBorder = (change: Partial<StepRange>): void => {
    const next = { ...shown, ...change };
    if (Number.isFinite(next.from) && Number.isFinite(next.to) && next.from < next.to) onRange(next);
  };
  const zoom = (factor: number): void => onRange(zoomedRange(shown, whole, factor));
  const move = (share: number): void => onRange(movedRange(shown, whole, share));
  return (
    <>
      <span class="chart-borders">
        <label>
          {t("from")}
          <input
            class="input"
            type="number"
            min={0}
            value={shown.from}
            onChange={(event) => setBorder({ from: Number(event.currentTarget.value) })}
          />
        </label>
        <label>
          {t("to")}
          <input
            class="input"
            type="number"
            min={1}
            value={shown.to}
            onChange={(event) => setBorder({ to: Number(event.currentTarget.value) })}
          />
        </label>
      </span>
      <span class="row chart-zoom">
        <IconButton icon="plus" label={t("zoom_in")} onClick={() => zoom(0.5)} />
        <IconButton icon="minus" label={t("zoom_out")} onClick={() => zoom(2)} disabled={!range} />
        <IconButton icon="chevronLeft" label={t("pan_left")} onClick={() => move(-0.5)} disabled={!range} />
        <IconButton icon="chevronRight" label={t("pan_right")} onClick={() => move(0.5)} disabled={!range} />
        <Button size="small" onClick={() => onRange(null)} disabled={!range}>
          {t("whole")}
        </Button>
      </span>
    </>
  );
}
