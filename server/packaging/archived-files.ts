import { constants, openAsBlob } from "node:fs";
import { inflateRawSync } from "node:zlib";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import { fromRandomAccessReaderPromise } from "yauzl";
import { archiveEntryPath } from "./archive-entry-path.ts";
import { ArchiveReader } from "./archive-reader.ts";
import { closeFile, openFile, openFileStats } from "./file-calls.ts";

/** A file inside an archive. */
export interface ArchivedFile {
  /** Relative to the archive, `/` between components. */
  readonly path: string;
  readonly sizeBytes: number;
  /** Its bytes: read from the archive when they are asked for, or inflated in memory where they were deflated. */
  content(): Promise<Blob>;
}

async function inflated(packed: Blob, sizeBytes: number, invalid: (error: unknown) => Error): Promise<Blob> {
  const bytes = new Uint8Array(await packed.arrayBuffer());
  try {
    return new Blob([new Uint8Array(inflateRawSync(bytes, { maxOutputLength: Math.max(1, sizeBytes) }))]);
  } catch (error) {
    throw invalid(error);
  }
}

/**
 * The files of an archive of this server, in the archive's order. The contents may be asked for until the generator ends.
 * Throws `archive_invalid`.
 */
export async function* archivedFiles(archivePath: string): AsyncGenerator<ArchivedFile> {
  const invalid = (error: unknown): Error =>
    fail(
      "archive_invalid",
      { path: archivePath, problem: error instanceof Error ? error.message : "it cannot be read" },
      error,
    );
  const fd = await openFile(archivePath, constants.O_RDONLY).catch((error: unknown) => {
    throw invalid(error);
  });
  try {
    const { size } = await openFileStats(fd);
    const options = { lazyEntries: true, autoClose: false, decodeStrings: false, validateEntrySizes: true };
    const zip = await fromRandomAccessReaderPromise(new ArchiveReader(fd, size), size, options).catch(
      (error: unknown) => {
        throw invalid(error);
      },
    );
    const whole = await openAsBlob(archivePath);
    for await (const entry of zip.eachEntry()) {
      const path = archiveEntryPath(entry, archivePath);
      if (path.endsWith("/")) continue;
      yield {
        path,
        sizeBytes: entry.uncompressedSize,
        async content() {
          const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
          const packed = whole.slice(fileDataStart, fileDataStart + entry.compressedSize);
          return entry.compressionMethod === 0 ? packed : inflated(packed, entry.uncompressedSize, invalid);
        },
      };
    }
  } finally {
    await closeFile(fd);
  }
}
