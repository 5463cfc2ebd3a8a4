import { useEffect, useState } from "preact/hooks";
import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import { ApiError, call } from "../../api.ts";
import { Button, ButtonLink } from "../../components/button.tsx";
import { Icon, type IconName } from "../../components/icon.tsx";
import { ProgressBar } from "../../components/progress-bar.tsx";
import { toast } from "../../components/toast.tsx";
import { errorText } from "../../error-text.ts";
import { formatBytes, formatDuration, formatNumber } from "../../i18n.ts";
import { transferPercent } from "../../job-progress.ts";
import { rememberJobs, watchJob } from "../../live.ts";
import { navigate } from "../../router.ts";
import { t } from "./words.ts";

type Stage = "scanning" | "packaging" | "uploading" | "waiting" | "starting";

function stageOf(job: Job): Stage {
  if (job.status === "pending") return "waiting";
  if (job.status !== "uploading") return "starting";
  const stage = job.upload_progress?.stage;
  return stage === "packaging" || stage === "uploading" ? stage : "scanning";
}

function Facts({ job }: { job: Job }) {
  const sent = job.upload_progress;
  if (job.status !== "uploading" || !sent) return null;
  return (
    <>
      <p class="follow-facts number">
        {sent.files_total !== null && (
          <span>
            {t("files_of", { done: formatNumber(sent.files_done), total: formatNumber(sent.files_total) })}
          </span>
        )}
        {sent.bytes_total !== null && (
          <span>
            {t("bytes_of", { done: formatBytes(sent.bytes_done), total: formatBytes(sent.bytes_total) })}
          </span>
        )}
        {sent.bytes_per_second > 0 && <span>{t("speed", { size: formatBytes(sent.bytes_per_second) })}</span>}
        {sent.eta_seconds !== null && <span>{t("left", { time: formatDuration(sent.eta_seconds) })}</span>}
      </p>
      {sent.current_file && (
        <p class="small muted cut" dir="ltr">
          {sent.current_file}
        </p>
      )}
    </>
  );
}

const stageIcons: Record<Stage, IconName> = {
  scanning: "folder",
  packaging: "cube",
  uploading: "sending",
  waiting: "clock",
  starting: "play",
};

/** Leaves for the job's page once it has started or ended; a job cancelled here returns to the form instead. */
function useDeparture(job: Job | null, onCancelled: () => void, onLeave: () => void): void {
  const status = job?.status;
  useEffect(() => {
    if (!job || !status || status === "pending" || status === "uploading") return;
    if (status === "cancelled") {
      toast({ kind: "info", text: t("cancelled") });
      onCancelled();
      return;
    }
    onLeave();
    navigate(`/jobs/${job.job_id}`);
  }, [status]);
}

/** A submitted job until it starts: packaging with bar, bytes, speed and time left, its place in the queue, Cancel. */
export function FollowStart({
  jobId,
  onCancelled,
  onLeave,
}: {
  jobId: string;
  onCancelled: () => void;
  onLeave: () => void;
}) {
  const job = watchJob(jobId).value;
  const [cancelling, setCancelling] = useState(false);
  useDeparture(job, onCancelled, onLeave);
  useEffect(() => {
    // After a reload the store does not know the job yet.
    call("GET /api/cloud/jobs/{job_id}", { params: { job_id: jobId } }).then(
      (answer) => rememberJobs([answer.job]),
      (error: unknown) => {
        if (error instanceof ApiError && error.code === "job_not_found") onCancelled();
      },
    );
  }, [jobId]);
  if (!job) return null;
  const cancel = async (): Promise<void> => {
    setCancelling(true);
    try {
      await call("POST /api/cloud/jobs/{job_id}/cancel", { params: { job_id: jobId } });
    } catch (error) {
      setCancelling(false);
      if (error instanceof Error) toast({ kind: "error", text: errorText(error) });
    }
  };
  const stage = stageOf(job);
  return (
    <section class="panel follow" aria-live="polite" aria-busy="true">
      <h2>{t("packaging_title", { name: job.name })}</h2>
      <p class="follow-stage">
        <Icon name={stageIcons[stage]} />
        {t(`stage_${stage}`)}
      </p>
      <div aria-live="off" class="stack">
        <ProgressBar
          value={transferPercent(job)}
          label={t("packaging_name", { name: job.name })}
          tone="sending"
        />
        <Facts job={job} />
      </div>
      <p class="small muted">
        {job.queue_position === null ? t("safe_to_leave") : t("queue_place", { place: job.queue_position })}
      </p>
      <div class="row">
        <Button
          kind="danger"
          icon="stop"
          busy={cancelling || job.cancel_requested}
          onClick={() => void cancel()}
        >
          {cancelling || job.cancel_requested ? t("cancelling") : t("cancel")}
        </Button>
        <ButtonLink href={`/jobs/${jobId}`} onClick={onLeave}>
          {t("open_job")}
        </ButtonLink>
      </div>
    </section>
  );
}
