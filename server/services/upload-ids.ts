import { createHash } from "node:crypto";
import type { StateStore } from "../adapters/state/state.ts";

/** Names that callers gave to the datasets of their submits, and the jobs these became. */
export interface UploadIds {
  remember(userId: string, uploadId: string, jobId: string): Promise<void>;
  find(userId: string, uploadId: string): Promise<string | null>;
}

/** Names are of use while datasets are on their way. */
const keptMs = 24 * 3_600_000;

/**
 * Remembers names in the shared state, so that progress can be asked for at any server. Where the state does not answer,
 * whoever asks finds the job by its own id.
 */
export function uploadIds(state: Pick<StateStore, "get" | "set">): UploadIds {
  const keyOf = (userId: string, uploadId: string): string => {
    const name = JSON.stringify([userId, uploadId]);
    return `upload:${createHash("sha256").update(name).digest("hex").slice(0, 40)}`;
  };
  return {
    async remember(userId, uploadId, jobId) {
      await state.set(keyOf(userId, uploadId), jobId, keptMs).catch(() => false);
    },
    async find(userId, uploadId) {
      const found = await state.get(keyOf(userId, uploadId)).catch(() => null);
      return found?.value ?? null;
    },
  };
}
