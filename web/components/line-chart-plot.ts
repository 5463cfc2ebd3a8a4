import uPlot from "uplot";

/** One line of a plot; colours are names of CSS custom properties, so that it recolours with the theme. */
export interface PlotLine {
  colour: string;
  width: number;
  /** 0..1; the raw line under a smoothed one is faint. */
  opacity: number;
  dash?: number[];
}

/** A mark on the step axis. */
export interface PlotMark {
  step: number;
  kind: "checkpoint" | "sample";
}

/** What a plot draws. */
export interface PlotState {
  steps: readonly number[];
  columns: readonly (readonly (number | null)[])[];
  lines: readonly PlotLine[];
  logY: boolean;
  range: { from: number; to: number } | null;
  marks: readonly PlotMark[];
  formatValue: (value: number) => string;
  formatStep: (step: number) => string;
}

/** A drawn plot. */
export interface Plot {
  update: (state: PlotState) => void;
  /** Draws again with the colours that hold now. */
  recolour: () => void;
  destroy: () => void;
}

/** What a plot tells: a range that was dragged, and the index under the pointer (null when it left). */
export interface PlotListener {
  onRange: (from: number, to: number) => void;
  onPointer: (index: number | null) => void;
}

const heightPx = 260;

/** Draws `state` into `host` and follows its width. Pointers of plots with the same `group` move together. */
export function drawPlot(host: HTMLElement, first: PlotState, group: string, listener: PlotListener): Plot {
  let state = first;
  let plot = make();
  const resize = new ResizeObserver(() => {
    if (host.clientWidth !== plot.width) plot.setSize({ width: host.clientWidth, height: heightPx });
  });
  resize.observe(host);

  function make(): uPlot {
    const options = plotOptions(host, () => state, group, listener);
    return new uPlot(options, dataOf(state), host);
  }

  return {
    update(next) {
      const rebuild = next.logY !== state.logY || next.lines.length !== state.lines.length;
      state = next;
      if (rebuild) {
        plot.destroy();
        plot = make();
        return;
      }
      plot.setData(dataOf(state), true);
    },
    recolour: () => plot.redraw(false, true),
    destroy() {
      resize.disconnect();
      plot.destroy();
    },
  };
}

/** A logarithmic axis has no place for zero and below; such values are left out there. */
function dataOf(state: PlotState): uPlot.AlignedData {
  const columns = state.logY
    ? state.columns.map((column) => column.map((value) => (value !== null && value > 0 ? value : null)))
    : state.columns;
  return [[...state.steps], ...columns.map((column) => [...column])];
}

function plotOptions(
  host: HTMLElement,
  current: () => PlotState,
  group: string,
  listener: PlotListener,
): uPlot.Options {
  const colour = (name: string): string => getComputedStyle(host).getPropertyValue(name).trim();
  const font = (): string => `13px ${getComputedStyle(host).fontFamily}`;
  const axis = (format: (value: number) => string, size: number): uPlot.Axis => ({
    stroke: () => colour("--muted"),
    grid: { stroke: () => colour("--hairline"), width: 1 },
    ticks: { stroke: () => colour("--hairline"), width: 1, size: 4 },
    font: font(),
    size,
    values: (_, values) => values.map((value) => (value === null ? "" : format(value))),
  });
  const state = current();
  return {
    width: host.clientWidth,
    height: heightPx,
    padding: [12, 16, 0, 0],
    legend: { show: false },
    scales: {
      x: { time: false, range: (_, min, max) => stepRange(current(), min, max) },
      // Not whole decades: a loss between 0.1 and 0.3 would be a flat line in them.
      y: state.logY ? { distr: 3, log: 10, range: (_, min, max) => uPlot.rangeLog(min, max, 10, false) } : {},
    },
    series: [{}, ...state.lines.map((line) => lineOptions(line, colour))],
    axes: [axis((step) => current().formatStep(step), 34), axis((value) => current().formatValue(value), 64)],
    cursor: {
      sync: { key: group, setSeries: false },
      drag: { x: true, y: false, dist: 6, setScale: false },
      points: { size: 7 },
    },
    hooks: {
      drawClear: [(plot) => drawMarks(plot, current().marks, colour)],
      setSelect: [(plot) => tellRange(plot, listener)],
      setCursor: [
        (plot) =>
          listener.onPointer(
            plot.cursor.left === undefined || plot.cursor.left < 0 ? null : (plot.cursor.idx ?? null),
          ),
      ],
    },
  };
}

function stepRange({ range }: PlotState, min: number | null, max: number | null): [number, number] {
  if (range) return [range.from, range.to];
  const low = min ?? 0;
  const high = max ?? 1;
  return low === high ? [low - 1, high + 1] : [low, high];
}

function lineOptions(line: PlotLine, colour: (name: string) => string): uPlot.Series {
  const stroke = (): string => withOpacity(colour(line.colour), line.opacity);
  return {
    stroke,
    width: line.width,
    spanGaps: true,
    points: { show: (plot, index) => isSparse(plot, index), size: 5, stroke, fill: stroke },
    ...(line.dash && { dash: line.dash }),
  };
}

/** A line of one or two points would be invisible without them. */
function isSparse(plot: uPlot, index: number): boolean {
  const column = plot.data[index] ?? [];
  let found = 0;
  for (const value of column) {
    if (value !== null && value !== undefined) found += 1;
    if (found > 2) return false;
  }
  return true;
}

function withOpacity(colour: string, opacity: number): string {
  if (opacity >= 1 || !/^#[0-9a-f]{6}$/i.test(colour)) return colour;
  return `${colour}${Math.round(opacity * 255)
    .toString(16)
    .padStart(2, "0")}`;
}

function tellRange(plot: uPlot, listener: PlotListener): void {
  const { left, width } = plot.select;
  if (width < 6) return;
  const from = Math.max(0, Math.floor(plot.posToVal(left, "x")));
  const to = Math.ceil(plot.posToVal(left + width, "x"));
  plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  if (to > from) listener.onRange(from, to);
}

/** Checkpoints as solid lines with a filled square, samples as short dashed ones with a ring: shape, not only colour. */
function drawMarks(plot: uPlot, marks: readonly PlotMark[], colour: (name: string) => string): void {
  const { ctx, bbox } = plot;
  const scale = devicePixelRatio;
  const { min, max } = plot.scales["x"] ?? {};
  if (min === undefined || max === undefined) return;
  ctx.save();
  ctx.lineWidth = scale;
  for (const mark of marks) {
    if (mark.step < min || mark.step > max) continue;
    const x = Math.round(plot.valToPos(mark.step, "x", true));
    const isCheckpoint = mark.kind === "checkpoint";
    const paint = colour(isCheckpoint ? "--series-3" : "--series-5");
    ctx.strokeStyle = withOpacity(paint, 0.55);
    ctx.fillStyle = paint;
    ctx.setLineDash(isCheckpoint ? [] : [3 * scale, 4 * scale]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.setLineDash([]);
    const half = 4 * scale;
    if (isCheckpoint) ctx.fillRect(x - half, bbox.top - half, 2 * half, 2 * half);
    else {
      ctx.strokeStyle = paint;
      ctx.beginPath();
      ctx.arc(x, bbox.top + bbox.height, half, 0, 2 * Math.PI);
      ctx.stroke();
    }
  }
  ctx.restore();
}
