import type { Quota, QuotaAccounts } from "../adapters/storage/limited-storage.ts";
import type { ObjectStorage } from "../adapters/storage/storage.ts";
import { outputsBucket } from "../domain/run-files.ts";

/** What the quotas need. */
export interface StorageQuotaOptions {
  /** The limits as of now; null is none. */
  limits: () => Promise<StorageLimits> | StorageLimits;
  /** Whose job it is; null when there is no such job. */
  userOf: (jobId: string) => Promise<string | null>;
  /** Every job of the user that may have stored something. */
  jobsOf: (userId: string) => Promise<readonly string[]>;
  storage: Pick<ObjectStorage, "usage" | "listUploads" | "listParts">;
  /** So long a measurement holds; absent: for as long as this process alone stores. */
  measuredMs?: number;
}

/** Bytes that one job, and all jobs of one user together, may store. */
export interface StorageLimits {
  jobBytes: number | null;
  userBytes: number | null;
}

/**
 * Counts what each job and each user has stored, open parts included. A job is measured once and then kept current by
 * what is stored; after something went away it is measured anew.
 */
export function storageQuotas(options: StorageQuotaOptions): QuotaAccounts {
  const measured = new Map<string, Promise<number>>();
  const untilMs = new Map<string, number>();
  const bytesOf = (jobId: string, anew: boolean): Promise<number> => {
    const isOld = (untilMs.get(jobId) ?? Number.POSITIVE_INFINITY) < performance.now();
    const known = anew || isOld ? undefined : measured.get(jobId);
    if (known) return known;
    const measuring = measure(options.storage, jobId);
    measured.set(jobId, measuring);
    if (options.measuredMs !== undefined) untilMs.set(jobId, performance.now() + options.measuredMs);
    measuring.catch(() => {
      if (measured.get(jobId) === measuring) measured.delete(jobId);
    });
    return measuring;
  };
  const bytesOfUser = async (userId: string, anew: boolean): Promise<number> => {
    let sum = 0;
    for (const jobId of await options.jobsOf(userId)) sum += await bytesOf(jobId, anew);
    return sum;
  };
  return {
    async quotasOf(bucket, key, mustBeExact) {
      const { jobBytes, userBytes } = await options.limits();
      const jobId = areaOf(bucket, key);
      if (jobId === null || (jobBytes === null && userBytes === null)) return [];
      const quotas: Quota[] = [];
      if (jobBytes !== null) {
        const usedBytes = await bytesOf(jobId, mustBeExact);
        quotas.push({ account: `job ${jobId}`, limitBytes: jobBytes, usedBytes });
      }
      const userId = userBytes === null ? null : await options.userOf(jobId);
      if (userBytes !== null && userId !== null) {
        const usedBytes = await bytesOfUser(userId, mustBeExact);
        quotas.push({ account: `user ${userId}`, limitBytes: userBytes, usedBytes });
      }
      return quotas;
    },
    onStored(bucket, key, sizeBytes) {
      const jobId = areaOf(bucket, key);
      const known = jobId === null ? undefined : measured.get(jobId);
      if (jobId === null || !known) return;
      const grown = known.then((bytes) => bytes + sizeBytes);
      // Whoever asks for it hears of the failure.
      grown.catch(() => {
        if (measured.get(jobId) === grown) measured.delete(jobId);
      });
      measured.set(jobId, grown);
    },
    onRemoved(bucket, prefix) {
      const jobId = areaOf(bucket, prefix);
      if (jobId === null) return;
      measured.delete(jobId);
      untilMs.delete(jobId);
    },
  };
}

/** The job in whose area a key of the outputs' bucket lies; null elsewhere. */
function areaOf(bucket: string, key: string): string | null {
  const end = key.indexOf("/");
  return bucket === outputsBucket && end > 0 ? key.slice(0, end) : null;
}

async function measure(storage: StorageQuotaOptions["storage"], jobId: string): Promise<number> {
  const prefix = `${jobId}/`;
  let { sizeBytes } = await storage.usage(outputsBucket, prefix);
  for (const { bucket, key, uploadId } of await storage.listUploads(outputsBucket, prefix)) {
    for (const part of await storage.listParts({ bucket, key, uploadId })) sizeBytes += part.sizeBytes;
  }
  return sizeBytes;
}
