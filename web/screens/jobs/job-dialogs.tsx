import { useState } from "preact/hooks";
import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import { call } from "../../api.ts";
import { ConfirmDialog } from "../../components/confirm-dialog.tsx";
import { toast } from "../../components/toast.tsx";
import { formatMoney } from "../../i18n.ts";
import { t } from "./words.ts";

interface DialogProps {
  job: Job;
  onClose: () => void;
  onDone?: () => void;
}

/** Asks before a job is cancelled: names it, where it is and what it has cost. */
export function CancelDialog({ job, onClose, onDone }: DialogProps) {
  const { name, progress } = job;
  const started = job.started_at !== null;
  const act = async (): Promise<void> => {
    await call("POST /api/cloud/jobs/{job_id}/cancel", { params: { job_id: job.job_id } });
    toast({ kind: "info", text: t("cancelled", { name }) });
    onDone?.();
  };
  return (
    <ConfirmDialog
      title={t("cancel_title")}
      act={t("cancel")}
      keep={t("keep_running")}
      onAct={act}
      onClose={onClose}
    >
      <p>{started ? t("cancel_text", { name }) : t("cancel_pending", { name })}</p>
      {progress?.step !== null && progress?.step !== undefined && progress.total_steps !== null && (
        <p>{t("cancel_at", { step: progress.step, total: progress.total_steps })}</p>
      )}
      {job.cost_usd !== null && job.cost_usd > 0 && (
        <p>{t("cancel_cost", { money: formatMoney(job.cost_usd) })}</p>
      )}
    </ConfirmDialog>
  );
}

/** Asks before a job is deleted; its files stay unless the box is ticked. */
export function DeleteDialog({ job, onClose, onDone }: DialogProps) {
  const [withFiles, setWithFiles] = useState(false);
  const act = async (): Promise<void> => {
    await call("DELETE /api/cloud/jobs/{job_id}", {
      params: { job_id: job.job_id },
      query: { keep_outputs: !withFiles },
    });
    toast({ kind: "success", text: t("deleted", { name: job.name }) });
    onDone?.();
    // The row the focus would go back to is about to go.
    requestAnimationFrame(() => document.getElementById("content")?.focus());
  };
  return (
    <ConfirmDialog title={t("delete_title")} act={t("delete")} keep={t("keep")} onAct={act} onClose={onClose}>
      <p>{t("delete_text", { name: job.name })}</p>
      <label class="check">
        <input
          type="checkbox"
          checked={withFiles}
          onChange={(event) => setWithFiles(event.currentTarget.checked)}
        />
        {t("delete_outputs")}
      </label>
      {!withFiles && <p class="muted">{t("delete_keeps")}</p>}
    </ConfirmDialog>
  );
}
