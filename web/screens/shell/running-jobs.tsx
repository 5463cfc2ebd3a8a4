import { activeJobs } from "../../active-jobs.ts";
import { Link } from "../../components/link.tsx";
import { ProgressBar } from "../../components/progress-bar.tsx";
import { statusWord } from "../../components/status-badge.tsx";
import { formatDuration, formatPercent } from "../../i18n.ts";
import { jobPercent, secondsLeft } from "../../job-progress.ts";
import { t } from "./words.ts";

/** The first three jobs that run or are being packaged, with bar and time left. */
export function RunningJobs() {
  const jobs = activeJobs.value.filter((job) => job.status !== "pending").slice(0, 3);
  if (jobs.length === 0) return null;
  return (
    <section class="rail-running" aria-label={t("running_short")}>
      <h2>{t("running_now")}</h2>
      {jobs.map((job) => {
        const percent = jobPercent(job);
        const left = secondsLeft(job);
        return (
          <Link key={job.job_id} href={`/jobs/${job.job_id}`} class="rail-job" title={job.name}>
            <span class="rail-job-name cut">{job.name}</span>
            <ProgressBar
              value={percent}
              label={job.name}
              {...(job.status === "uploading" && { tone: "sending" as const })}
            />
            <span class="rail-job-facts number">
              <span>{percent === null ? statusWord(job.status) : formatPercent(percent)}</span>
              {left !== null && <span>{t("left", { time: formatDuration(left) })}</span>}
            </span>
          </Link>
        );
      })}
    </section>
  );
}
