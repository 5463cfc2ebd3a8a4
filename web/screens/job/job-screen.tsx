import { useEffect } from "preact/hooks";
import { ApiError } from "../../api.ts";
import { ButtonLink } from "../../components/button.tsx";
import { EmptyState } from "../../components/empty-state.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Icon } from "../../components/icon.tsx";
import { Link } from "../../components/link.tsx";
import { Page } from "../../components/page.tsx";
import { Skeleton } from "../../components/skeleton.tsx";
import { StatusBadge } from "../../components/status-badge.tsx";
import { Tabs } from "../../components/tabs.tsx";
import type { Job, JobEvent } from "@simpletuner-cloud/contract/jobs.ts";
import { formatPercent } from "../../i18n.ts";
import { jobPercent } from "../../job-progress.ts";
import { route } from "../../router.ts";
import { JobActions } from "./job-actions.tsx";
import { JobArtifacts } from "./job-artifacts.tsx";
import { JobConfigTab } from "./job-config.tsx";
import { JobCharts } from "./job-charts.tsx";
import { useJob, useJobEvents, useJobFiles, type JobFiles } from "./job-data.ts";
import { JobAnnouncer, JobFigures } from "./job-header.tsx";
import { useJobMetrics } from "./job-metrics.ts";
import { JobNotes } from "./job-notes.tsx";
import { JobOverview } from "./job-overview.tsx";
import { JobEvents } from "./job-events.tsx";
import { Receiving } from "./job-receiving.tsx";
import { JobLogs, JobSamples } from "./job-tabs.tsx";
import { t } from "./words.ts";

// Only this page needs these styles; its code waits for them, so that nothing is shown without.
await import("../../styles/job.css");

const tabKeys = ["overview", "charts", "samples", "logs", "files", "config", "events"] as const;
type TabKey = (typeof tabKeys)[number];

/** The page of one job, kept current by the event stream. */
export function JobScreen({ jobId }: { jobId: string }) {
  const { job, error, gone, reload } = useJob(jobId);
  if (gone) return <Absent title={t("deleted_title")} text={t("deleted", { name: job?.name ?? jobId })} />;
  if (!job) {
    if (error instanceof ApiError && error.status === 404) {
      return <Absent title={t("not_found_title")} text={t("not_found", { id: jobId })} />;
    }
    return (
      <Page title={jobId} above={<Above />}>
        {error ? <ErrorBox error={error} onRetry={reload} /> : <Skeleton lines={6} />}
      </Page>
    );
  }
  return <LoadedJob key={jobId} job={job} />;
}

function Above() {
  return (
    <p class="job-above">
      <Link href="/jobs">
        <Icon name="arrowLeft" />
        {t("jobs")}
      </Link>
    </p>
  );
}

function Absent({ title, text }: { title: string; text: string }) {
  return (
    <Page title={title}>
      <EmptyState
        icon="unknown"
        title={title}
        text={text}
        action={<ButtonLink href="/jobs">{t("to_jobs")}</ButtonLink>}
      />
    </Page>
  );
}

function LoadedJob({ job }: { job: Job }) {
  const current = tabKeys.find((key) => key === route.value.query.get("tab")) ?? "overview";
  const events = useJobEvents(job.job_id);
  const { files, error: filesError, reload: reloadFiles } = useJobFiles(job.job_id);
  const metrics = useJobMetrics(
    job,
    current === "charts" ? "whole" : current === "overview" ? "glance" : "none",
  );
  const percent = job.status === "running" ? jobPercent(job) : null;
  useEffect(showCurrentTab, [current]);
  return (
    <Page
      title={percent === null ? job.name : `${formatPercent(percent)} ${job.name}`}
      above={<Above />}
      heading={
        <span class="job-heading">
          {job.name} <StatusBadge status={job.status} cancelling={job.is_active && job.cancel_requested} />
        </span>
      }
      actions={<JobActions job={job} files={files} lastCheckpoint={lastCheckpoint(events)} />}
      class="job"
    >
      <JobAnnouncer job={job} />
      <JobFigures job={job} />
      <JobNotes job={job} />
      <Tabs label={t("parts")} current={current} tabs={tabsOf(job, files, events)} />
      {current === "overview" && job.status === "running" && job.progress?.stage === "Uploading" && (
        <Receiving job={job} />
      )}
      {current === "overview" && <JobOverview job={job} events={events} files={files} metrics={metrics} />}
      {current === "charts" && <JobCharts job={job} events={events} metrics={metrics} />}
      {current === "samples" && <JobSamples job={job} files={files} />}
      {current === "logs" && <JobLogs job={job} />}
      {current === "files" && (
        <JobArtifacts job={job} files={files} error={filesError} onReload={reloadFiles} />
      )}
      {current === "config" && <JobConfigTab job={job} />}
      {current === "events" && <JobEvents events={events} />}
    </Page>
  );
}

/** On a narrow screen the row of tabs scrolls; the current one must not be outside it. */
function showCurrentTab(): void {
  const tab = document.querySelector<HTMLElement>(".job .tab[aria-current]");
  const row = tab?.parentElement;
  if (tab && row) row.scrollLeft = tab.offsetLeft - row.offsetLeft - (row.clientWidth - tab.offsetWidth) / 2;
}

function tabsOf(job: Job, files: JobFiles | null, events: readonly JobEvent[] | null) {
  const counts: Partial<Record<TabKey, number | undefined>> = {
    samples: files?.artifacts.filter((artifact) => artifact.kind === "sample").length,
    files: files?.artifacts.length,
    events: events?.length,
  };
  const path = `/jobs/${encodeURIComponent(job.job_id)}`;
  return tabKeys.map((key) => ({
    key,
    text: t(key),
    href: key === "overview" ? path : `${path}?tab=${key}`,
    count: counts[key],
  }));
}

function lastCheckpoint(events: readonly JobEvent[] | null): number | null {
  const step = events?.findLast((event) => event.type === "job.checkpoint")?.data["step"];
  return typeof step === "number" ? step : null;
}
