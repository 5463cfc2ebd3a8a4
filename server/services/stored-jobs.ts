import type { ObjectStorage } from "../adapters/storage/storage.ts";
import type { JobStore } from "../db/stores/jobs.ts";
import { outputsBucket } from "../domain/run-files.ts";

/** Whose the areas in the storage are. */
export interface StoredJobs {
  /** The job's user; null when there is no such job. */
  userOf(jobId: string): Promise<string | null>;
  /** The user's jobs that have stored something. */
  jobsOf(userId: string): Promise<readonly string[]>;
}

/** Lists the areas once, then adds each job that is asked for, since whoever stores is asked for first. */
export function storedJobs(options: {
  jobs: Pick<JobStore, "findWire">;
  storage: Pick<ObjectStorage, "listObjects">;
  /** So long a list holds; absent: for as long as this process alone stores. */
  listedMs?: number;
}): StoredJobs {
  const jobsByUser = new Map<string, Set<string>>();
  let listing: Promise<void> | null = null;
  let listedAtMs = 0;
  const userOf = async (jobId: string): Promise<string | null> => {
    const job = await options.jobs.findWire(jobId);
    if (job) jobsByUser.set(job.user_id, (jobsByUser.get(job.user_id) ?? new Set()).add(jobId));
    return job?.user_id ?? null;
  };
  const listAreas = async (): Promise<void> => {
    for (let after: string | null = ""; after !== null;) {
      const query = { bucket: outputsBucket, delimiter: "/", after, maxKeys: 1_000 };
      const page: Awaited<ReturnType<ObjectStorage["listObjects"]>> =
        await options.storage.listObjects(query);
      for (const prefix of page.commonPrefixes) await userOf(prefix.slice(0, -1));
      after = page.next;
    }
  };
  return {
    userOf,
    async jobsOf(userId) {
      if (performance.now() - listedAtMs > (options.listedMs ?? Number.POSITIVE_INFINITY)) listing = null;
      if (listing === null) listedAtMs = performance.now();
      listing ??= listAreas().catch((error: unknown) => {
        listing = null;
        throw error;
      });
      await listing;
      return [...(jobsByUser.get(userId) ?? [])];
    },
  };
}
