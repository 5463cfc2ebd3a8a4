import { fail } from "@simpletuner-cloud/contract/errors.ts";
import { type Caller, callerMay, type Permission } from "@simpletuner-cloud/contract/permissions.ts";
import type { JobStore } from "../db/stores/jobs.ts";
import type { JobRecord } from "../domain/job-record.ts";

/** What a caller wants to do with a job; each has a permission for own jobs and one for all. */
export type JobAction = "view" | "cancel" | "delete";

/** True when the caller may do it with a job of `ownerId`. */
export function mayWithJob(caller: Caller, action: JobAction, ownerId: string): boolean {
  const all: Permission = `job.${action}.all`;
  const own: Permission = `job.${action}.own`;
  return callerMay(caller, all) || (ownerId === caller.userId && callerMay(caller, own));
}

/**
 * The job, if the caller may do `action` with it. A job the caller may not even see is `job_not_found`, so that
 * ids cannot be probed; one that it sees but may not touch is `permission_denied`.
 */
export async function accessibleJob(
  jobs: JobStore,
  caller: Caller,
  jobId: string,
  action: JobAction,
): Promise<JobRecord> {
  const job = await jobs.find(jobId);
  if (!job || !mayWithJob(caller, "view", job.wire.user_id)) throw fail("job_not_found", { job_id: jobId });
  if (!mayWithJob(caller, action, job.wire.user_id))
    throw fail("permission_denied", { permission: `job.${action}.all` });
  return job;
}

/** The stored JSON of a job that the caller may see, unopened; throws `job_not_found` as {@link accessibleJob} does. */
export async function accessibleWire(
  jobs: JobStore,
  caller: Caller,
  jobId: string,
): Promise<{ completed_at: number | null; wire: string }> {
  const job = await jobs.findWire(jobId);
  if (!job || !mayWithJob(caller, "view", job.user_id)) throw fail("job_not_found", { job_id: jobId });
  return job;
}

/** The user whose jobs the caller may list; undefined when it may see everybody's. */
export function listScope(caller: Caller): string | undefined {
  return callerMay(caller, "job.view.all") ? undefined : caller.userId;
}
