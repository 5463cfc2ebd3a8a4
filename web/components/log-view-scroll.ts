/**
 * Tallest element a browser lays out without losing rows, in CSS px. Firefox gives up first, near 17.8 million;
 * half of that leaves room for page zoom.
 */
export const tallestPx = 8_000_000;

/** What the log's scrolling is computed from; heights in CSS px. */
export interface LogArea {
  rows: number;
  /** Height of one unwrapped row: the least a row can have. */
  rowPx: number;
  viewportPx: number;
}

/** Row range to draw and the point that ties it to the viewport. */
export interface LogWindow {
  /** First row drawn, and the row after the last one. */
  first: number;
  end: number;
  /** The row that lies at `anchorPx` below the viewport's top… */
  anchorRow: number;
  /** …counted from this share (0..1) of the row's own height. */
  anchorShare: number;
  anchorPx: number;
}

/** How far the log can be scrolled when every row has its least height, px. */
export function rangePx(area: LogArea): number {
  return Math.max(0, area.rows * area.rowPx - area.viewportPx);
}

/** Height of the scrolled element: all rows, or {@link tallestPx} where they would be taller than that. */
export function scrollHeightPx(area: LogArea): number {
  return Math.max(area.viewportPx, Math.min(area.rows * area.rowPx, tallestPx));
}

/** True when one px of the scroll bar stands for more than one px of log. */
export function isScaled(area: LogArea): boolean {
  return area.rows * area.rowPx > tallestPx;
}

/** Place in the log (0..{@link rangePx}) for the element's `scrollTop`. */
export function positionOf(area: LogArea, scrollTop: number): number {
  const scrollRange = scrollHeightPx(area) - area.viewportPx;
  return scrollRange <= 0 ? 0 : (Math.max(0, Math.min(scrollTop, scrollRange)) / scrollRange) * rangePx(area);
}

/** The `scrollTop` that shows `position`; inverse of {@link positionOf}. */
export function scrollTopOf(area: LogArea, position: number): number {
  const range = rangePx(area);
  const scrollRange = scrollHeightPx(area) - area.viewportPx;
  return range <= 0 ? 0 : (Math.max(0, Math.min(position, range)) / range) * scrollRange;
}

/** Place in the log at which `row` stands in the middle of the viewport (or as near as the ends allow). */
export function positionAtRow(area: LogArea, row: number): number {
  const wanted = row * area.rowPx + area.rowPx / 2 - area.viewportPx / 2;
  return Math.max(0, Math.min(wanted, rangePx(area)));
}

/**
 * Which rows to draw at `position`. The share of the way through the log is also the share of the viewport at which the
 * row there is anchored: with rows of equal height that is ordinary scrolling to the pixel, and with wrapped rows of
 * unknown height the first row still starts at the top and the last one still ends at the bottom.
 */
export function windowAt(area: LogArea, position: number, overscanRows: number): LogWindow {
  const range = rangePx(area);
  const share = range === 0 ? 0 : Math.max(0, Math.min(position / range, 1));
  const place = share * area.rows;
  const anchorRow = Math.max(0, Math.min(Math.floor(place), area.rows - 1));
  const anchorPx = share * area.viewportPx;
  const above = Math.ceil(anchorPx / area.rowPx) + overscanRows;
  const below = Math.ceil((area.viewportPx - anchorPx) / area.rowPx) + overscanRows;
  return {
    first: Math.max(0, anchorRow - above),
    end: Math.min(area.rows, anchorRow + below + 1),
    anchorRow,
    anchorShare: Math.max(0, Math.min(place - anchorRow, 1)),
    anchorPx,
  };
}

/** Parses `123` or `120-140` of the address; null when it names no line. Lines count from 1. */
export function parseLineRange(text: string | null | undefined): { from: number; to: number } | null {
  const match = /^L?(\d{1,9})(?:-L?(\d{1,9}))?$/.exec(text ?? "");
  if (!match) return null;
  const one = Number(match[1]);
  const other = Number(match[2] ?? match[1]);
  if (one < 1 || other < 1) return null;
  return { from: Math.min(one, other), to: Math.max(one, other) };
}

/** The address form of a line range: `123` or `120-140`. */
export function lineRangeText(range: { from: number; to: number }): string {
  return range.from === range.to ? String(range.from) : `${range.from}-${range.to}`;
}
