import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Provider } from "../adapters/providers/provider.ts";
import type { JobStore } from "../db/stores/jobs.ts";
import type { UploadTokenStore } from "../db/stores/upload-tokens.ts";
import type { StatePaths } from "../config/state-paths.ts";
import type { JobQueue } from "./start-queued-jobs.ts";

/** Jobs taken up at once after a start; more than can be under way at any limit. */
const mostJobs = 10_000;

/**
 * After a start: takes up every job that was under way when the server last stopped, however it stopped, and
 * removes folders, archives and credentials that no such job owns.
 */
export async function rescueJobs(options: {
  jobs: JobStore;
  uploadTokens: UploadTokenStore;
  queue: JobQueue;
  paths: StatePaths;
  findProvider: (id: string) => Pick<Provider, "forget">;
  uploadDrainMs: number;
  now: () => number;
}): Promise<{ rescued: number }> {
  // Listed before the jobs are read: what a job submitted meanwhile makes is not on the list and stays.
  const found = [...(await entriesOf(options.paths.jobs)), ...(await entriesOf(options.paths.packages))];
  const underWay = await options.jobs.inStatus(["uploading", "queued", "running"], mostJobs);
  const owned = new Set(underWay.map((job) => job.wire.job_id));
  for (const { jobId, path } of found.filter((each) => !owned.has(each.jobId))) {
    // A job that ended just before the stop may have something at its provider that only its folder knows of.
    const job = await options.jobs.find(jobId);
    if (job) await options.findProvider(job.wire.provider).forget(jobId);
    await rm(path, { recursive: true, force: true });
  }
  await options.uploadTokens.removeOfJobsOverBefore(options.now() - options.uploadDrainMs);
  for (const jobId of owned) await options.queue.offer(jobId);
  options.queue.wake();
  return { rescued: owned.size };
}

/** What lies in a folder, with the job each entry is named after (`<job id>`, `<job id>.zip`). */
async function entriesOf(folder: string): Promise<{ jobId: string; path: string }[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  return names.map((name) => ({ jobId: name.split(".")[0] ?? name, path: join(folder, name) }));
}
