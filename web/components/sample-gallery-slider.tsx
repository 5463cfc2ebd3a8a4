import { useEffect, useRef, useState } from "preact/hooks";
import { formatNumber } from "../i18n.ts";
import { Button, IconButton } from "./button.tsx";
import { stepBeside } from "./sample-gallery-grid.ts";
import { t } from "./sample-gallery-words.ts";

const playMs = 500;

/** One slider for the step of all samples, with first, earlier, play, later and latest. */
export function StepSlider(props: {
  steps: readonly number[];
  step: number;
  onStep: (step: number) => void;
}) {
  const { steps, step, onStep } = props;
  const [playing, setPlaying] = useState(false);
  const at = Math.max(0, steps.indexOf(step));
  const last = steps.length - 1;
  const latest = useRef({ steps, step, onStep });
  latest.current = { steps, step, onStep };
  useEffect(() => {
    if (!playing) return undefined;
    const timer = setInterval(() => {
      const now = latest.current;
      const next = stepBeside(now.steps, now.step, 1);
      if (next === now.step) setPlaying(false);
      else now.onStep(next);
    }, playMs);
    return () => clearInterval(timer);
  }, [playing]);
  const play = (): void => {
    if (!playing && at === last) onStep(steps[0] ?? step);
    setPlaying(!playing);
  };
  return (
    <div class="step-slider">
      <IconButton
        icon="first"
        label={t("first")}
        onClick={() => onStep(steps[0] ?? step)}
        disabled={at === 0}
      />
      <IconButton
        icon="chevronLeft"
        label={t("earlier")}
        onClick={() => onStep(stepBeside(steps, step, -1))}
        disabled={at === 0}
      />
      <Button size="small" icon={playing ? "pause" : "play"} onClick={play} disabled={last < 1}>
        {t(playing ? "pause" : "play")}
      </Button>
      <IconButton
        icon="chevronRight"
        label={t("later")}
        onClick={() => onStep(stepBeside(steps, step, 1))}
        disabled={at >= last}
      />
      <IconButton
        icon="last"
        label={t("last")}
        onClick={() => onStep(steps[last] ?? step)}
        disabled={at >= last}
      />
      <input
        class="range"
        type="range"
        min={0}
        max={Math.max(0, last)}
        step={1}
        value={at}
        aria-label={t("step")}
        aria-valuetext={t("step_of", { step, at: at + 1, total: steps.length })}
        onInput={(event) => onStep(steps[Number(event.currentTarget.value)] ?? step)}
      />
      <output class="number step-now">
        {t("step")} <strong>{formatNumber(step)}</strong>
      </output>
    </div>
  );
}
