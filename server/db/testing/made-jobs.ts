import { newJobRecord, type JobRecord, type NewJob } from "../../domain/job-record.ts";
import type { Stores } from "../stores/open-stores.ts";

const snapshot = { config: "{}", dataloader: "[]", plan: "{}" };
let made = 0;

/** A new job that nobody has yet; ids grow as those of the product do. */
export function newJob(more: Partial<NewJob> = {}, atMs = Date.now()): JobRecord {
  const jobId = `job-${String(++made).padStart(8, "0")}`;
  return newJobRecord(
    {
      jobId,
      userId: "ada",
      provider: "local",
      jobType: "local",
      name: jobId,
      configName: null,
      modelFamily: null,
      transfer: "in_place",
      consentedFingerprint: null,
      retryOf: null,
      hardwareType: null,
      metadata: {},
      ...more,
    },
    atMs,
  );
}

/** Writes a new job and answers its id. */
export async function insertJob(
  { jobs }: Pick<Stores, "jobs">,
  more: Partial<NewJob> = {},
  atMs?: number,
): Promise<string> {
  const job = newJob(more, atMs);
  await jobs.insert(job, snapshot, [{ type: "job.created", data: {} }], null);
  return job.wire.job_id;
}
