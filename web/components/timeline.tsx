import type { Job, JobEvent } from "@simpletuner-cloud/contract/jobs.ts";
import { formatBytes, formatClock, formatDuration, formatInstant } from "../i18n.ts";
import { Icon, type IconName } from "./icon.tsx";
import { jobStages, type Stage } from "./timeline-stages.ts";
import { t } from "./timeline-words.ts";

const icons: Record<Stage["key"], IconName> = {
  created: "plus",
  packaged: "sending",
  started: "play",
  resumed: "retry",
  checkpoints: "pin",
  completed: "tick",
  failed: "fail",
  cancelled: "slash",
};

/** A job's way from its creation to its end, with times and waits. */
export function Timeline({ job, events }: { job: Job; events: readonly JobEvent[] }) {
  return (
    <ol class="timeline" aria-label={t("timeline")}>
      {jobStages(job, events).map((stage, place) => (
        <li
          key={`${stage.key} ${place}`}
          class={`timeline-stage timeline-${stage.state} timeline-${stage.key}`}
        >
          <span class="timeline-mark">
            <Icon name={icons[stage.key]} />
          </span>
          <div class="timeline-text">
            <span class="timeline-name">{nameOf(stage)}</span>
            <StageDetail stage={stage} />
          </div>
          <div class="timeline-when number">
            {stage.at && (
              <time dateTime={stage.at} title={formatInstant(stage.at)}>
                {stage.state === "next"
                  ? t("expected", { time: formatClock(stage.at) })
                  : formatClock(stage.at)}
              </time>
            )}
            {stage.tookSeconds !== null && (
              <span class="muted">{t("after", { time: formatDuration(stage.tookSeconds) })}</span>
            )}
          </div>
        </li>
      ))}
    </ol>
  );
}

function nameOf({ key, state, numbers }: Stage): string {
  switch (key) {
    case "created":
      return t("created");
    case "packaged":
      return t(state === "now" ? "packaged_now" : "packaged_done");
    case "started":
      return t(`started_${state}`);
    case "resumed":
      return t("resumed_done", { attempt: numbers["attempt"] ?? 2 });
    case "checkpoints":
      return state === "next" ? t("checkpoints_next") : t.n("checkpoints_done", numbers["count"] ?? 0);
    case "completed":
      return t(state === "next" ? "completed_next" : "completed_done");
    case "failed":
    case "cancelled":
      return t(`${key}_done`);
  }
}

function StageDetail({ stage: { key, numbers } }: { stage: Stage }) {
  const { files, bytes, step, resumed_from: resumedFrom } = numbers;
  if (key === "packaged" && files !== undefined) {
    return <span class="muted">{t.n("packaged_files", files, { size: formatBytes(bytes ?? 0) })}</span>;
  }
  if (key === "resumed" && resumedFrom !== undefined)
    return <span class="muted">{t("resumed_from", { step: resumedFrom })}</span>;
  if (key === "checkpoints" && step !== undefined) return <span class="muted">{t("newest", { step })}</span>;
  return null;
}
