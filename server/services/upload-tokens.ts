import { randomBytes } from "node:crypto";
import { isActive, type JobStatus } from "@simpletuner-cloud/contract/jobs.ts";
import type { UploadTarget } from "../adapters/providers/provider.ts";
import type { UploadTokenStore } from "../db/stores/upload-tokens.ts";
import type { SecretBox } from "../domain/sealed-secret.ts";
import { outputsBucket } from "../domain/run-files.ts";
import { storagePath } from "./results.ts";

/** What upload tokens need. */
export interface UploadTokenOptions {
  store: UploadTokenStore;
  secrets: SecretBox;
  /** This server's address as a trainer reaches it. */
  baseUrl: () => string;
}

/** A live credential and what it opens. */
export interface LiveUploadToken {
  jobId: string;
  secretAccessKey: string;
}

/**
 * Storage credentials of jobs: made when a run is handed over, good for the job's own area, dead as soon as the job
 * is over.
 */
export function uploadTokens(options: UploadTokenOptions) {
  const { store, secrets } = options;
  const ofJob = async (jobId: string) => {
    const stored = await store.byJob(jobId);
    return stored && { accessKeyId: stored.accessKeyId, secretAccessKey: secrets.open(stored.sealedSecret) };
  };
  return {
    /** Where and with what credential a run of the job uploads; the same for every attempt. */
    async targetFor(jobId: string): Promise<UploadTarget> {
      let token = await ofJob(jobId);
      if (!token) {
        token = {
          accessKeyId: `STU${randomBytes(12).toString("hex").toUpperCase()}`,
          secretAccessKey: randomBytes(30).toString("base64url"),
        };
        await store.insert({
          accessKeyId: token.accessKeyId,
          jobId,
          sealedSecret: secrets.seal(token.secretAccessKey),
        });
      }
      const base = options.baseUrl();
      return {
        endpointUrl: base + storagePath,
        bucket: outputsBucket,
        ...token,
        callbackUrl: `${base}/api/webhooks/trainer/${jobId}`,
      };
    },
    /** Values that must never appear in the job's log. */
    async secretsOf(jobId: string): Promise<string[]> {
      const token = await ofJob(jobId);
      return token ? [token.secretAccessKey, token.accessKeyId] : [];
    },
    /** The credential of an access key while its job is active, or null. */
    async findLive(accessKeyId: string): Promise<LiveUploadToken | null> {
      const stored = await store.byAccessKey(accessKeyId);
      if (!stored || !isActive(stored.status as JobStatus)) return null;
      return { jobId: stored.jobId, secretAccessKey: secrets.open(stored.sealedSecret) };
    },
    revoke: (jobId: string) => store.removeOfJob(jobId),
  };
}

/** See {@link uploadTokens}. */
export type UploadTokens = ReturnType<typeof uploadTokens>;
