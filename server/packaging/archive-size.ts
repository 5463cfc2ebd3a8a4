import type { ZipMethod } from "./zip-format.ts";
import { archiveEnd, deflatedBound, formatLimits, localHeaderBytes } from "./zip-format.ts";
import { wholeFileBytes } from "./zip-writer.ts";

/** Foretells the size of an archive, entry by entry in archive order. */
export interface ArchiveSize {
  add(name: string, bytes: number, method: ZipMethod): void;
  /** Never less than the archive will have; exact while `deflatedBytes` is 0. */
  bytes(): number;
  /** Bytes of the files that will be deflated, before that. */
  deflatedBytes(): number;
}

/** Starts at an empty archive. */
export function archiveSize(): ArchiveSize {
  let position = 0;
  let directoryBytes = 0;
  let entries = 0;
  let deflated = 0;
  return {
    add(name, bytes, method) {
      const nameBytes = Buffer.byteLength(name);
      const isDeflated = bytes > 0 && method === "deflate";
      // A file read whole is stored where deflate does not help; a longer one is deflated as it streams.
      const most = isDeflated && bytes > wholeFileBytes ? deflatedBound(bytes) : bytes;
      const fields = (most >= formatLimits.bytes ? 2 : 0) + (position >= formatLimits.bytes ? 1 : 0);
      directoryBytes += 46 + nameBytes + (fields === 0 ? 0 : 4 + 8 * fields);
      position += localHeaderBytes(nameBytes, most, formatLimits) + most;
      entries += 1;
      if (isDeflated) deflated += bytes;
    },
    bytes: () =>
      position + directoryBytes + archiveEnd(entries, directoryBytes, position, formatLimits).length,
    deflatedBytes: () => deflated,
  };
}
