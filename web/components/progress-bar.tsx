import { t } from "./words.ts";

/** A bar of `value` percent (0 to 100), or a moving one when null; `label` names it for screen readers. */
export function ProgressBar({
  value,
  label,
  tone,
}: {
  value: number | null;
  label: string;
  tone?: "sending" | "done";
}) {
  const known = value === null ? null : Math.max(0, Math.min(100, value));
  return (
    <div
      class={`progress ${tone ? `progress-${tone}` : ""} ${known === null ? "progress-unknown" : ""}`}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      {...(known === null
        ? { "aria-valuetext": t("progress_unknown") }
        : { "aria-valuenow": Math.round(known) })}
    >
      <div class="progress-fill" style={{ transform: `scaleX(${(known ?? 30) / 100})` }} />
    </div>
  );
}
