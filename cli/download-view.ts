import type { TextSink } from "./io.ts";
import { clipped, formatBytes, formatDuration, printLine } from "./output.ts";

/** Shows how far a download is: a redrawn line on a terminal, a line now and then in a pipe. */
export interface DownloadView {
  /** `bytes` of all files together are here; `key` is the file under way. */
  show(key: string, bytes: number): void;
  /** Removes the redrawn line, to print another. */
  clear(): void;
  close(): void;
}

const redrawMs = 120;
const plainEveryMs = 15_000;
const barWidth = 24;

/** The view for `sink` of a download of `totalBytes`. */
export function downloadView(
  sink: TextSink,
  totalBytes: number,
  now = () => performance.now(),
): DownloadView {
  const everyMs = sink.isTerminal ? redrawMs : plainEveryMs;
  let shownAt = now();
  let first: { atMs: number; bytes: number } | undefined;
  const clear = (): void => {
    if (sink.isTerminal) sink.write("\r\u001B[K");
  };
  return {
    show(key, bytes) {
      first ??= { atMs: now(), bytes };
      if (now() - shownAt < everyMs) return;
      shownAt = now();
      const perSecond = (1_000 * (bytes - first.bytes)) / Math.max(1, shownAt - first.atMs);
      const text = progressText(key, bytes, totalBytes, perSecond);
      if (sink.isTerminal) sink.write(`\r\u001B[K  ${clipped(text, sink.columns() - 4)}`);
      else printLine(sink, clipped(text, 200));
    },
    clear,
    close: clear,
  };
}

/** One line: bar, bytes, speed, time left, file. `perSecond` counts what came in this run, not what lay here before. */
export function progressText(key: string, bytes: number, totalBytes: number, perSecond: number): string {
  const filled = totalBytes === 0 ? barWidth : Math.round((barWidth * bytes) / totalBytes);
  const bar = "█".repeat(filled) + "░".repeat(barWidth - filled);
  const left = perSecond > 0 ? `  ${formatDuration((totalBytes - bytes) / perSecond)} left` : "";
  return `${bar} ${formatBytes(bytes)} of ${formatBytes(totalBytes)}  ${formatBytes(perSecond)}/s${left}  ${key}`;
}
