import type { DeliveryProgress } from "@simpletuner-cloud/contract/deliveries.ts";
import type { PublishedFile, PublishWatch } from "../adapters/publishers/publisher.ts";

/** The rate is that of the last seconds. */
const rateOverMs = 10_000;

/** Counts what a delivery has moved; `progress` is what a person sees of it now. */
export function deliveryMeter(files: readonly PublishedFile[], now: () => number) {
  const bytesTotal = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const sizes = new Map(files.map(({ path, sizeBytes }) => [path, sizeBytes]));
  let filesDone = 0;
  let bytesDone = 0;
  let currentFile: string | null = null;
  const recent = [{ atMs: now(), bytes: 0 }];
  const watch: PublishWatch = {
    begins(path) {
      currentFile = path;
    },
    moved(bytes) {
      bytesDone += bytes;
    },
    arrived(path, pendingBytes) {
      filesDone += 1;
      bytesDone += Math.min(pendingBytes, sizes.get(path) ?? 0);
    },
  };
  return {
    watch,
    progress(): DeliveryProgress {
      const nowMs = now();
      recent.push({ atMs: nowMs, bytes: bytesDone });
      while (recent.length > 2 && nowMs - (recent[1]?.atMs ?? nowMs) >= rateOverMs) recent.shift();
      const [from = { atMs: nowMs, bytes: 0 }] = recent;
      const seconds = Math.max(0.001, (nowMs - from.atMs) / 1_000);
      const rate = Math.max(0, Math.round((bytesDone - from.bytes) / seconds));
      const done = Math.min(bytesTotal, Math.max(0, bytesDone));
      return {
        files_done: Math.min(filesDone, files.length),
        files_total: files.length,
        bytes_done: done,
        bytes_total: bytesTotal,
        bytes_per_second: rate,
        eta_seconds: rate === 0 ? null : Math.ceil((bytesTotal - done) / rate),
        current_file: currentFile,
      };
    },
  };
}
