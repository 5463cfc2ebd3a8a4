/** Names that callers gave to the datasets of their submits, and the jobs these became. */
export interface UploadIds {
  remember(userId: string, uploadId: string, jobId: string): void;
  find(userId: string, uploadId: string): string | null;
}

/** Names kept; the oldest go first. Whoever comes later finds the job by its own id. */
const mostNames = 10_000;

/** Remembers names in memory: they are of use while datasets are on their way. */
export function uploadIds(): UploadIds {
  const jobs = new Map<string, string>();
  const nameOf = (userId: string, uploadId: string): string => JSON.stringify([userId, uploadId]);
  return {
    remember(userId, uploadId, jobId) {
      jobs.set(nameOf(userId, uploadId), jobId);
      const [oldest] = jobs.keys();
      if (jobs.size > mostNames && oldest !== undefined) jobs.delete(oldest);
    },
    find: (userId, uploadId) => jobs.get(nameOf(userId, uploadId)) ?? null,
  };
}
