import { crc32 } from "node:zlib";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { ObjectInfo, ObjectStorage, ReadableObject } from "../adapters/storage/storage.ts";
import { outputsBucket } from "../domain/run-files.ts";
import { archiveSize } from "../packaging/archive-size.ts";
import { streamSink } from "../packaging/archive-sinks.ts";
import type { ArchiveEntry, OpenEntry } from "../packaging/entry-source.ts";
import { writeZip } from "../packaging/zip-writer.ts";
import type { FileDownload } from "./handler.ts";
import { storedCrc32 } from "./stored-crc.ts";

/** What an archive is made of. */
export interface ArtifactArchive {
  /** Prefix of the job's area, which no name in the archive has. */
  area: string;
  /** Prefix of the stored keys, at least the area. */
  prefix: string;
  fileName: string;
}

/**
 * The objects below a prefix as a zip archive that is written while it is sent; null when there are none. Its length is
 * foretold from the list, so an object that changes while it is sent cuts the download off instead of passing unseen.
 */
export async function artifactArchive(
  storage: ObjectStorage,
  archive: ArtifactArchive,
): Promise<FileDownload | null> {
  const size = archiveSize();
  let files = 0;
  for await (const object of objectsBelow(storage, archive.prefix)) {
    size.add(entryName(object.key.slice(archive.area.length)), object.sizeBytes, "store");
    files += 1;
  }
  if (files === 0) return null;
  return {
    fileName: archive.fileName,
    contentType: "application/zip",
    sizeBytes: size.bytes(),
    async write(target, signal) {
      await writeZip(entriesOf(storage, archive), streamSink(target), { signal });
    },
  };
}

/** Every object whose key starts with `prefix`, in the order of keys, a page at a time. */
export async function* objectsBelow(storage: ObjectStorage, prefix: string): AsyncGenerator<ObjectInfo> {
  for (let after: string | undefined; ;) {
    const page = await storage.listObjects({
      bucket: outputsBucket,
      prefix,
      maxKeys: 1_000,
      ...(after === undefined ? {} : { after }),
    });
    yield* page.objects;
    if (page.next === null) return;
    after = page.next;
  }
}

async function* entriesOf(storage: ObjectStorage, archive: ArtifactArchive): AsyncGenerator<ArchiveEntry> {
  for await (const object of objectsBelow(storage, archive.prefix)) {
    yield {
      name: entryName(object.key.slice(archive.area.length)),
      sizeBytes: object.sizeBytes,
      method: "store",
      open: () => openObject(storage, object),
      crc32: (signal) => crcOf(storage, object, signal),
    };
  }
}

/** The header of a stored file comes before its bytes and holds their CRC: as its writer declared it, else read now. */
async function crcOf(
  storage: ObjectStorage,
  listed: ObjectInfo,
  signal: AbortSignal | undefined,
): Promise<number> {
  const declared = storedCrc32(listed);
  if (declared !== null) return declared;
  const object = await openListed(storage, listed);
  let crc = 0;
  try {
    // The lists of an external storage do not tell what the object itself does.
    const told = storedCrc32(object.info);
    if (told !== null) return told;
    await object.read({ start: 0, end: listed.sizeBytes }, async (chunk) => {
      signal?.throwIfAborted();
      crc = crc32(chunk, crc);
    });
    return crc;
  } finally {
    await object.close();
  }
}

/** A version once opened stays whole, so it only has to be the one that was listed. */
async function openListed(storage: ObjectStorage, listed: ObjectInfo): Promise<ReadableObject> {
  const object = await storage.getObject(outputsBucket, listed.key);
  if (object?.info.etag === listed.etag && object.info.sizeBytes === listed.sizeBytes) return object;
  await object?.close();
  throw fail("artifact_not_found", { key: listed.key });
}

async function openObject(storage: ObjectStorage, listed: ObjectInfo): Promise<OpenEntry> {
  const object = await openListed(storage, listed);
  return {
    async read(target, position) {
      let filled = 0;
      await object.read({ start: position, end: position + target.length }, async (chunk) => {
        target.set(chunk, filled);
        filled += chunk.length;
      });
      if (filled !== target.length) throw new Error(`${listed.key} ended while it was read`);
    },
    async confirm() {},
    close: () => object.close(),
  };
}

/**
 * A key as a path that unpacks below the archive's folder on every system: a key may hold `..`, backslashes and line
 * breaks, which become %XX, and the percent sign too, so that no two keys share a name.
 */
export function entryName(key: string): string {
  return key
    .replace(/[%\\:\p{Cc}]/gu, encoded)
    .split("/")
    .map((part) => (part === "" ? "%" : /^\.+$/.test(part) ? part.replace(/\./g, "%2E") : part))
    .join("/");
}

function encoded(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
}
