import { rename, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { type AlternateKeyIndex, makeAlternateFolder } from "./alternate-keys.ts";
import { type Directory, errorCode, isBlocked, openDirectory } from "./directories.ts";
import type { Disk } from "./disk.ts";
import { keyDigest, keySegments } from "./object-key.ts";

/** The file of a key: `name` inside an open directory that the holder must close. */
export interface Place {
  directory: Directory;
  name: string;
  path: string;
}

/** Where keys lie: at `<root>/<bucket>/<key>` where that is possible, else among the alternate keys. */
export interface ObjectPlaces {
  /** The place where the key's object is if it exists; null when no directory leads there. */
  find(bucket: string, key: string): Promise<Place | null>;
  /** The plain path of {@link find}'s file, to hand to other programs. */
  pathOf(bucket: string, key: string): Promise<string>;
  /** Renames the finished file `source` to the key's place, replacing what is there in one step. */
  moveIn(bucket: string, key: string, source: string, beforeReplace: BeforeReplace): Promise<void>;
  /** Takes back what is no longer needed after the key's file is gone: empty directories, the index entry. */
  forget(bucket: string, key: string): Promise<void>;
}

/** Called with the path that is about to be replaced. */
export type BeforeReplace = (path: string) => Promise<void>;

/** A directory may be pruned between being made and being used; then it is made again, so often at most. */
const moveAttempts = 4;

/** The places on `disk`. */
export function objectPlaces(disk: Disk, alternates: AlternateKeyIndex): ObjectPlaces {
  const alternatePlace = async (bucket: string, key: string): Promise<Place | null> => {
    const directory = await disk.directories.find([".s3", "alt", bucket]);
    return directory === null ? null : placeIn(directory, keyDigest(key));
  };
  return {
    async find(bucket, key) {
      if ((await alternates.of(bucket)).has(key)) return alternatePlace(bucket, key);
      const segments = keySegments(key);
      if (segments === null) return null;
      const directory = await disk.directories.find([bucket, ...segments.slice(0, -1)]);
      return directory === null ? null : placeIn(directory, segments.at(-1) ?? "");
    },
    async pathOf(bucket, key) {
      const segments = (await alternates.of(bucket)).has(key) ? null : keySegments(key);
      return segments === null
        ? disk.own("alt", bucket, keyDigest(key))
        : join(disk.root, bucket, ...segments);
    },
    async moveIn(bucket, key, source, beforeReplace) {
      const index = await alternates.of(bucket);
      const segments = keySegments(key);
      if (!index.has(key) && segments !== null) {
        if (await moveToPath(disk, [bucket, ...segments], source, beforeReplace)) return;
      }
      await makeAlternateFolder(disk, bucket);
      const place = await alternatePlace(bucket, key);
      if (place === null) throw new Error(`The folder for the alternate keys of ${bucket} cannot be opened.`);
      await moveTo(place, source, disk.durable, beforeReplace);
      index.add(key);
    },
    async forget(bucket, key) {
      const index = await alternates.of(bucket);
      if (index.has(key)) return index.remove(key);
      await pruneEmptyDirectories(disk, [bucket, ...(keySegments(key) ?? [])]);
    },
  };
}

function placeIn(directory: Directory, name: string): Place {
  return { directory, name, path: `${directory.path}/${name}` };
}

/** False when a file, link or directory of another key is in the way: the alternate place always works. */
async function moveToPath(
  disk: Disk,
  segments: readonly string[],
  source: string,
  beforeReplace: BeforeReplace,
): Promise<boolean> {
  for (let attempt = 1; attempt <= moveAttempts; attempt++) {
    const directory = await disk.directories.make(segments.slice(0, -1), disk.durable);
    if (directory === null) continue;
    try {
      await moveTo(placeIn(directory, segments.at(-1) ?? ""), source, disk.durable, beforeReplace);
      return true;
    } catch (error) {
      const code = errorCode(error);
      if (code === "EISDIR" || code === "ENOTEMPTY" || code === "EEXIST") return false;
      if (code !== "ENOENT") throw error;
    }
  }
  return false;
}

async function moveTo(
  place: Place,
  source: string,
  durable: boolean,
  beforeReplace: BeforeReplace,
): Promise<void> {
  try {
    await beforeReplace(place.path);
    await rename(source, place.path);
    if (durable) await place.directory.sync();
  } finally {
    await place.directory.close();
  }
}

/** Removes the directories above a key that it leaves empty, up to but without the bucket. */
async function pruneEmptyDirectories(disk: Disk, segments: readonly string[]): Promise<void> {
  for (let depth = segments.length - 1; depth >= 2; depth--) {
    const parent = await openDirectory(disk.root, segments.slice(0, depth - 1));
    if (parent === null) continue;
    try {
      await rmdir(`${parent.path}/${segments[depth - 1]}`);
    } catch (error) {
      const code = errorCode(error);
      if (code === "ENOTEMPTY" || code === "EEXIST" || code === "EBUSY" || isBlocked(error)) return;
      throw error;
    } finally {
      await parent.close();
    }
  }
}
