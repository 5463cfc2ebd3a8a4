import type { Job } from "@simpletuner-cloud/contract/jobs.ts";

/** What went wrong, as far as a person can act on it. */
export type FailureKind =
  | "memory"
  | "disk"
  | "killed"
  | "consent"
  | "dataset"
  | "config"
  | "lost"
  | "provider"
  | "trainer"
  | "other";

/** Signs that count wherever they stand: trainers report these in words of their own. */
const anywhere: readonly (readonly [FailureKind, RegExp])[] = [
  ["memory", /out.?of.?memory|\bOOM\b|cannot allocate memory|heap limit/i],
  ["disk", /disk_full|no space left|ENOSPC/i],
];

/** Signs in the error code; a trainer's message may contain any of these words by chance. */
const inCode: readonly (readonly [FailureKind, RegExp])[] = [
  ["killed", /killed/],
  ["consent", /consent/],
  ["dataset", /dataset/],
  ["config", /config/],
  ["lost", /lost/],
  ["provider", /provider|unreachable/],
  ["trainer", /trainer/],
];

/** The kind of a failed job's failure, from its code and its message. */
export function failureKind(job: Pick<Job, "error_code" | "error_message">): FailureKind {
  const code = job.error_code ?? "";
  const text = `${code} ${job.error_message ?? ""}`;
  const found = anywhere.find(([, sign]) => sign.test(text)) ?? inCode.find(([, sign]) => sign.test(code));
  return found?.[0] ?? "other";
}
