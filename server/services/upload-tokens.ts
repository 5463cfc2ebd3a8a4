import { createHmac, randomBytes } from "node:crypto";
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

/** A live credential and what it opens: the job's area of the outputs, or its staged archive. */
export interface LiveUploadToken {
  jobId: string;
  secretAccessKey: string;
  opens: "outputs" | "archive";
}

/** The storage endpoint and a credential that reads a job's staged archive there. */
export interface StorageShare {
  endpointUrl: string;
  accessKeyId: string;
  secretAccessKey: string;
}

/** At the end of an access key that only reads the job's archive; its secret is made of the job's own. */
const archiveKeyEnd = "-ARCHIVE";

function archiveSecret(secretAccessKey: string): string {
  return createHmac("sha256", secretAccessKey).update("archive").digest("base64url");
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
    const ofArchive =
      accessKeyId.endsWith(archiveKeyEnd) && accessKeyId.length === accessKeyLength + archiveKeyEnd.length;
    const stored = await store.byAccessKey(ofArchive ? accessKeyId.slice(0, accessKeyLength) : accessKeyId);
    if (!stored) return null;
    const endedAtMs = stored.completedAtMs;
    if (endedAtMs !== null && options.now() >= endedAtMs + options.drainMs) return null;
    const { jobId } = stored;
    const secret = secrets.open(stored.sealedSecret);
    return ofArchive
      ? { jobId, secretAccessKey: archiveSecret(secret), opens: "archive" }
      : { jobId, secretAccessKey: secret, opens: "outputs" };
  };
  /** Where and with what credential a run of the job uploads; the same for every attempt. */
  const targetFor = async (jobId: string, provider: string): Promise<UploadTarget> => {
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
  };
  return {
    targetFor,
    /** What reads the job's staged archive as long as the job's own credential lives. */
    async shareFor(jobId: string, provider: string): Promise<StorageShare> {
      const { endpointUrl, accessKeyId, secretAccessKey } = await targetFor(jobId, provider);
      return {
        endpointUrl,
        accessKeyId: accessKeyId + archiveKeyEnd,
        secretAccessKey: archiveSecret(secretAccessKey),
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
