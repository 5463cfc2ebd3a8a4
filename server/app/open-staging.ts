import { openStorage, type OpenStorage } from "../adapters/storage/open-storage.ts";
import { presignedAddress } from "../adapters/storage/s3/presigned-address.ts";
import type { StatePaths } from "../config/state-paths.ts";
import { archiveStaging } from "../services/archive-staging.ts";
import type { UploadTokens } from "../services/upload-tokens.ts";
import type { AppOptions } from "./app-options.ts";

/** What {@link openStaging} stands on. */
export interface StagingParts {
  paths: StatePaths;
  /** The storage of the outputs, within its limits. */
  storage: OpenStorage;
  tokens: Pick<UploadTokens, "shareFor">;
  /** The endpoint's public address for trainers at Replicate, null without one. */
  publicUrl: () => Promise<string | null>;
}

/** Where Replicate fetches archives that it does not take as an upload: a bucket outside, else this server's endpoint. */
export async function openStaging({ config, now }: AppOptions, parts: StagingParts) {
  const external = config.stagingBucket;
  const storage =
    external === null
      ? parts.storage
      : await openStorage({ localRoot: parts.paths.outputs, keepFreeBytes: 0, external });
  const isOutside = external !== null || config.externalStorage !== null;
  return archiveStaging({
    storage,
    place: async () => (isOutside ? "bucket" : (await parts.publicUrl()) === null ? null : "server"),
    share: (jobId) => parts.tokens.shareFor(jobId, "replicate"),
    presign: ({ endpointUrl, ...signer }, bucket, key, validSeconds) =>
      presignedAddress(
        { bucket, endpoint: endpointUrl, region: "us-east-1", pathStyle: true },
        key,
        new Map(),
        signer,
        now(),
        validSeconds,
      ),
  });
}
