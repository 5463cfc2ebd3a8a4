import { statfs } from "node:fs/promises";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import { errorCode } from "./file-calls.ts";

/** Free bytes on the disk that holds `folder`, as far as this process may use them. */
export async function freeBytes(folder: string): Promise<number> {
  const stats = await statfs(folder);
  return stats.bsize * (process.getuid?.() === 0 ? stats.bfree : stats.bavail);
}

/** Turns "no space left" and "quota exceeded" of a write below `folder` into `disk_full`; other errors pass. */
export async function explainDiskFull(cause: unknown, folder: string): Promise<unknown> {
  const code = errorCode(cause);
  if (code !== "ENOSPC" && code !== "EDQUOT") return cause;
  const free = await freeBytes(folder).catch(() => 0);
  return fail("disk_full", { path: folder, free: sizeText(free) }, cause);
}

/** A size for a sentence: "512 bytes", "3.1 MiB". */
export function sizeText(sizeBytes: number): string {
  const units = ["KiB", "MiB", "GiB", "TiB"];
  if (sizeBytes < 1024) return `${sizeBytes} bytes`;
  let value = sizeBytes / 1024;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value.toFixed(1)} ${units[unit]}`;
}
