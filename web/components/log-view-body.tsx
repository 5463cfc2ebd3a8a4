import { useEffect, useLayoutEffect, useReducer, useRef, useState } from "preact/hooks";
import type { LogPages } from "./log-view-pages.ts";
import { LogRow } from "./log-view-row.tsx";
import {
  isScaled,
  positionAtRow,
  positionOf,
  rangePx,
  scrollHeightPx,
  scrollTopOf,
  windowAt,
  type LogArea,
} from "./log-view-scroll.ts";
import { t } from "./log-view-words.ts";

const overscanRows = 6;

/** What the scrolled part of the log shows and tells. */
export interface LogBodyProps {
  pages: LogPages;
  /** Grows with every change of `pages`. */
  revision: number;
  query: string;
  wrap: boolean;
  times: boolean;
  range: { from: number; to: number } | null;
  currentLine: number | null;
  follow: boolean;
  onFollow: (follow: boolean) => void;
  /** Scrolls to `row` whenever `at` changes. */
  jump: { row: number; at: number } | null;
  hrefOf: (line: number) => string;
  onNumber: (line: number, extend: boolean) => void;
  /** Told after every drawing: the rows on screen. */
  onShown: (first: number, end: number) => void;
  onFind: () => void;
}

/** Where the log stands, and how it is moved. */
interface LogPlace {
  area: LogArea;
  position: number;
  moveTo: (position: number) => void;
  onScroll: () => void;
}

/** Keeps the place in the log and the scroll bar in step; `settle` is called after every drawing. */
function useLogPlace(
  props: LogBodyProps,
  scroller: { current: HTMLDivElement | null },
): LogPlace & { settle: () => void } {
  const position = useRef(0);
  const ownScroll = useRef(false);
  const jumped = useRef(0);
  const [size, setSize] = useState({ viewportPx: 600, rowPx: 20 });
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  const area: LogArea = { rows: props.pages.rows, ...size };
  const range = rangePx(area);
  if (props.jump && props.jump.at !== jumped.current && area.rows > props.jump.row) {
    jumped.current = props.jump.at;
    position.current = positionAtRow(area, props.jump.row);
  } else {
    position.current = props.follow ? range : Math.min(position.current, range);
  }
  useEffect(() => followSize(scroller.current, setSize), []);
  const moveTo = (next: number): void => {
    const bounded = Math.max(0, Math.min(next, range));
    if (bounded < position.current && props.follow) props.onFollow(false);
    if (bounded >= range - 1 && bounded > position.current) props.onFollow(true);
    position.current = bounded;
    redraw(undefined);
  };
  return {
    area,
    position: position.current,
    moveTo,
    onScroll: () => {
      const top = scroller.current?.scrollTop ?? 0;
      const own = ownScroll.current && Math.abs(top - scrollTopOf(area, position.current)) <= 1;
      ownScroll.current = false;
      if (!own) moveTo(positionOf(area, top));
    },
    settle: () => {
      const box = scroller.current;
      const top = scrollTopOf(area, position.current);
      if (!box || Math.abs(box.scrollTop - top) <= 1) return;
      ownScroll.current = true;
      box.scrollTop = top;
    },
  };
}

/** The rows of a log of any length in a constant number of elements. */
export function LogBody(props: LogBodyProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const rowsBox = useRef<HTMLDivElement>(null);
  const place = useLogPlace(props, scroller);
  const { area, position, moveTo } = place;
  const shown = windowAt(area, position, overscanRows);
  useLayoutEffect(() => {
    place.settle();
    alignRows(rowsBox.current, shown);
    props.pages.need(shown.first, shown.end);
    const { viewportPx, rowPx } = area;
    const firstSeen = Math.floor(shown.anchorRow + shown.anchorShare - shown.anchorPx / rowPx);
    props.onShown(
      Math.max(shown.first, firstSeen),
      Math.min(shown.end, firstSeen + Math.ceil(viewportPx / rowPx)),
    );
  });
  useWheel(scroller, isScaled(area), (deltaPx) => moveTo(position + deltaPx));
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.target !== event.currentTarget) return;
    const next = event.key === "/" ? null : placeAfter(event, area, position);
    if (next === undefined) return;
    event.preventDefault();
    if (next === null) props.onFind();
    else moveTo(next);
  };
  return (
    <div
      ref={scroller}
      class={`log-scroller ${props.wrap ? "log-wrapped" : ""}`}
      role="region"
      aria-label={t("log")}
      aria-describedby="log-keys"
      tabIndex={0}
      dir="ltr"
      onScroll={place.onScroll}
      onKeyDown={onKeyDown}
    >
      <div class="log-space" style={{ blockSize: `${scrollHeightPx(area)}px` }}>
        <div class="log-window" style={{ blockSize: `${area.viewportPx}px` }}>
          <div ref={rowsBox} class="log-rows">
            {Array.from({ length: shown.end - shown.first }, (_, index) => (
              <BodyRow key={shown.first + index} row={shown.first + index} body={props} />
            ))}
          </div>
        </div>
      </div>
    </div>
  );
}

function BodyRow({ row, body }: { row: number; body: LogBodyProps }) {
  const line = body.pages.line(row);
  const number = line?.line ?? -1;
  const { range } = body;
  return (
    <LogRow
      line={line}
      href={line ? body.hrefOf(number) : null}
      look={{
        query: body.query,
        times: body.times,
        chosen: range !== null && number >= range.from && number <= range.to,
        current: number === body.currentLine,
      }}
      onNumber={body.onNumber}
    />
  );
}

/** Where a key leads from `position`; undefined for keys that do not scroll. */
function placeAfter(event: KeyboardEvent, area: LogArea, position: number): number | undefined {
  const pagePx = area.viewportPx - area.rowPx;
  const moves: Record<string, number> = {
    ArrowDown: position + area.rowPx,
    ArrowUp: position - area.rowPx,
    PageDown: position + pagePx,
    PageUp: position - pagePx,
    " ": position + (event.shiftKey ? -pagePx : pagePx),
    Home: 0,
    End: rangePx(area),
  };
  return moves[event.key];
}

/** Puts the anchor row where it belongs; rows above and below lie around it in their real heights. */
function alignRows(box: HTMLDivElement | null, shown: ReturnType<typeof windowAt>): void {
  const anchor = box?.children[shown.anchorRow - shown.first];
  if (!box || !(anchor instanceof HTMLElement)) return;
  const offset = shown.anchorPx - anchor.offsetTop - shown.anchorShare * anchor.offsetHeight;
  box.style.transform = `translateY(${offset}px)`;
}

/** Tells the height of the viewport and of a row now and whenever they change. */
function followSize(
  box: HTMLDivElement | null,
  tell: (size: { viewportPx: number; rowPx: number }) => void,
): (() => void) | undefined {
  if (!box) return undefined;
  const measure = (): void => {
    const rowPx = Number.parseFloat(getComputedStyle(box).lineHeight) || 20;
    tell({ viewportPx: Math.max(1, box.clientHeight), rowPx });
  };
  measure();
  const observer = new ResizeObserver(measure);
  observer.observe(box);
  return () => observer.disconnect();
}

/** Where one px of the scroll bar is many lines, the wheel moves the log itself, so that no line is jumped over. */
function useWheel(
  scroller: { current: HTMLDivElement | null },
  active: boolean,
  move: (deltaPx: number) => void,
): void {
  const latest = useRef(move);
  latest.current = move;
  useEffect(() => {
    const box = scroller.current;
    if (!box || !active) return undefined;
    const onWheel = (event: WheelEvent): void => {
      if (event.ctrlKey || Math.abs(event.deltaY) <= Math.abs(event.deltaX)) return;
      event.preventDefault();
      const unit = event.deltaMode === 1 ? 20 : event.deltaMode === 2 ? box.clientHeight : 1;
      latest.current(event.deltaY * unit);
    };
    box.addEventListener("wheel", onWheel, { passive: false });
    return () => box.removeEventListener("wheel", onWheel);
  }, [active]);
}
