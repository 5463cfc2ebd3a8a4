import type { PublishedFile } from "../adapters/publishers/publisher.ts";
import type { JobStore } from "../db/stores/jobs.ts";
import type { JobRecord } from "../domain/job-record.ts";
import { modelCard } from "../domain/model-card.ts";
import type { JobSnapshots } from "./job-snapshots.ts";

/** What cards are made from. */
export interface ModelCardOptions {
  jobs: JobStore;
  snapshots: JobSnapshots;
}

/** Describes a job's model for the people who get it. */
export function modelCards({ jobs, snapshots }: ModelCardOptions) {
  return async (job: JobRecord, files: readonly PublishedFile[], license: string | null): Promise<string> => {
    const { config, dataloader } = await snapshots.shown(job.wire.job_id);
    const snapshot = await jobs.snapshot(job.wire.job_id);
    return modelCard({
      job: job.wire,
      config,
      dataloader,
      datasets: plannedDatasets(snapshot?.plan ?? "{}"),
      paths: files.map(({ path }) => path),
      license,
    });
  };
}

/** See {@link modelCards}. */
export type ModelCards = ReturnType<typeof modelCards>;

function plannedDatasets(plan: string): { id: string; files: number; bytes: number }[] {
  const { datasets = [] } = JSON.parse(plan) as {
    datasets?: { id: string; file_count?: number; total_bytes?: number }[];
  };
  return datasets.map(({ id, file_count = 0, total_bytes = 0 }) => ({
    id,
    files: file_count,
    bytes: total_bytes,
  }));
}
