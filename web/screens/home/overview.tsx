import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import type { Health } from "@simpletuner-cloud/contract/system.ts";
import { activeJobs, activeJobsKnown, waitingJobs } from "../../active-jobs.ts";
import { call, useLoad } from "../../api.ts";
import { Button, ButtonLink } from "../../components/button.tsx";
import { EmptyState } from "../../components/empty-state.tsx";
import { Icon } from "../../components/icon.tsx";
import { Link } from "../../components/link.tsx";
import { Page } from "../../components/page.tsx";
import { Skeleton } from "../../components/skeleton.tsx";
import { statusWord } from "../../components/status-badge.tsx";
import { Time } from "../../components/time.tsx";
import { toast } from "../../components/toast.tsx";
import { errorText } from "../../error-text.ts";
import { serverText } from "../../server-text.ts";
import { formatDuration, formatNumber } from "../../i18n.ts";
import { may } from "../../session.ts";
import { useReloadOn } from "../../use-reload-on.ts";
import { retryJob } from "../jobs/job-acts.ts";
import { LastSample } from "./last-sample.tsx";
import { RunningCard } from "./running-card.tsx";
import { t } from "./words.ts";

function Running() {
  const jobs = activeJobs.value.filter((job) => job.status !== "pending").slice(0, 6);
  return (
    <section class="panel" aria-labelledby="home-running">
      <header class="panel-head">
        <h2 id="home-running">{t("running")}</h2>
        <Link href="/jobs">{t("see_all")}</Link>
      </header>
      {jobs.length === 0 ? (
        <EmptyState
          text={t("running_none")}
          action={
            may("job.submit") && (
              <ButtonLink href="/jobs/new" icon="plus">
                {t("new_job")}
              </ButtonLink>
            )
          }
        />
      ) : (
        <ul class="running-list">
          {jobs.map((job) => (
            <RunningCard key={job.job_id} job={job} />
          ))}
        </ul>
      )}
    </section>
  );
}

const waitingShown = 5;

function Waiting() {
  const jobs = waitingJobs.value;
  if (jobs.length === 0) return null;
  return (
    <section class="panel" aria-labelledby="home-waiting">
      <header class="panel-head">
        <h2 id="home-waiting">{t("waiting")}</h2>
        <Link href="/queue">{t("to_queue")}</Link>
      </header>
      <ol class="waiting-list">
        {jobs.slice(0, waitingShown).map((job, index) => (
          <li key={job.job_id}>
            <span class="queue-place number">{formatNumber(index + 1)}</span>
            <Link href={`/jobs/${job.job_id}`} class="running-name cut" title={job.name}>
              {job.name}
            </Link>
          </li>
        ))}
        {jobs.length > waitingShown && (
          <li class="muted small">{t.n("more_waiting", jobs.length - waitingShown)}</li>
        )}
      </ol>
    </section>
  );
}

const healthIcons = { healthy: "tick", degraded: "warning", unhealthy: "fail" } as const;

function HealthLine({ health }: { health: Health | null }) {
  if (!health) return <dd class="muted">{t("health_unknown")}</dd>;
  return (
    <dd class={`tile-health health-${health.status}`}>
      <Icon name={healthIcons[health.status]} />
      {t(`health_${health.status}`)}
    </dd>
  );
}

type QueueStats = Awaited<ReturnType<typeof loadQueue>>;

function Tiles({ queue, health }: { queue: QueueStats | null; health: Health | null }) {
  return (
    <dl class="tiles">
      <div class="panel tile">
        <dt>{t("queue_running")}</dt>
        <dd class="tile-number">
          {queue ? formatNumber(queue.running) : "–"}
          {queue && <span class="tile-note">{t("of_limit", { limit: queue.max_concurrent })}</span>}
        </dd>
      </div>
      <div class="panel tile">
        <dt>{t("queue_waiting")}</dt>
        <dd class="tile-number">
          {queue ? formatNumber(queue.queue_depth) : "–"}
          {queue?.avg_wait_seconds !== null && queue !== null && (
            <span class="tile-note">
              {t("avg_wait")} {formatDuration(queue.avg_wait_seconds)}
            </span>
          )}
        </dd>
      </div>
      <div class="panel tile tile-wide">
        <dt>{t("health")}</dt>
        <HealthLine health={health} />
      </div>
    </dl>
  );
}

function FailedRow({ job }: { job: Job }) {
  const [busy, setBusy] = useState(false);
  const retry = async (): Promise<void> => {
    setBusy(true);
    try {
      if (await retryJob(job)) toast({ kind: "success", text: t("retried", { name: job.name }) });
    } catch (error) {
      if (error instanceof Error) toast({ kind: "error", text: errorText(error) });
    }
    setBusy(false);
  };
  return (
    <li class="failed-row">
      <Icon name="fail" label={statusWord(job.status)} />
      <div class="failed-words">
        <Link href={`/jobs/${job.job_id}`} class="cut" title={job.name}>
          {job.name}
        </Link>
        {job.error_message && (
          <p class="small failed-text" title={job.error_message}>
            {serverText(job.error_message, job.error_code)}
          </p>
        )}
        {job.completed_at && (
          <p class="small muted">
            <Time at={job.completed_at} />
          </p>
        )}
      </div>
      {may("job.submit") && (
        <Button size="small" icon="retry" busy={busy} onClick={() => void retry()}>
          {t("retry")}
        </Button>
      )}
    </li>
  );
}

const weekMs = 7 * 86_400_000;

const failedShown = 3;

/** The newest failed jobs of the last week that nobody has tried again since. */
async function loadFailed(signal: AbortSignal): Promise<Job[]> {
  const [failed, newest] = await Promise.all([
    call("GET /api/cloud/jobs", { query: { status: "failed", limit: 10 }, signal }),
    call("GET /api/cloud/jobs", { query: { limit: 50 }, signal }),
  ]);
  const triedAgain = new Set(newest.jobs.map((job) => job.retry_of));
  return failed.jobs
    .filter((job) => !triedAgain.has(job.job_id) && Date.now() - Date.parse(job.updated_at) < weekMs)
    .slice(0, failedShown);
}

function Attention({ failed }: { failed: readonly Job[] }) {
  if (failed.length === 0) return null;
  return (
    <section class="panel" aria-labelledby="home-attention">
      <header class="panel-head">
        <h2 id="home-attention">{t("attention")}</h2>
        <span class="small muted">{t("attention_text")}</span>
      </header>
      <ul class="failed-list">
        {failed.map((job) => (
          <FailedRow key={job.job_id} job={job} />
        ))}
      </ul>
    </section>
  );
}

function Recent({ jobs }: { jobs: readonly Job[] }) {
  if (jobs.length === 0) return null;
  return (
    <section class="stack" aria-labelledby="home-recent">
      <h2 id="home-recent">{t("recent")}</h2>
      <ul class="recent-list">
        {jobs.map((job) => (
          <li key={job.job_id}>
            <Link href={`/jobs/${job.job_id}`} class="panel recent-card">
              <LastSample jobId={job.job_id} name={job.name} />
              <span class="recent-words">
                <span class="cut recent-name">{job.name}</span>
                <span class="small muted cut">
                  {job.completed_at && <Time at={job.completed_at} />}
                  {job.duration_seconds !== null && ` · ${formatDuration(job.duration_seconds)}`}
                </span>
              </span>
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}

const loadQueue = (signal: AbortSignal) => call("GET /api/queue/stats", { signal });
const loadHealth = (signal: AbortSignal) => call("GET /api/cloud/health", { signal });
const loadRecent = (signal: AbortSignal) =>
  call("GET /api/cloud/jobs", { query: { status: "completed", limit: 6 }, signal });

/** Home of a server with jobs: what runs, what needs the user, the queue, the server's health, what came home. */
export function Overview({ checklist }: { checklist: ComponentChildren }) {
  const queue = useLoad(loadQueue, []);
  const health = useLoad(loadHealth, []);
  const failed = useLoad(loadFailed, []);
  const recent = useLoad(loadRecent, []);
  useReloadOn(["job.created", "job.status", "settings.changed"], queue.reload);
  useReloadOn(["job.created", "job.status", "job.deleted"], failed.reload);
  useReloadOn(["job.status", "job.deleted"], recent.reload);
  // Everything appears at once: parts that come one after the other would push each other away.
  const waitsFor = [queue, health, failed, recent].some((part) => part.data === null && part.error === null);
  if (waitsFor || !activeJobsKnown.value) {
    return (
      <Page title={t("title")}>
        <Skeleton lines={6} />
      </Page>
    );
  }
  return (
    <Page title={t("title")}>
      <Tiles queue={queue.data} health={health.data} />
      <div class="home-grid">
        <Running />
        <div class="stack home-side">
          {checklist}
          <Attention failed={failed.data ?? []} />
          <Waiting />
        </div>
      </div>
      <Recent jobs={recent.data?.jobs ?? []} />
    </Page>
  );
}
