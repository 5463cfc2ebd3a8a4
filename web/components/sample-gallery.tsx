import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Artifact } from "@simpletuner-cloud/contract/results.ts";
import { formatNumber } from "../i18n.ts";
import { IconButton } from "./button.tsx";
import { SampleCompare, type CompareMode } from "./sample-gallery-compare.tsx";
import {
  columnsAround,
  nearestStep,
  parsePins,
  sampleGrid,
  stepBeside,
  type SampleGrid,
} from "./sample-gallery-grid.ts";
import { LargeSample } from "./sample-gallery-large.tsx";
import { Picture } from "./sample-gallery-picture.tsx";
import { StepSlider } from "./sample-gallery-slider.tsx";
import { t } from "./sample-gallery-words.ts";

/** Where the gallery stands; its owner keeps it in the address. */
export interface GalleryPlace {
  /** Current step; null = the latest. */
  step: string | null;
  /** Two pinned steps as `250,2000`, or one that waits for its second. */
  pins: string | null;
  mode: CompareMode;
  /** Number of the sample that is open large, or null. */
  open: string | null;
}

/** Most rows drawn: more samples a step than this are scrolled to through the large view. */
const mostRows = 40;
const columnPx = 150;

/** Samples as a grid of what was drawn by training step, with a slider, a large view and a comparison of two steps. */
export function SampleGallery(props: {
  samples: readonly Artifact[];
  place: GalleryPlace;
  onPlace: (change: Partial<GalleryPlace>, replace: boolean) => void;
}) {
  const { place, onPlace } = props;
  const grid = useMemo(() => sampleGrid(props.samples), [props.samples]);
  const frame = useRef<HTMLDivElement>(null);
  const columnCount = useColumnCount(frame);
  const [row, setRow] = useState(grid.rows[0] ?? 0);
  const wanted = place.step === null ? Number.NaN : Number(place.step);
  const latest = grid.steps.at(-1) ?? 0;
  const step = Number.isNaN(wanted) ? latest : (nearestStep(grid.steps, wanted) ?? latest);
  const pins = parsePins(place.pins, grid.steps);
  const waiting = pins === null && place.pins !== null ? Number(place.pins) : null;

  const goTo = (next: number): void => onPlace({ step: next === latest ? null : String(next) }, true);
  const pin = (chosen: number): void => onPlace({ pins: pinsAfter(chosen, pins, waiting) }, false);
  const open = place.open === null ? null : Number(place.open);
  useFocusAfter(frame, open, step);
  return (
    <div class="gallery">
      <StepSlider steps={grid.steps} step={step} onStep={goTo} />
      {pins && (
        <SampleCompare
          grid={grid}
          pins={pins}
          row={grid.rows.includes(row) ? row : (grid.rows[0] ?? 0)}
          mode={place.mode}
          onRow={setRow}
          onMode={(mode) => onPlace({ mode }, true)}
          onPins={(next) => onPlace({ pins: next === null ? null : next.join(",") }, true)}
        />
      )}
      <p class="muted small">
        {pins === null && (waiting === null ? t("pin_hint") : t("pin_second", { step: waiting }))}{" "}
        <span class="gallery-keys">{t("keys")}</span>
      </p>
      <div ref={frame} class="gallery-frame">
        <Grid
          grid={grid}
          columns={columnsAround(grid.steps, step, columnCount)}
          current={step}
          pinned={pins ?? (waiting === null ? [] : [waiting])}
          onStep={goTo}
          onPin={pin}
          onOpen={(at, chosen) =>
            onPlace({ open: String(at), step: chosen === latest ? null : String(chosen) }, false)
          }
        />
      </div>
      <LargeSample
        grid={grid}
        row={open !== null && grid.rows.includes(open) ? open : null}
        step={step}
        onGo={(nextRow, nextStep) =>
          onPlace({ open: String(nextRow), step: nextStep === latest ? null : String(nextStep) }, true)
        }
        onClose={() => onPlace({ open: null }, true)}
      />
    </div>
  );
}

/** When the large view closes, focus goes to the picture it showed last; the one it was opened from may be gone. */
function useFocusAfter(frame: { current: HTMLElement | null }, open: number | null, step: number): void {
  const last = useRef<string | null>(null);
  useEffect(() => {
    if (open !== null) {
      last.current = `${open} ${step}`;
    } else if (last.current !== null) {
      frame.current?.querySelector<HTMLElement>(`[data-place="${last.current}"]`)?.focus();
      last.current = null;
    }
  }, [open, step]);
}

function pinsAfter(chosen: number, pins: [number, number] | null, waiting: number | null): string | null {
  if (pins?.includes(chosen)) return String(pins[0] === chosen ? pins[1] : pins[0]);
  if (waiting === chosen) return null;
  const first = pins?.[1] ?? waiting;
  return first === null ? String(chosen) : `${first},${chosen}`;
}

/** How many columns of pictures fit, at least 2. */
function useColumnCount(frame: { current: HTMLElement | null }): number {
  const [count, setCount] = useState(4);
  useEffect(() => {
    const element = frame.current;
    if (!element) return undefined;
    const observer = new ResizeObserver(() =>
      setCount(Math.max(2, Math.floor(element.clientWidth / columnPx))),
    );
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return count;
}

interface GridProps {
  grid: SampleGrid;
  columns: readonly number[];
  current: number;
  pinned: readonly number[];
  onStep: (step: number) => void;
  onPin: (step: number) => void;
  onOpen: (row: number, step: number) => void;
}

function Grid(props: GridProps) {
  const { grid, columns, current, pinned } = props;
  return (
    <table class="gallery-grid" aria-label={t("gallery")} style={{ "--columns": String(columns.length) }}>
      <thead>
        <tr>
          {columns.map((step) => (
            <th key={step} scope="col" class={step === current ? "is-current" : ""}>
              <span class="gallery-step">
                <span class="number">{t("step_n", { step: formatNumber(step) })}</span>
                <IconButton
                  icon="pin"
                  class={pinned.includes(step) ? "is-pinned" : ""}
                  aria-pressed={pinned.includes(step)}
                  label={t(pinned.includes(step) ? "unpin" : "pin", { step })}
                  onClick={() => props.onPin(step)}
                />
              </span>
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {grid.rows.slice(0, mostRows).map((row) => (
          <tr key={row}>
            {columns.map((step, place) => (
              <td key={step} class={step === current ? "is-current" : ""}>
                <Cell {...props} row={row} step={step} named={place === 0} />
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Cell({
  grid,
  row,
  step,
  named,
  onOpen,
  onStep,
}: GridProps & { row: number; step: number; named: boolean }) {
  const artifact = grid.at(row, step);
  if (!artifact) return <span class="picture-missing">{t("missing")}</span>;
  const onKeyDown = (event: KeyboardEvent & { currentTarget: HTMLElement }): void => {
    const moves: Record<string, [rowBy: number, stepBy: number]> = {
      ArrowLeft: [0, -1],
      ArrowRight: [0, 1],
      ArrowUp: [-1, 0],
      ArrowDown: [1, 0],
    };
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    const next = { row: stepBeside(grid.rows, row, move[0]), step: stepBeside(grid.steps, step, move[1]) };
    if (move[1] !== 0) onStep(next.step);
    const table = event.currentTarget.closest("table");
    // The column may only be drawn after the step changed.
    requestAnimationFrame(() => {
      table?.querySelector<HTMLElement>(`[data-place="${next.row} ${next.step}"]`)?.focus();
    });
  };
  return (
    <button
      type="button"
      class="gallery-cell"
      data-place={`${row} ${step}`}
      aria-label={t("open", { n: row + 1, step })}
      onClick={() => onOpen(row, step)}
      onKeyDown={onKeyDown}
    >
      <Picture artifact={artifact} alt="" />
      {named && <span class="gallery-name">{t("sample_n", { n: row + 1 })}</span>}
    </button>
  );
}
