import type { Dirent } from "node:fs";
import { readdir } from "node:fs/promises";
import type { AlternateKeyIndex } from "./alternate-keys.ts";
import { type Directory, isBlocked, openChildDirectory, openDirectory } from "./directories.ts";
import type { Disk } from "./disk.ts";
import { compareKeys, keyDigest, keySegments } from "./object-key.ts";

/** What to walk, and how each key's file is turned into an item; null drops a key that is no object. */
export interface Walk<Item> {
  bucket: string;
  prefix: string;
  /** Only keys behind this one; "" for all. */
  after: string;
  /** May be set while walking: no key that starts with it comes any more. */
  skip: string | null;
  load(path: string, key: string): Promise<Item | null>;
  /** So many files are loaded at the same time. */
  loadAhead: number;
}

/** A key with what was loaded for it. */
export interface Walked<Item> {
  key: string;
  item: Item;
}

interface WalkParts {
  disk: Disk;
  alternates: AlternateKeyIndex;
}

/**
 * Yields the keys of a bucket in the byte order of UTF-8. Holds one directory's names per level of depth in
 * memory, however many objects there are; follows no symbolic link.
 */
export async function* walkKeys<Item>(parts: WalkParts, walk: Walk<Item>): AsyncGenerator<Walked<Item>> {
  const inPlace = walkPaths(parts.disk, walk);
  const aside = walkAlternates(parts, walk);
  try {
    let left = await inPlace.next();
    let right = await aside.next();
    while (left.done !== true || right.done !== true) {
      const order =
        left.done === true ? 1 : right.done === true ? -1 : compareKeys(left.value.key, right.value.key);
      const first = order < 0 ? left.value : right.value;
      if (first !== undefined && !isSkipped(walk, first.key)) yield first;
      // Equal keys: the alternate object is the one that is served.
      if (order <= 0) left = await inPlace.next();
      if (order >= 0) right = await aside.next();
    }
  } finally {
    await inPlace.return(undefined);
    await aside.return(undefined);
  }
}

function isSkipped(walk: Walk<unknown>, key: string): boolean {
  return walk.skip !== null && key.startsWith(walk.skip);
}

async function* walkAlternates<Item>(
  parts: WalkParts,
  walk: Walk<Item>,
): AsyncGenerator<Walked<Item>, undefined> {
  const index = await parts.alternates.of(walk.bucket);
  for (const key of index.sorted()) {
    if (!key.startsWith(walk.prefix) || compareKeys(key, walk.after) <= 0 || isSkipped(walk, key)) continue;
    const item = await walk.load(parts.disk.own("alt", walk.bucket, keyDigest(key)), key);
    if (item !== null) yield { key, item };
  }
}

async function* walkPaths<Item>(disk: Disk, walk: Walk<Item>): AsyncGenerator<Walked<Item>, undefined> {
  const folderEnd = walk.prefix.lastIndexOf("/");
  const folder = walk.prefix.slice(0, Math.max(0, folderEnd));
  const segments = folderEnd < 0 ? [] : keySegments(folder);
  if (segments === null) return;
  const directory = await openDirectory(disk.root, [walk.bucket, ...segments]);
  if (directory !== null) yield* walkDirectory(directory, walk.prefix.slice(0, folderEnd + 1), walk);
}

async function* walkDirectory<Item>(
  directory: Directory,
  base: string,
  walk: Walk<Item>,
): AsyncGenerator<Walked<Item>, undefined> {
  try {
    const entries = await wantedEntries(directory, base, walk);
    for (let at = 0; at < entries.length;) {
      const files = runOfFiles(entries, at, walk);
      if (files.length > 0) {
        const items = await Promise.all(
          files.map((file) => walk.load(`${directory.path}/${file.name}`, file.key)),
        );
        for (const [offset, file] of files.entries()) {
          const item = items[offset] ?? null;
          if (item !== null && !isSkipped(walk, file.key)) yield { key: file.key, item };
        }
        at += files.length;
        continue;
      }
      const entry = entries[at++];
      if (entry === undefined || isSkipped(walk, entry.key)) continue;
      const child = await openChildDirectory(directory, entry.name);
      if (child !== null) yield* walkDirectory(child, entry.key, walk);
    }
  } finally {
    await directory.close();
  }
}

/** A file with its key, or a directory with the prefix (ending in a slash) of the keys below it. */
interface Entry {
  name: string;
  key: string;
  isFile: boolean;
}

function runOfFiles(entries: readonly Entry[], from: number, walk: Walk<unknown>): Entry[] {
  const files: Entry[] = [];
  for (let at = from; at < entries.length && files.length < walk.loadAhead; at++) {
    const entry = entries[at];
    if (entry === undefined || !entry.isFile || isSkipped(walk, entry.key)) break;
    files.push(entry);
  }
  return files;
}

async function wantedEntries(directory: Directory, base: string, walk: Walk<unknown>): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const dirent of await direntsOf(directory)) {
    const isFile = dirent.isFile();
    if (!isFile && !dirent.isDirectory()) continue;
    // A key with a backslash has its object aside, never at a path.
    if (dirent.name.includes("\\")) continue;
    const key = isFile ? base + dirent.name : `${base}${dirent.name}/`;
    if (canHoldWanted(key, isFile, walk)) entries.push({ name: dirent.name, key, isFile });
  }
  return entries.sort((left, right) => compareKeys(left.key, right.key));
}

async function direntsOf(directory: Directory): Promise<Dirent[]> {
  try {
    return await readdir(directory.path, { withFileTypes: true });
  } catch (error) {
    if (isBlocked(error)) return [];
    throw error;
  }
}

function canHoldWanted(key: string, isFile: boolean, walk: Walk<unknown>): boolean {
  const { prefix, after } = walk;
  if (isFile) return key.startsWith(prefix) && compareKeys(key, after) > 0;
  const canMatch = key.startsWith(prefix) || prefix.startsWith(key);
  return canMatch && (after.startsWith(key) || compareKeys(key, after) > 0);
}
