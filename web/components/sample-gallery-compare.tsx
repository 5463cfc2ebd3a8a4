import { useRef, useState } from "preact/hooks";
import { formatNumber } from "../i18n.ts";
import { Button, IconButton } from "./button.tsx";
import type { SampleGrid } from "./sample-gallery-grid.ts";
import { Picture } from "./sample-gallery-picture.tsx";
import { t } from "./sample-gallery-words.ts";

/** How two steps are held against each other. */
export type CompareMode = "wipe" | "side";

/** Two steps of one sample against each other: a border to move over both, or one beside the other. */
export function SampleCompare(props: {
  grid: SampleGrid;
  pins: [number, number];
  row: number;
  mode: CompareMode;
  onRow: (row: number) => void;
  onMode: (mode: CompareMode) => void;
  onPins: (pins: [number, number] | null) => void;
}) {
  const { grid, pins, row, mode } = props;
  const [a, b] = pins;
  const numbers = { a: formatNumber(a), b: formatNumber(b) };
  return (
    <section class="compare panel" aria-label={t("compare", numbers)}>
      <header class="panel-head">
        <h2>{t("compare", numbers)}</h2>
        <div class="row">
          <div class="segments" role="group" aria-label={t("mode")}>
            {(["wipe", "side"] as const).map((choice) => (
              <button
                key={choice}
                type="button"
                aria-pressed={mode === choice}
                onClick={() => props.onMode(choice)}
              >
                {t(choice)}
              </button>
            ))}
          </div>
          <Button size="small" icon="retry" onClick={() => props.onPins([b, a])}>
            {t("swap")}
          </Button>
          <IconButton icon="cross" label={t("stop_compare")} onClick={() => props.onPins(null)} />
        </div>
      </header>
      <div class="panel-body compare-body">
        {grid.rows.length > 1 && (
          <div class="segments compare-rows" role="group" aria-label={t("gallery")}>
            {grid.rows.map((choice) => (
              <button
                key={choice}
                type="button"
                aria-pressed={row === choice}
                onClick={() => props.onRow(choice)}
              >
                {t("sample_n", { n: choice + 1 })}
              </button>
            ))}
          </div>
        )}
        {mode === "side" ? (
          <Side grid={grid} row={row} pins={pins} />
        ) : (
          <Wipe grid={grid} row={row} pins={pins} />
        )}
      </div>
    </section>
  );
}

interface Pair {
  grid: SampleGrid;
  row: number;
  pins: [number, number];
}

function Side({ grid, row, pins }: Pair) {
  return (
    <div class="compare-side">
      {pins.map((step) => (
        <figure key={step}>
          <PinnedPicture grid={grid} row={row} step={step} />
          <figcaption>{t("step_n", { step })}</figcaption>
        </figure>
      ))}
    </div>
  );
}

function Wipe({ grid, row, pins }: Pair) {
  const [share, setShare] = useState(50);
  const stage = useRef<HTMLDivElement>(null);
  const [a, b] = pins;
  const drag = (event: PointerEvent): void => {
    const box = stage.current?.getBoundingClientRect();
    if (!box || event.buttons !== 1) return;
    setShare(Math.max(0, Math.min(100, ((event.clientX - box.left) / box.width) * 100)));
  };
  return (
    <div class="compare-wipe" dir="ltr">
      <div ref={stage} class="wipe-stage" onPointerDown={drag} onPointerMove={drag}>
        <PinnedPicture grid={grid} row={row} step={b} />
        <div class="wipe-over" style={{ clipPath: `inset(0 ${100 - share}% 0 0)` }}>
          <PinnedPicture grid={grid} row={row} step={a} />
        </div>
        <span class="wipe-line" style={{ insetInlineStart: `${share}%` }} />
      </div>
      <input
        class="range"
        type="range"
        min={0}
        max={100}
        step={1}
        value={share}
        aria-label={t("border", { a, b })}
        onInput={(event) => setShare(Number(event.currentTarget.value))}
      />
      <p class="wipe-names number">
        <span>{t("step_n", { step: a })}</span>
        <span>{t("step_n", { step: b })}</span>
      </p>
    </div>
  );
}

function PinnedPicture({ grid, row, step }: { grid: SampleGrid; row: number; step: number }) {
  const artifact = grid.at(row, step);
  if (!artifact) return <span class="picture-missing">{t("missing")}</span>;
  return <Picture artifact={artifact} alt={t("picture", { n: row + 1, step })} eager />;
}
