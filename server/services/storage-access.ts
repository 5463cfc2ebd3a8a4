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

/** The areas of a bucket that a person may look at, from one on, page by page; null where that is no bucket at all. */
export type StorageAreas = (caller: Caller, bucket: string) => ((from: string) => Promise<string[]>) | null;

/** So many areas are looked up at a time. */
const areasAtOnce = 1_000;

/** A person reaches the areas of the jobs they may see; whole buckets only with the right to all jobs. */
export function storageRights(jobs: JobStore): { access: StorageAccess; areas: StorageAreas } {
  return {
    async access(caller, action, bucket, key) {
      if (callerMay(caller, `job.${action}.all`)) return true;
      const [jobId] = key.split("/", 1);
      const job = bucket === outputsBucket && jobId ? await jobs.findWire(jobId) : null;
      return job !== null && mayWithJob(caller, action, job.user_id);
    },
    areas(caller, bucket) {
      if (bucket !== outputsBucket || !callerMay(caller, "job.view.own")) return null;
      return async (from) => {
        const [jobId = ""] = from.split("/", 1);
        return (await jobs.idsOfUser(caller.userId, jobId, areasAtOnce)).map((id) => `${id}/`);
      };
    },
  };
}
