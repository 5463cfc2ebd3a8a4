import { useEffect, useState } from "preact/hooks";
import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import { ApiError, call } from "../../api.ts";
import { Button, ButtonLink } from "../../components/button.tsx";
import { Icon } from "../../components/icon.tsx";
import { toast } from "../../components/toast.tsx";
import { TransferBars } from "../../components/transfer-bars.tsx";
import { errorText } from "../../error-text.ts";
import { rememberJobs, watchJob } from "../../live.ts";
import { navigate } from "../../router.ts";
import { t } from "./words.ts";

/** Before the provider has everything it needs. */
const beforeRun: readonly Job["status"][] = ["pending", "uploading", "queued"];

/** Leaves for the job's page once it has started or ended; a job cancelled here returns to the form instead. */
function useDeparture(job: Job | null, onCancelled: () => void, onLeave: () => void): void {
  const status = job?.status;
  useEffect(() => {
    if (!job || !status || beforeRun.includes(status)) return;
    if (status === "cancelled") {
      toast({ kind: "info", text: t("cancelled") });
      onCancelled();
      return;
    }
    onLeave();
    navigate(`/jobs/${job.job_id}`);
  }, [status]);
}

/** A submitted job until it starts: its datasets packed and sent with bars, bytes, speed and time left, its place in the queue, Cancel. */
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
  return (
    <section class="panel follow" aria-live="polite" aria-busy="true">
      <h2>{t("packaging_title", { name: job.name })}</h2>
      {job.status === "pending" && (
        <p class="follow-stage">
          <Icon name="clock" />
          {t("stage_waiting")}
        </p>
      )}
      <TransferBars job={job} />
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
