import { useEffect, useState } from "preact/hooks";
import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import { activeJobs, activeJobsKnown, waitingJobs } from "../../active-jobs.ts";
import { asError, call, useLoad } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { EmptyState } from "../../components/empty-state.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Field } from "../../components/field.tsx";
import { Link } from "../../components/link.tsx";
import { Page } from "../../components/page.tsx";
import { ProgressBar } from "../../components/progress-bar.tsx";
import { Skeleton } from "../../components/skeleton.tsx";
import { StatusBadge } from "../../components/status-badge.tsx";
import { Time } from "../../components/time.tsx";
import { toast } from "../../components/toast.tsx";
import { formatDuration, formatNumber, formatPercent } from "../../i18n.ts";
import { jobPercent } from "../../job-progress.ts";
import { may } from "../../session.ts";
import { useReloadOn } from "../../use-reload-on.ts";
import { JobMenu } from "../jobs/job-menu.tsx";
import { t } from "./words.ts";

interface Stats {
  queue_depth: number;
  running: number;
  max_concurrent: number;
  avg_wait_seconds: number | null;
}

function Tiles({ stats }: { stats: Stats | null }) {
  const shown = (value: number | null | undefined): string =>
    value === null || value === undefined ? t("none") : formatNumber(value);
  const wait = stats?.avg_wait_seconds ?? null;
  return (
    <dl class="tiles">
      <div class="panel tile">
        <dt>{t("running")}</dt>
        <dd class="tile-number">{shown(stats?.running)}</dd>
      </div>
      <div class="panel tile">
        <dt>{t("waiting")}</dt>
        <dd class="tile-number">{shown(stats?.queue_depth)}</dd>
      </div>
      <div class="panel tile">
        <dt>{t("wait")}</dt>
        <dd class="tile-number">
          {wait === null ? t("none") : formatDuration(wait)}
          {wait !== null && <span class="tile-note">{t("wait_note")}</span>}
        </dd>
      </div>
      <div class="panel tile">
        <dt>{t("limit")}</dt>
        <dd class="tile-number">{shown(stats?.max_concurrent)}</dd>
      </div>
    </dl>
  );
}

function QueueRow({ job, place }: { job: Job; place: number | null }) {
  const percent = jobPercent(job);
  return (
    <li class="queue-row">
      {place !== null && <span class="queue-place number">{formatNumber(place)}</span>}
      <div class="queue-words">
        <Link href={`/jobs/${job.job_id}`} class="cut queue-name" title={job.name}>
          {job.name}
        </Link>
        <span class="small muted">
          {job.started_at ? t("started") : t("waiting_since")} <Time at={job.started_at ?? job.created_at} />
        </span>
      </div>
      {place === null && (
        <div class="queue-bar">
          <ProgressBar
            value={percent}
            label={job.name}
            {...(job.status === "uploading" && { tone: "sending" as const })}
          />
          <span class="number small">{percent === null ? "" : formatPercent(percent)}</span>
        </div>
      )}
      <StatusBadge status={job.status} cancelling={job.cancel_requested} />
      <JobMenu job={job} />
    </li>
  );
}

function Lists({ stats }: { stats: Stats | null }) {
  const jobs = activeJobs.value;
  const running = jobs.filter((job) => job.status !== "pending");
  const waiting = waitingJobs.value;
  const full = stats !== null && stats.running >= stats.max_concurrent;
  return (
    <>
      <section class="panel" aria-labelledby="queue-running">
        <header class="panel-head">
          <h2 id="queue-running">{t("running_title")}</h2>
        </header>
        {running.length === 0 ? (
          <EmptyState text={t("running_none")} />
        ) : (
          <ul>
            {running.map((job) => (
              <QueueRow key={job.job_id} job={job} place={null} />
            ))}
          </ul>
        )}
      </section>
      <section class="panel" aria-labelledby="queue-waiting">
        <header class="panel-head">
          <h2 id="queue-waiting">{t("waiting_title")}</h2>
          <span class="small muted">{t("about")}</span>
        </header>
        {waiting.length === 0 ? (
          <EmptyState text={full ? t("waiting_none_full") : t("waiting_none")} />
        ) : (
          <ol>
            {waiting.map((job, index) => (
              <QueueRow key={job.job_id} job={job} place={index + 1} />
            ))}
          </ol>
        )}
      </section>
    </>
  );
}

function LimitForm({ limit, onSaved }: { limit: number; onSaved: () => void }) {
  const [text, setText] = useState(String(limit));
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  useEffect(() => setText(String(limit)), [limit]);
  const wanted = Number(text);
  const good = Number.isInteger(wanted) && wanted >= 1 && wanted <= 100;
  const save = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (!good) return;
    setBusy(true);
    setError(null);
    try {
      await call("POST /api/queue/concurrency", { body: { max_concurrent: wanted } });
      toast({ kind: "success", text: t.n("limit_saved", wanted) });
      onSaved();
    } catch (thrown) {
      setError(asError(thrown));
    }
    setBusy(false);
  };
  return (
    <section class="panel" aria-labelledby="queue-limit">
      <header class="panel-head">
        <h2 id="queue-limit">{t("limit_title")}</h2>
      </header>
      <form class="panel-body stack" onSubmit={(event) => void save(event)} noValidate>
        <Field
          label={t("limit_label")}
          hint={may("queue.manage") ? t("limit_hint") : t("no_manage")}
          error={good ? null : t("limit_error")}
        >
          {(attributes) => (
            <div class="row">
              <input
                class="input limit-input"
                type="number"
                min={1}
                max={100}
                {...attributes}
                disabled={!may("queue.manage")}
                value={text}
                onInput={(event) => setText(event.currentTarget.value)}
              />
              {may("queue.manage") && (
                <Button type="submit" busy={busy} disabled={!good || wanted === limit}>
                  {t("save")}
                </Button>
              )}
            </div>
          )}
        </Field>
        {error && <ErrorBox error={error} />}
      </form>
    </section>
  );
}

/** The queue: how full it is, what runs, who waits in which place, and how many may run at once. */
export function Queue() {
  const { data, error, reload } = useLoad((signal) => call("GET /api/queue/stats", { signal }), []);
  useReloadOn(["job.created", "job.status", "job.deleted", "settings.changed"], reload);
  return (
    <Page title={t("title")}>
      {error && <ErrorBox error={error} onRetry={reload} />}
      <Tiles stats={data} />
      {activeJobsKnown.value ? <Lists stats={data} /> : <Skeleton lines={4} />}
      {data && <LimitForm limit={data.max_concurrent} onSaved={reload} />}
    </Page>
  );
}
