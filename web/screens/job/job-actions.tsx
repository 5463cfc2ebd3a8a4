import { useState } from "preact/hooks";
import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import { asError, call } from "../../api.ts";
import { Button, ButtonLink } from "../../components/button.tsx";
import { Dialog } from "../../components/dialog.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { toast } from "../../components/toast.tsx";
import { errorText } from "../../error-text.ts";
import { formatBytes, formatMoney } from "../../i18n.ts";
import { navigate } from "../../router.ts";
import { may } from "../../session.ts";
import { retryJob } from "../jobs/job-acts.ts";
import type { JobFiles } from "./job-data.ts";
import { t } from "./words.ts";

/** What can be done with a job in its state: cancel while it moves, else run again and delete; use as new job always. */
export function JobActions({
  job,
  files,
  lastCheckpoint,
}: {
  job: Job;
  files: JobFiles | null;
  lastCheckpoint: number | null;
}) {
  return (
    <>
      {may("job.submit") && (
        <ButtonLink href={`/jobs/new?clone=${encodeURIComponent(job.job_id)}`} icon="copy">
          {t("clone")}
        </ButtonLink>
      )}
      {job.is_active && may("job.cancel.own") && <CancelJob job={job} lastCheckpoint={lastCheckpoint} />}
      {job.is_terminal && may("job.submit") && <RetryJob job={job} />}
      {job.is_terminal && may("job.delete.own") && <DeleteJob job={job} files={files} />}
    </>
  );
}

/** Runs `act`, keeping what went wrong; `busy` while it runs. */
function useAct(act: () => Promise<void>): {
  busy: boolean;
  error: Error | null;
  run: () => void;
  forget: () => void;
} {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const run = (): void => {
    setBusy(true);
    setError(null);
    act().then(
      () => setBusy(false),
      (thrown: unknown) => {
        setBusy(false);
        setError(asError(thrown));
      },
    );
  };
  return { busy, error, run, forget: () => setError(null) };
}

function CancelJob({ job, lastCheckpoint }: { job: Job; lastCheckpoint: number | null }) {
  const [open, setOpen] = useState(false);
  const cancel = useAct(async () => {
    await call("POST /api/cloud/jobs/{job_id}/cancel", { params: { job_id: job.job_id } });
    setOpen(false);
    toast({ kind: "info", text: t("cancel_asked", { name: job.name }) });
  });
  const { progress } = job;
  return (
    <>
      <Button kind="danger" icon="stop" disabled={job.cancel_requested} onClick={() => setOpen(true)}>
        {t("cancel")}
      </Button>
      <Dialog
        open={open}
        title={t("cancel_title", { name: job.name })}
        onClose={() => setOpen(false)}
        actions={
          <>
            <Button onClick={() => setOpen(false)}>{t("keep_running")}</Button>
            <Button kind="danger" icon="stop" busy={cancel.busy} onClick={cancel.run}>
              {t("cancel")}
            </Button>
          </>
        }
      >
        {job.status === "running" &&
          typeof progress?.step === "number" &&
          typeof progress.total_steps === "number" && (
            <p>{t("cancel_at", { step: progress.step, total: progress.total_steps })}</p>
          )}
        <p>{whatIsKept(job, lastCheckpoint)}</p>
        {job.cost_usd !== null && <p>{t("cancel_cost", { cost: formatMoney(job.cost_usd) })}</p>}
        {cancel.error && <ErrorBox error={cancel.error} />}
      </Dialog>
    </>
  );
}

function whatIsKept(job: Job, lastCheckpoint: number | null): string {
  if (job.status === "pending") return t("cancel_waiting");
  if (job.status === "uploading") return t("cancel_packaging");
  return lastCheckpoint === null ? t("cancel_none") : t("cancel_kept", { step: lastCheckpoint });
}

/** Submits the job's frozen inputs again and goes to the new job. */
export function RetryJob({ job }: { job: Job }) {
  const retry = useAct(async () => {
    try {
      const made = await retryJob(job);
      if (!made) return;
      toast({ kind: "success", text: t("retried", { name: made.name }) });
      navigate(`/jobs/${encodeURIComponent(made.job_id)}`);
    } catch (thrown) {
      toast({ kind: "error", text: errorText(asError(thrown)) });
    }
  });
  return (
    <Button
      kind={job.status === "completed" ? "secondary" : "primary"}
      icon="retry"
      busy={retry.busy}
      onClick={retry.run}
    >
      {t("retry")}
    </Button>
  );
}

function DeleteJob({ job, files }: { job: Job; files: JobFiles | null }) {
  const [open, setOpen] = useState(false);
  const [withFiles, setWithFiles] = useState(false);
  const remove = useAct(async () => {
    await call("DELETE /api/cloud/jobs/{job_id}", {
      params: { job_id: job.job_id },
      query: { keep_outputs: !withFiles },
    });
    toast({ kind: "success", text: t("deleted_toast", { name: job.name }) });
    navigate("/jobs");
  });
  const count = files?.artifacts.length ?? 0;
  return (
    <>
      <Button icon="trash" onClick={() => setOpen(true)}>
        {t("delete")}
      </Button>
      <Dialog
        open={open}
        title={t("delete_title", { name: job.name })}
        onClose={() => setOpen(false)}
        actions={
          <>
            <Button onClick={() => setOpen(false)}>{t("keep_job")}</Button>
            <Button kind="danger" icon="trash" busy={remove.busy} onClick={remove.run}>
              {t("delete_now")}
            </Button>
          </>
        }
      >
        <p>{t("delete_text")}</p>
        {files && count > 0 && (
          <label class="check">
            <input
              type="checkbox"
              checked={withFiles}
              onChange={(event) => setWithFiles(event.currentTarget.checked)}
            />
            <span>
              {t("delete_outputs", { files: t.n("files", count, { size: formatBytes(files.totalBytes) }) })}
              {!withFiles && <span class="check-note muted small">{t("delete_kept")}</span>}
            </span>
          </label>
        )}
        {remove.error && <ErrorBox error={remove.error} />}
      </Dialog>
    </>
  );
}
