import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import { transferPercent } from "./job-progress.ts";

/** One leg of the way of a job's datasets. */
export interface TransferStep {
  step: "packaging" | "sending";
  state: "waiting" | "active" | "done";
  /** 0 to 100; null while it is not known. */
  percent: number | null;
}

/** How the datasets of the job travel: `upload`, `staged` and `hub` leave this machine. */
export function wayOf(job: Job): string {
  return String(job.metadata["dataset_way"] ?? "machine");
}

/** True when the datasets are sent somewhere after they were packed. */
export function isSentAway(job: Job): boolean {
  return ["upload", "staged", "hub"].includes(wayOf(job));
}

/** The legs of the way with how far each is; one leg where the archive stays on this machine. */
export function transferSteps(job: Job): TransferStep[] {
  const stage = job.upload_progress?.stage;
  const packaging: TransferStep =
    job.status === "pending"
      ? { step: "packaging", state: "waiting", percent: 0 }
      : job.status === "uploading" && stage !== "complete"
        ? { step: "packaging", state: "active", percent: transferPercent(job) }
        : { step: "packaging", state: "done", percent: 100 };
  if (!isSentAway(job)) return [packaging];
  const sending: TransferStep =
    job.status === "pending" || job.status === "uploading"
      ? { step: "sending", state: "waiting", percent: 0 }
      : job.status !== "queued"
        ? { step: "sending", state: "done", percent: 100 }
        : { step: "sending", state: "active", percent: stage === "uploading" ? transferPercent(job) : null };
  return [packaging, sending];
}
