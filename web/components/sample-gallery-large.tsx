import { useEffect } from "preact/hooks";
import { IconButton } from "./button.tsx";
import { Dialog } from "./dialog.tsx";
import { Icon } from "./icon.tsx";
import { stepBeside, type SampleGrid } from "./sample-gallery-grid.ts";
import { Picture } from "./sample-gallery-picture.tsx";
import { StepSlider } from "./sample-gallery-slider.tsx";
import { t } from "./sample-gallery-words.ts";

/** A sample as large as the window allows; arrow keys go through steps and samples. `row` null = closed. */
export function LargeSample(props: {
  grid: SampleGrid;
  row: number | null;
  step: number;
  onGo: (row: number, step: number) => void;
  onClose: () => void;
}) {
  const { grid, row, step } = props;
  useEffect(() => {
    if (row === null) return undefined;
    const onKey = (event: KeyboardEvent): void => {
      if (event.target instanceof HTMLInputElement || event.ctrlKey || event.metaKey || event.altKey) return;
      const next = placeAfter(event.key, grid, row, step);
      if (!next) return;
      event.preventDefault();
      props.onGo(...next);
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  });
  const artifact = row === null ? undefined : grid.at(row, step);
  const title = row === null ? "" : t("picture", { n: row + 1, step });
  const go = (by: number): void => props.onGo(rowBeside(grid, row ?? 0, by), step);
  return (
    <Dialog open={row !== null} title={title} onClose={props.onClose} wide>
      <div class="large-stage">
        {artifact ? (
          <Picture key={artifact.key} artifact={artifact} alt={title} eager />
        ) : (
          <span class="picture-missing">{t("missing")}</span>
        )}
      </div>
      <div class="large-controls">
        <StepSlider steps={grid.steps} step={step} onStep={(next) => props.onGo(row ?? 0, next)} />
        {grid.rows.length > 1 && (
          <span class="row">
            <IconButton icon="chevronUp" label={t("previous_sample")} onClick={() => go(-1)} />
            <IconButton icon="chevronDown" label={t("next_sample")} onClick={() => go(1)} />
          </span>
        )}
        {artifact && (
          <a class="button button-secondary button-small" href={artifact.url} download="">
            <Icon name="download" />
            {t("download")}
          </a>
        )}
        <span class="muted small large-keys">{t("large_keys")}</span>
      </div>
    </Dialog>
  );
}

/** Where a key leads from (row, step); null for keys that mean nothing here. */
function placeAfter(
  key: string,
  grid: SampleGrid,
  row: number,
  step: number,
): [row: number, step: number] | null {
  const { steps } = grid;
  const places: Record<string, [number, number]> = {
    ArrowLeft: [row, stepBeside(steps, step, -1)],
    ArrowRight: [row, stepBeside(steps, step, 1)],
    ArrowUp: [rowBeside(grid, row, -1), step],
    ArrowDown: [rowBeside(grid, row, 1), step],
    Home: [row, steps[0] ?? step],
    End: [row, steps.at(-1) ?? step],
  };
  return places[key] ?? null;
}

function rowBeside(grid: SampleGrid, row: number, by: number): number {
  return stepBeside(grid.rows, row, by);
}
