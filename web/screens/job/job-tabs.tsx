import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import { EmptyState } from "../../components/empty-state.tsx";
import { logLevels } from "../../components/log-view-state.ts";
import { LogView } from "../../components/log-view.tsx";
import { SampleGallery } from "../../components/sample-gallery.tsx";
import { Skeleton } from "../../components/skeleton.tsx";
import { hrefWith, route, setQuery } from "../../router.ts";
import type { JobFiles } from "./job-data.ts";
import { t } from "./result-words.ts";

/** The gallery of a job's samples; its place stands in the address. */
export function JobSamples({ job, files }: { job: Job; files: JobFiles | null }) {
  if (!files) return <Skeleton lines={2} height="10rem" />;
  const samples = files.artifacts.filter((artifact) => artifact.kind === "sample");
  if (samples.length === 0) {
    return (
      <EmptyState
        icon="image"
        title={t("samples_empty_title")}
        text={t(job.is_active ? "samples_empty_wait" : "samples_empty_end")}
      />
    );
  }
  const { query } = route.value;
  return (
    <SampleGallery
      samples={samples}
      place={{
        step: query.get("step"),
        pins: query.get("pins"),
        mode: query.get("view") === "side" ? "side" : "wipe",
        open: query.get("open"),
      }}
      onPlace={(change, replace) =>
        setQuery(
          {
            ...("step" in change && { step: change.step ?? null }),
            ...("pins" in change && { pins: change.pins ?? null }),
            ...("mode" in change && { view: change.mode === "side" ? "side" : null }),
            ...("open" in change && { open: change.open ?? null }),
          },
          { replace },
        )
      }
    />
  );
}

/** The log of a job; search, level and chosen lines stand in the address. `#L12` is understood, too. */
export function JobLogs({ job }: { job: Job }) {
  const { query } = route.value;
  const fragment = /^#(L\d+(?:-L?\d+)?)$/.exec(location.hash)?.[1] ?? null;
  return (
    <LogView
      jobId={job.job_id}
      live={job.is_active}
      fromEnd={job.status === "failed"}
      level={logLevels.find((level) => level === query.get("level")) ?? null}
      query={query.get("find") ?? ""}
      range={query.get("line") ?? fragment}
      hrefOf={(line) => hrefWith({ line: String(line) })}
      onChange={(change) =>
        setQuery(
          {
            ...("level" in change && { level: change.level ?? null }),
            ...("query" in change && { find: change.query ?? null }),
            ...("range" in change && { line: change.range ?? null }),
          },
          { replace: true },
        )
      }
    />
  );
}
