import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import { nowMs } from "../../clock.ts";
import { Link } from "../../components/link.tsx";
import { ProgressBar } from "../../components/progress-bar.tsx";
import { StatusBadge } from "../../components/status-badge.tsx";
import { Time } from "../../components/time.tsx";
import { formatDuration, formatPercent } from "../../i18n.ts";
import { jobPercent, runSeconds, secondsLeft } from "../../job-progress.ts";
import { watchJob } from "../../live.ts";
import { providerWord } from "../../provider-words.ts";
import { navigate } from "../../router.ts";
import { serverText } from "../../server-text.ts";
import { JobMenu } from "./job-menu.tsx";
import { t } from "./words.ts";

function Progress({ job }: { job: Job }) {
  const { progress } = job;
  if (job.status === "pending") {
    return (
      <span class="muted">{job.queue_position === null ? "" : t("place", { n: job.queue_position })}</span>
    );
  }
  const percent = jobPercent(job);
  const left = secondsLeft(job);
  const steps =
    progress?.step !== null && progress?.step !== undefined && progress.total_steps !== null
      ? t("step", { step: progress.step, total: progress.total_steps })
      : "";
  if (job.is_terminal) return <span class="muted number">{steps}</span>;
  return (
    <div class="job-progress">
      <ProgressBar
        value={percent}
        label={job.name}
        {...(job.status === "uploading" && { tone: "sending" as const })}
      />
      <span class="number small">
        {percent !== null && formatPercent(percent)}
        {left !== null && <span class="muted"> · {t("left", { time: formatDuration(left) })}</span>}
      </span>
    </div>
  );
}

/** One job as a row of the table, two lines on a phone; its state is live, its place is not. */
export function JobRow({ job: loaded, onChanged }: { job: Job; onChanged: () => void }) {
  const job = watchJob(loaded.job_id).value ?? loaded;
  const seconds = runSeconds(job, job.is_active ? nowMs.value : 0);
  const href = `/jobs/${job.job_id}`;
  return (
    <tr
      class="job-row"
      onClick={(event) => {
        const inside = event.target instanceof Element && event.target.closest("a, button, .dialog, .menu");
        if (!inside && !getSelection()?.toString()) navigate(href);
      }}
    >
      <td class="job-status">
        <StatusBadge status={job.status} cancelling={job.cancel_requested && job.is_active} />
      </td>
      <td class="job-name">
        <Link href={href} class="cut" title={`${job.name} · ${job.job_id}`}>
          {job.name}
        </Link>
        {job.error_message && job.status === "failed" && (
          <span class="job-error small cut" title={job.error_message}>
            {serverText(job.error_message, job.error_code)}
          </span>
        )}
      </td>
      <td class="job-model muted cut">{job.model_family ?? "–"}</td>
      <td class="job-bar">
        <Progress job={job} />
      </td>
      <td class="job-age muted nowrap">
        <Time at={job.created_at} />
      </td>
      <td class="job-time muted nowrap">{seconds === null ? "–" : formatDuration(seconds)}</td>
      <td class="job-provider muted nowrap">{providerWord(job.provider)}</td>
      <td class="job-acts">
        <JobMenu job={job} onChanged={onChanged} />
      </td>
    </tr>
  );
}
