import { existsSync } from "node:fs";
import {
  type StorageVerdict,
  type VerifyOptions,
  verifyStorage,
} from "./adapters/storage/local/verify-storage.ts";
import { statePaths } from "./config/state-paths.ts";
import { checksumHasher } from "./http/s3/checksums.ts";

/** See {@link VerifyOptions}. */
export type VerifyOutputsOptions = Omit<VerifyOptions, "root" | "startChecksum"> & { stateDir: string };

/**
 * Checks every object below a state directory, also while its server runs. `sizeBytes` in bytes. Null when there is
 * no storage, as before the first start or with an external bucket.
 */
export async function verifyOutputs({
  stateDir,
  ...options
}: VerifyOutputsOptions): Promise<StorageVerdict | null> {
  const { outputs: root } = statePaths(stateDir);
  if (!existsSync(root)) return null;
  return verifyStorage({ ...options, root, startChecksum: checksumHasher });
}
