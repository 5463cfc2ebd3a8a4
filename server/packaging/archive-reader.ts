import { RandomAccessReader } from "yauzl";
import { readAt } from "./file-calls.ts";

/**
 * Reads an open archive for yauzl. yauzl's own reader hands positions from the archive to the system unchecked, and a
 * position beyond 2^53 in a crafted zip64 record is then thrown where nobody can catch it. The caller closes the file.
 */
export class ArchiveReader extends RandomAccessReader {
  readonly #fd: number;
  readonly #sizeBytes: number;

  constructor(fd: number, sizeBytes: number) {
    super();
    this.#fd = fd;
    this.#sizeBytes = sizeBytes;
  }

  /** Fills `length` bytes of `target` from byte `position` of the archive; anything beyond its end is an error. */
  override read(
    target: Buffer,
    offset: number,
    length: number,
    position: number,
    report: (error: Error | null, bytesRead?: number) => void,
  ): void {
    if (!(position >= 0 && position + length <= this.#sizeBytes)) {
      setImmediate(report, new Error("it refers to bytes beyond its end"));
      return;
    }
    readAt(this.#fd, target.subarray(offset, offset + length), position).then(
      (count) => report(null, count),
      (error: unknown) => report(error instanceof Error ? error : new Error(String(error))),
    );
  }
}
