import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import { formatBytes, formatDuration, formatNumber } from "../i18n.ts";
import { type TransferStep, transferSteps, wayOf } from "../transfer-steps.ts";
import { Icon, type IconName } from "./icon.tsx";
import { ProgressBar } from "./progress-bar.tsx";
import { t } from "./transfer-words.ts";

function titleOf({ step }: TransferStep, job: Job): string {
  if (step === "packaging") return job.upload_progress?.stage === "scanning" ? t("scanning") : t("packaging");
  const way = wayOf(job);
  return way === "hub" ? t("sending_hub") : way === "staged" ? t("sending_staged") : t("sending_upload");
}

function Figures({ job }: { job: Job }) {
  const sent = job.upload_progress;
  if (!sent) return null;
  const { files_done, files_total, bytes_done, bytes_total, bytes_per_second, eta_seconds } = sent;
  return (
    <>
      <p class="transfer-figures number">
        {files_total !== null && (
          <span>{t("files_of", { done: formatNumber(files_done), total: formatNumber(files_total) })}</span>
        )}
        <span>
          {bytes_total === null
            ? formatBytes(bytes_done)
            : t("bytes_of", { done: formatBytes(bytes_done), total: formatBytes(bytes_total) })}
        </span>
        {bytes_per_second > 0 && <span>{t("speed", { size: formatBytes(bytes_per_second) })}</span>}
        {eta_seconds !== null && <span>{t("left", { time: formatDuration(eta_seconds) })}</span>}
      </p>
      {sent.current_file && (
        <p class="small muted cut" dir="ltr">
          {sent.current_file}
        </p>
      )}
    </>
  );
}

const icons: Record<TransferStep["step"], IconName> = { packaging: "cube", sending: "sending" };

/** The way of a job's datasets as bars: packaging, and sending where they leave the machine, with speed and time left. */
export function TransferBars({ job }: { job: Job }) {
  return (
    <ol class="transfer" aria-live="off">
      {transferSteps(job).map((step) => {
        const title = titleOf(step, job);
        const moves = step.state === "active" && job.upload_progress !== null;
        return (
          <li key={step.step} class={`transfer-step transfer-${step.state}`}>
            <p class="transfer-title">
              <Icon name={step.state === "done" ? "tick" : icons[step.step]} />
              <span>{title}</span>
              <span class="transfer-percent number muted">
                {step.state === "waiting"
                  ? t("waiting")
                  : step.percent !== null && t("percent", { n: Math.floor(step.percent) })}
              </span>
            </p>
            <ProgressBar
              value={step.percent}
              label={t("bar_name", { step: title, name: job.name })}
              tone={step.state === "done" ? "done" : "sending"}
            />
            {moves && <Figures job={job} />}
          </li>
        );
      })}
    </ol>
  );
}
