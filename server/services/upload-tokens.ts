import { randomBytes } from "node:crypto";
import type { UploadTarget } from "../adapters/providers/provider.ts";
import type { UploadTokenStore } from "../db/stores/upload-tokens.ts";
import { isSameSecret, type SecretBox } from "../domain/sealed-secret.ts";
import { outputsBucket } from "../domain/run-files.ts";
import { storagePath } from "./results.ts";

/** What upload tokens need. */
export interface UploadTokenOptions {
  store: UploadTokenStore;
  secrets: SecretBox;
  /** This server's address as a trainer at the provider reaches it. */
  baseUrl: (provider: string) => Promise<string>;
  /** So long after its job's end a credential still opens the job's area, for a last upload that is under way. */
  drainMs: number;
  now: () => number;
}

/** A live credential and what it opens. */
export interface LiveUploadToken {
  jobId: string;
  secretAccessKey: string;
}

/** Characters of an access key id: `STU` and 24 digits. */
const accessKeyLength = 27;

/**
 * Storage credentials of jobs: made when a run is handed over, good for the job's own area, dead soon after the job
 * is over. The secret begins with the access key's id, so that it can stand alone as `X-Upload-Token`.
 */
export function uploadTokens(options: UploadTokenOptions) {
  const { store, secrets } = options;
  const ofJob = async (jobId: string) => {
    const stored = await store.byJob(jobId);
    return stored && { accessKeyId: stored.accessKeyId, secretAccessKey: secrets.open(stored.sealedSecret) };
  };
  /** The credential of an access key while its job is active or has only just ended, or null. */
  const findLive = async (accessKeyId: string): Promise<LiveUploadToken | null> => {
    const stored = await store.byAccessKey(accessKeyId);
    if (!stored) return null;
    const endedAtMs = stored.completedAtMs;
    if (endedAtMs !== null && options.now() >= endedAtMs + options.drainMs) return null;
    return { jobId: stored.jobId, secretAccessKey: secrets.open(stored.sealedSecret) };
  };
  return {
    /** Where and with what credential a run of the job uploads; the same for every attempt. */
    async targetFor(jobId: string, provider: string): Promise<UploadTarget> {
      let token = await ofJob(jobId);
      if (!token) {
        const accessKeyId = `STU${randomBytes(12).toString("hex").toUpperCase()}`;
        token = { accessKeyId, secretAccessKey: accessKeyId + randomBytes(30).toString("base64url") };
        await store.insert({
          accessKeyId: token.accessKeyId,
          jobId,
          sealedSecret: secrets.seal(token.secretAccessKey),
        });
      }
      const base = await options.baseUrl(provider);
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
    findLive,
    /** The same for a secret that comes alone, in a header. */
    async findByToken(token: string): Promise<LiveUploadToken | null> {
      const live = await findLive(token.slice(0, accessKeyLength));
      return live && isSameSecret(live.secretAccessKey, token) ? live : null;
    },
    revoke: (jobId: string) => store.removeOfJob(jobId),
  };
}

/** See {@link uploadTokens}. */
export type UploadTokens = ReturnType<typeof uploadTokens>;
