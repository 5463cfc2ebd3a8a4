import { type Caller, callerMay } from "@simpletuner-cloud/contract/permissions.ts";
import type { JobStore } from "../db/stores/jobs.ts";
import { outputsBucket } from "../domain/run-files.ts";
import { type JobAction, mayWithJob } from "./job-access.ts";

/** Whether a person may do something with a stored key. */
export type StorageAccess = (
  caller: Caller,
  action: JobAction,
  bucket: string,
  key: string,
) => Promise<boolean>;

/** A person reaches the areas of the jobs they may see; whole buckets only with the right to all jobs. */
export function storageAccess(jobs: JobStore): StorageAccess {
  return async (caller, action, bucket, key) => {
    if (callerMay(caller, `job.${action}.all`)) return true;
    const [jobId] = key.split("/", 1);
    const job = bucket === outputsBucket && jobId ? await jobs.findWire(jobId) : null;
    return job !== null && mayWithJob(caller, action, job.user_id);
  };
}

/** So many areas are looked up at a time. */
const areasAtOnce = 1_000;

/** The areas of a person's own jobs, null where such a person sees no bucket at all. */
export function storageAreas(jobs: JobStore) {
  return (caller: Caller, bucket: string): ((from: string) => Promise<string[]>) | null => {
    if (bucket !== outputsBucket || !callerMay(caller, "job.view.own")) return null;
    return async (from) => {
      const [jobId = ""] = from.split("/", 1);
      return (await jobs.idsOfUser(caller.userId, jobId, areasAtOnce)).map((id) => `${id}/`);
    };
  };
}

/** See {@link storageAreas}. */
export type StorageAreas = ReturnType<typeof storageAreas>;
