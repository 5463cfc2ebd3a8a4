/** What is done with datasets. */
export type PackagingStage = "scanning" | "packaging" | "uploading" | "complete";

/** How far that is, as the progress API sends it. */
export interface PackagingProgress {
  readonly stage: PackagingStage;
  readonly files_done: number;
  /** Null where bytes are all that is counted. */
  readonly files_total: number | null;
  readonly bytes_done: number;
  readonly bytes_total: number;
  /** Mean of the last five seconds. */
  readonly bytes_per_second: number;
  /** Null while there is no rate to tell it from. */
  readonly eta_seconds: number | null;
  readonly current_file: string | null;
}

/** Turns frequent counts into progress that a person can read: at most four reports a second, besides the first of each stage. */
export interface ProgressMeter {
  /** Starts a stage at zero and reports it. */
  start(stage: PackagingStage, filesTotal: number | null, bytesTotal: number): void;
  /** Counts more bytes; `filesDone` is absolute. */
  advance(filesDone: number, moreBytes: number, currentFile: string | null): void;
  /** Reports the end, everything done; of an upload, that it has arrived. */
  finish(): void;
}

const reportEveryMs = 250;
const rateOverMs = 5_000;

/** Makes a meter that calls `report`; `now` is a clock in milliseconds. */
export function progressMeter(
  report: (progress: PackagingProgress) => void,
  now: () => number = () => performance.now(),
): ProgressMeter {
  let stage: PackagingStage = "scanning";
  let filesDone = 0;
  let filesTotal: number | null = 0;
  let bytesDone = 0;
  let bytesTotal = 0;
  let currentFile: string | null = null;
  let reportedAt = Number.NEGATIVE_INFINITY;
  let samples: { readonly at: number; readonly bytes: number }[] = [];

  const send = (at: number): void => {
    samples = [...samples.filter((sample) => at - sample.at <= rateOverMs), { at, bytes: bytesDone }];
    const oldest = samples[0];
    const elapsedMs = oldest === undefined ? 0 : at - oldest.at;
    const rate = oldest === undefined || elapsedMs <= 0 ? 0 : ((bytesDone - oldest.bytes) * 1000) / elapsedMs;
    const left = Math.max(0, bytesTotal - bytesDone);
    reportedAt = at;
    report({
      stage,
      files_done: filesDone,
      files_total: filesTotal,
      bytes_done: bytesDone,
      bytes_total: bytesTotal,
      bytes_per_second: Math.round(rate),
      eta_seconds: left === 0 ? 0 : rate > 0 ? Math.ceil(left / rate) : null,
      current_file: currentFile,
    });
  };

  return {
    start(next, files, bytes) {
      [stage, filesDone, filesTotal, bytesDone, bytesTotal, currentFile, samples] = [
        next,
        0,
        files,
        0,
        bytes,
        null,
        [],
      ];
      send(now());
    },
    advance(files, moreBytes, file) {
      filesDone = files;
      bytesDone += moreBytes;
      currentFile = file;
      const at = now();
      if (at - reportedAt >= reportEveryMs) send(at);
    },
    finish() {
      if (stage !== "uploading") stage = "complete";
      [filesDone, bytesDone, currentFile] = [filesTotal ?? 0, bytesTotal, null];
      send(now());
    },
  };
}
