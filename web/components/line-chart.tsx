import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { asError } from "../api.ts";
import { formatNumber, formatSignificant } from "../i18n.ts";
import { resolvedTheme } from "../theme.ts";
import { ErrorBox } from "./error-box.tsx";
import type { Plot, PlotLine, PlotMark, PlotState } from "./line-chart-plot.ts";
import { aligned, sampledEvenly, smoothed, summary, within, type StepSeries } from "./line-chart-series.ts";
import { t } from "./line-chart-words.ts";

/** One measured series as a chart: raw and smoothed line, marks, a table and a summary in words. */
export interface LineChartProps {
  name: string;
  series: StepSeries;
  /** CSS custom property of the line's colour. */
  colour: string;
  /** Weight of the moving average, 0 = only the raw line. */
  smoothing: number;
  logY: boolean;
  range: { from: number; to: number } | null;
  onRange: (range: { from: number; to: number }) => void;
  marks: readonly PlotMark[];
  /** Charts of one group move their pointers together. */
  group: string;
}

/** A chart of one series over steps. */
export function LineChart(props: LineChartProps) {
  const { name, series, smoothing } = props;
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<Plot | null>(null);
  const [pointer, setPointer] = useState<number | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const state = useMemo(
    () => stateOf(props),
    [series, smoothing, props.logY, props.range?.from, props.range?.to, props.marks, props.colour],
  );
  const latest = useRef({ state, onRange: props.onRange });
  latest.current = { state, onRange: props.onRange };

  useEffect(() => {
    let gone = false;
    import("./line-chart-plot.ts").then(
      ({ drawPlot }) => {
        if (gone || !host.current) return;
        plot.current = drawPlot(host.current, latest.current.state, props.group, {
          onRange: (from, to) => latest.current.onRange({ from, to }),
          onPointer: setPointer,
        });
      },
      (thrown: unknown) => setError(asError(thrown)),
    );
    return () => {
      gone = true;
      plot.current?.destroy();
      plot.current = null;
    };
  }, [props.group]);
  useEffect(() => plot.current?.update(state), [state]);
  const theme = resolvedTheme.value;
  useEffect(() => {
    // The custom properties change with the attribute that an effect of the theme sets in this same turn.
    const frame = requestAnimationFrame(() => plot.current?.recolour());
    return () => cancelAnimationFrame(frame);
  }, [theme]);

  const words = summaryText(name, within(series, props.range?.from ?? null, props.range?.to ?? null));
  return (
    <figure class="chart">
      {error && <ErrorBox error={error} />}
      <Readout name={name} state={state} smoothing={smoothing} index={pointer} colour={props.colour} />
      <div ref={host} class="chart-plot" role="img" aria-label={words} dir="ltr" />
      <figcaption class="chart-summary">{words}</figcaption>
      <ChartTable name={name} state={state} smoothing={smoothing} />
    </figure>
  );
}

function stateOf(props: LineChartProps): PlotState {
  const { series, smoothing } = props;
  const lines: PlotLine[] =
    smoothing > 0
      ? [
          { colour: props.colour, width: 1, opacity: 0.32 },
          { colour: props.colour, width: 2, opacity: 1 },
        ]
      : [{ colour: props.colour, width: 2, opacity: 1 }];
  const shown =
    smoothing > 0 ? [series, { steps: series.steps, values: smoothed(series, smoothing) }] : [series];
  const { steps, columns } = aligned(shown);
  return {
    steps,
    columns,
    lines,
    logY: props.logY,
    range: props.range,
    marks: props.marks,
    formatValue: (value) => formatSignificant(value, 3),
    formatStep: (step) => formatNumber(step, 0),
  };
}

/** The chart's name and the value under the pointer, or the last one. */
function Readout(props: {
  name: string;
  state: PlotState;
  smoothing: number;
  index: number | null;
  colour: string;
}) {
  const { steps, columns } = props.state;
  const at = props.index === null ? steps.length - 1 : Math.min(props.index, steps.length - 1);
  const value = (column: number): string => {
    const found = columns[column]?.[at];
    return found === null || found === undefined ? "–" : formatSignificant(found, 4);
  };
  return (
    <div class="chart-readout">
      <h3>{props.name}</h3>
      {at >= 0 && (
        <p class="number">
          {props.smoothing > 0 && (
            <span class="chart-key">
              <span class="chart-swatch" style={{ background: `var(${props.colour})` }} />
              {t("smooth")} <strong>{value(1)}</strong>
            </span>
          )}
          <span class="chart-key">
            <span
              class={`chart-swatch ${props.smoothing > 0 ? "chart-swatch-faint" : ""}`}
              style={{ background: `var(${props.colour})` }}
            />
            {t("raw")} <strong>{value(0)}</strong>
          </span>
          <span class="muted">
            {t("step")} {formatNumber(steps[at] ?? 0)}
          </span>
        </p>
      )}
    </div>
  );
}

function summaryText(name: string, series: StepSeries): string {
  const found = summary(series);
  if (!found) return t("summary_none", { name });
  return t("summary", {
    name,
    first: formatSignificant(found.first.value),
    firstStep: found.first.step,
    last: formatSignificant(found.last.value),
    lastStep: found.last.step,
    min: formatSignificant(found.min.value),
    minStep: found.min.step,
    max: formatSignificant(found.max.value),
    maxStep: found.max.step,
  });
}

const tableRows = 100;

/** The same numbers as text; made only when it is opened. */
function ChartTable({ name, state, smoothing }: { name: string; state: PlotState; smoothing: number }) {
  const [open, setOpen] = useState(false);
  return (
    <details class="chart-table" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{t("table")}</summary>
      {open && <TableBody name={name} state={state} smoothing={smoothing} />}
    </details>
  );
}

function TableBody({ name, state, smoothing }: { name: string; state: PlotState; smoothing: number }) {
  const { range, steps } = state;
  const from = range?.from ?? null;
  const raw = within({ steps, values: columnOf(state, 0) }, from, range?.to ?? null);
  const smooth = within({ steps, values: columnOf(state, 1) }, from, range?.to ?? null);
  const rows = sampledEvenly(raw, tableRows);
  const smoothRows = sampledEvenly(smooth, tableRows);
  return (
    <>
      {rows.steps.length < raw.steps.length && (
        <p class="muted small">{t("table_part", { rows: rows.steps.length, total: raw.steps.length })}</p>
      )}
      <div class="chart-table-scroll" tabIndex={0} role="region" aria-label={name}>
        <table class="table">
          <thead>
            <tr>
              <th scope="col">{t("step")}</th>
              <th scope="col">{name}</th>
              {smoothing > 0 && <th scope="col">{t("smooth")}</th>}
            </tr>
          </thead>
          <tbody>
            {rows.steps.map((step, row) => (
              <tr key={step}>
                <th scope="row">{formatNumber(step)}</th>
                <td>{valueText(rows.values[row])}</td>
                {smoothing > 0 && <td>{valueText(smoothRows.values[row])}</td>}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function columnOf(state: PlotState, column: number): number[] {
  return (state.columns[column] ?? []).map((value) => value ?? Number.NaN);
}

function valueText(value: number | undefined): string {
  return value === undefined || Number.isNaN(value) ? "–" : formatSignificant(value, 5);
}
