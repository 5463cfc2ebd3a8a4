import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import { Elapsed } from "../../components/time.tsx";
import { Link } from "../../components/link.tsx";
import { ProgressBar } from "../../components/progress-bar.tsx";
import { StatusBadge } from "../../components/status-badge.tsx";
import { formatDuration, formatMoney, formatPercent, formatSignificant } from "../../i18n.ts";
import { jobPercent, secondsLeft } from "../../job-progress.ts";
import { LastSample } from "./last-sample.tsx";
import { t } from "./words.ts";

function StepLine({ job }: { job: Job }) {
  const { progress } = job;
  const step = progress?.step ?? null;
  const total = progress?.total_steps ?? null;
  const left = secondsLeft(job);
  return (
    <p class="running-facts number">
      {step !== null && total !== null && <span>{t("step_of", { step, total })}</span>}
      {progress?.loss !== null && progress?.loss !== undefined && (
        <span>
          {t("loss")} {formatSignificant(progress.loss)}
        </span>
      )}
      {left !== null && <span class="running-left">{t("left", { time: formatDuration(left) })}</span>}
    </p>
  );
}

/** A job that moves: newest sample, state, bar, step, loss, time left and time taken. */
export function RunningCard({ job }: { job: Job }) {
  const percent = jobPercent(job);
  return (
    <li class="running-card">
      <LastSample jobId={job.job_id} name={job.name} />
      <div class="running-words">
        <p class="running-head">
          <Link href={`/jobs/${job.job_id}`} class="running-name cut" title={job.name}>
            {job.name}
          </Link>
          <StatusBadge status={job.status} cancelling={job.cancel_requested} />
        </p>
        <div class="running-bar">
          <ProgressBar
            value={percent}
            label={job.name}
            {...(job.status === "uploading" && { tone: "sending" as const })}
          />
          <span class="number">{percent === null ? "" : formatPercent(percent)}</span>
        </div>
        <StepLine job={job} />
        {job.started_at && (
          <p class="small muted">
            {t("elapsed")} <Elapsed from={job.started_at} />
            {Boolean(job.cost_usd) && ` · ${t("cost_so_far", { money: formatMoney(job.cost_usd ?? 0) })}`}
          </p>
        )}
      </div>
    </li>
  );
}
