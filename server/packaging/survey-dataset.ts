import { createHash } from "node:crypto";
import { exclusionRulesVersion } from "./exclusions.ts";
import type { ScanBatch, ScanTarget } from "./scan-datasets.ts";
import { scanDataset } from "./scan-datasets.ts";
import { compareUtf8 } from "./sorted-names.ts";

/** What a scan of one dataset found. */
export interface DatasetSurvey {
  readonly files: number;
  readonly bytes: number;
  readonly newestMtimeMs: number;
  /** The file changed last, null in an empty dataset. */
  readonly newestPath: string | null;
  /** SHA-256 over path, size and modification time of every packaged file, in byte order of the paths. */
  readonly fingerprint: string;
}

/** Scans one dataset to its end, handing every batch on; nothing of it is kept but the sums. */
export async function surveyDataset(
  target: ScanTarget,
  onBatch: (batch: ScanBatch) => void | Promise<void>,
): Promise<DatasetSurvey> {
  const hash = createHash("sha256");
  let files = 0;
  let bytes = 0;
  let newestMtimeMs = 0;
  let newestPath: string | null = null;
  for await (const batch of scanDataset(target)) {
    let lines = "";
    for (const file of batch.files) {
      // NUL ends a path because no path holds it; a path may hold a newline.
      lines += `${file.path}\0${file.sizeBytes} ${file.mtimeMs}\n`;
      bytes += file.sizeBytes;
      if (newestPath !== null && file.mtimeMs <= newestMtimeMs) continue;
      newestMtimeMs = file.mtimeMs;
      newestPath = file.path;
    }
    files += batch.files.length;
    hash.update(lines);
    await onBatch(batch);
  }
  return { files, bytes, newestMtimeMs, newestPath, fingerprint: hash.digest("hex") };
}

/** One fingerprint for all datasets, whatever their order in the configuration; new exclusion rules change it too. */
export function combinedFingerprint(
  datasets: readonly { readonly id: string; readonly fingerprint: string }[],
): string {
  const hash = createHash("sha256").update(`${exclusionRulesVersion}\n`);
  for (const { id, fingerprint } of [...datasets].sort((a, b) => compareUtf8(a.id, b.id)))
    hash.update(`${id}\0${fingerprint}\n`);
  return hash.digest("hex");
}
