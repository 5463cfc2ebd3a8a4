import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import { nowMs } from "../../clock.ts";
import { ProgressBar } from "../../components/progress-bar.tsx";
import { statusWord } from "../../components/status-badge.tsx";
import {
  formatClock,
  formatDuration,
  formatMoney,
  formatNumber,
  formatPercent,
  formatSignificant,
} from "../../i18n.ts";
import { jobPercent, runSeconds } from "../../job-progress.ts";
import { t } from "./words.ts";

/** The figures of a job that has started: bar, stage, step, loss, time left, speed, elapsed, attempt. */
export function JobFigures({ job }: { job: Job }) {
  const { progress } = job;
  const isRunning = job.status === "running";
  if (!job.started_at) return null;
  const percent = jobPercent(job);
  const seconds = runSeconds(job, nowMs.value);
  return (
    <section class="job-figures panel" aria-label={t("progress", { name: job.name })}>
      {job.status !== "completed" && (
        <div class="job-way">
          <ProgressBar
            value={isRunning ? percent : (percent ?? 0)}
            label={t("progress", { name: job.name })}
          />
          <strong class="number">{percent === null ? "–" : formatPercent(percent)}</strong>
        </div>
      )}
      <dl class="figures">
        {isRunning && progress && <Figure name={t("stage")}>{stageWord(progress.stage)}</Figure>}
        {typeof progress?.step === "number" && (
          <Figure name={t("step")}>
            {typeof progress.total_steps === "number"
              ? t("step_of", { step: progress.step, total: progress.total_steps })
              : formatNumber(progress.step)}
          </Figure>
        )}
        {typeof progress?.loss === "number" && (
          <Figure name={t("loss")}>{formatSignificant(progress.loss, 3)}</Figure>
        )}
        {isRunning && typeof progress?.eta_seconds === "number" && (
          <Figure
            name={t("left")}
            title={t("ends", { time: endClock(progress.updated_at, progress.eta_seconds) })}
          >
            {formatDuration(progress.eta_seconds)}
          </Figure>
        )}
        {typeof progress?.steps_per_second === "number" && (
          <Figure name={t("speed")}>
            {t("speed_value", { n: formatSignificant(progress.steps_per_second, 3) })}
          </Figure>
        )}
        {seconds !== null && (
          <Figure name={t(isRunning ? "elapsed" : "took")}>{formatDuration(seconds)}</Figure>
        )}
        <JobCost job={job} />
        <Figure name={t("attempt")}>{t("attempt_of", { n: job.attempt, most: job.max_attempts })}</Figure>
      </dl>
    </section>
  );
}

function Figure({ name, title, children }: { name: string; title?: string; children: ComponentChildren }) {
  return (
    <div class="figure" title={title}>
      <dt>{name}</dt>
      <dd class="number">{children}</dd>
    </div>
  );
}

/** What a job costs so far, beside what it was estimated at; nothing for one that is free. */
function JobCost({ job }: { job: Job }) {
  const { cost_usd: cost, estimated_cost_usd: estimate } = job;
  if (!cost && !estimate) return null;
  const money = formatMoney(cost ?? 0);
  const isOpen = job.is_active && Boolean(estimate);
  return (
    <Figure name={t(job.is_active ? "cost_so_far" : "cost")}>
      {isOpen ? t("cost_of", { money, most: formatMoney(estimate ?? 0) }) : money}
    </Figure>
  );
}

function endClock(updatedAt: string, etaSeconds: number): string {
  return formatClock(new Date(Date.parse(updatedAt) + etaSeconds * 1000));
}

const stages = [
  "Preparing",
  "Preprocessing",
  "Warmup",
  "Training",
  "Validation",
  "Saving checkpoint",
  "Uploading",
] as const;

/** The stage in the reader's words; a stage this page does not know is shown as the trainer names it. */
export function stageWord(stage: string): string {
  const known = stages.find((name) => name === stage);
  return known ? t(`stage_${known}`) : stage;
}

/** Tells screen readers a change of state and every tenth of the way, not every step. */
export function JobAnnouncer({ job }: { job: Job }) {
  const said = useRef({ tenth: -1, text: "" });
  const percent = job.status === "running" ? jobPercent(job) : null;
  const tenth = percent === null ? -1 : Math.floor(percent / 10);
  if (tenth !== said.current.tenth || job.status !== "running") {
    const { progress } = job;
    said.current = {
      tenth,
      text:
        percent === null
          ? t("announce_status", { name: job.name, status: statusWord(job.status) })
          : t("announce", {
              name: job.name,
              percent: formatPercent(percent),
              step: progress?.step ?? 0,
              total: progress?.total_steps ?? 0,
            }),
    };
  }
  return (
    <p class="only-read" role="status">
      {said.current.text}
    </p>
  );
}
