import type { ComponentChildren } from "preact";
import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import { call, useLoad } from "../../api.ts";
import { Icon } from "../../components/icon.tsx";
import { Link } from "../../components/link.tsx";
import { TransferBars } from "../../components/transfer-bars.tsx";
import { hrefWith } from "../../router.ts";
import { serverText } from "../../server-text.ts";
import { useReloadOn } from "../../use-reload-on.ts";
import { failureKind } from "./failure-kind.ts";
import { t } from "./words.ts";

/** What stands between a job and its next state, in plain words: waiting, packaging, failed, cancelled. */
export function JobNotes({ job }: { job: Job }) {
  switch (job.status) {
    case "pending":
      return <PendingNote job={job} />;
    case "uploading":
      return <PackagingNote job={job} />;
    case "queued":
      if (job.upload_progress) return <PackagingNote job={job} />;
      return (
        <NoteBox kind="queued" title={t("queued_title", { provider: job.provider })}>
          <p>{t("queued_text")}</p>
        </NoteBox>
      );
    case "failed":
      return <FailureNote job={job} />;
    case "cancelled":
      return (
        <NoteBox kind="cancelled" title={t("cancelled_title")}>
          {job.error_code === "budget_exhausted" && (
            <p>
              {job.error_message !== null && serverText(job.error_message, job.error_code)}{" "}
              <Link href="/cost">{t("cancelled_budget")}</Link>
            </p>
          )}
          <p>{t("cancelled_kept")}</p>
        </NoteBox>
      );
    case "running":
    case "completed":
      return null;
  }
}

const icons = {
  pending: "clock",
  queued: "hourglass",
  uploading: "sending",
  failed: "fail",
  cancelled: "slash",
} as const;

function NoteBox(props: { kind: keyof typeof icons; title: string; children: ComponentChildren }) {
  return (
    <section class={`job-note job-note-${props.kind}`} role={props.kind === "failed" ? "alert" : undefined}>
      <Icon name={icons[props.kind]} />
      <div class="job-note-body">
        <h2>{props.title}</h2>
        {props.children}
      </div>
    </section>
  );
}

function PendingNote({ job }: { job: Job }) {
  const { data: queue, reload } = useLoad(
    (signal) => call("GET /api/queue/stats", { signal }),
    [job.queue_position],
  );
  useReloadOn(["job.status"], reload, () => true, 1000);
  const place = job.queue_position ?? 1;
  const isFull = queue !== null && queue.running >= queue.max_concurrent;
  return (
    <NoteBox kind="pending" title={t("pending_title")}>
      <p>
        {queue === null || !isFull
          ? t("pending_soon")
          : place <= 1
            ? t("pending_next", { limit: queue.max_concurrent })
            : t("pending_place", { place, running: queue.running, limit: queue.max_concurrent })}
      </p>
      <p>
        <Link href="/queue">{t("queue")}</Link>
      </p>
    </NoteBox>
  );
}

function PackagingNote({ job }: { job: Job }) {
  return (
    <NoteBox kind="uploading" title={t(job.status === "queued" ? "sending_title" : "packaging_title")}>
      <TransferBars job={job} />
    </NoteBox>
  );
}

function FailureNote({ job }: { job: Job }) {
  const kind = failureKind(job);
  return (
    <NoteBox kind="failed" title={t(`why_${kind}`)}>
      <p>{t(`do_${kind}`)}</p>
      {job.error_message && (
        <>
          <h3 class="small">{t("message")}</h3>
          <pre class="job-report" dir="ltr" tabIndex={0} aria-label={t("message")}>
            {serverText(job.error_message, job.error_code)}
          </pre>
        </>
      )}
      <p class="job-note-links">
        <Link href={hrefWith({ tab: "logs", level: null, line: null })}>{t("open_log")}</Link>
        <Link href={hrefWith({ tab: "logs", level: "error", line: null })}>{t("open_errors")}</Link>
        {job.error_code && <code class="muted">{job.error_code}</code>}
      </p>
    </NoteBox>
  );
}
