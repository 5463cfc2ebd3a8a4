import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import { nowMs } from "../../clock.ts";
import { Icon } from "../../components/icon.tsx";
import { ProgressBar } from "../../components/progress-bar.tsx";
import { formatBytes, formatDuration } from "../../i18n.ts";
import { transferPercent } from "../../job-progress.ts";
import { t } from "./artifact-words.ts";

/** Without news for so long, nothing is on its way. */
const quietMs = 5_000;

/** What a running job has sent home so far, live; it keeps its place while nothing arrives, so that nothing jumps. */
export function Receiving({ job }: { job: Job }) {
  const sent = job.upload_progress?.stage === "receiving" ? job.upload_progress : null;
  const isMoving = sent !== null && nowMs.value - Date.parse(sent.updated_at) < quietMs;
  return (
    <section class="receiving panel" aria-label={t("receiving")}>
      <p class="receiving-head">
        <Icon name="sending" class="receiving-icon" />
        <strong>{t(isMoving ? "receiving" : "receiving_wait")}</strong>
        {sent && (
          <span class="job-transfer number">
            <span>
              {sent.files_total === null
                ? t.n("received", sent.files_done)
                : t("received_of", { done: sent.files_done, total: sent.files_total })}
            </span>
            <span>
              {sent.bytes_total === null
                ? formatBytes(sent.bytes_done)
                : t("received_of", {
                    done: formatBytes(sent.bytes_done),
                    total: formatBytes(sent.bytes_total),
                  })}
            </span>
            {isMoving && <span>{t("per_second", { size: formatBytes(sent.bytes_per_second) })}</span>}
            {isMoving && sent.eta_seconds !== null && (
              <span>{t("left", { time: formatDuration(sent.eta_seconds) })}</span>
            )}
          </span>
        )}
      </p>
      <p class="mono cut muted small receiving-file" dir="ltr">
        {(isMoving && sent.current_file) || "\u00a0"}
      </p>
      {isMoving ? (
        <ProgressBar value={transferPercent(job)} label={t("receiving")} tone="sending" />
      ) : (
        <div class="progress" />
      )}
    </section>
  );
}
