import type { Stats } from "node:fs";
import { constants } from "node:fs";
import { access, opendir, realpath, stat } from "node:fs/promises";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import { isWithin, readProblem } from "./dataset-roots.ts";
import type { PathRule } from "./exclusions.ts";
import { exclusionFor, pathRules } from "./exclusions.ts";
import { errorCode, pathStats } from "./file-calls.ts";
import { countTree } from "./count-tree.ts";
import { sortedNames } from "./sorted-names.ts";

/** A file that is packaged. */
export interface ScannedFile {
  /** Relative to the dataset folder, `/` between components. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly mtimeMs: number;
  /** True for a link to a file inside the dataset; size and time are the target's. */
  readonly isLink: boolean;
}

/** Something inside the folder that is left out, and why. A folder stands for all that it holds. */
export interface ExcludedPath {
  readonly path: string;
  readonly rule: string;
  readonly reason: string;
  readonly is_dir: boolean;
  readonly files: number;
  readonly bytes: number;
}

/** A few neighbouring results of a scan. */
export interface ScanBatch {
  readonly files: readonly ScannedFile[];
  readonly excluded: readonly ExcludedPath[];
}

/** What a scan needs to know about one dataset. */
export interface ScanTarget {
  readonly datasetId: string;
  /** Real absolute path, see `datasetRoot`. */
  readonly root: string;
  /** Absolute folders inside the root that are left out, with the rule that says why. */
  readonly excludedFolders?: ReadonlyMap<string, PathRule>;
  /** Whether excluded folders are walked to count what they hold; skipped where only the included files matter. */
  readonly countExcluded?: boolean;
  readonly signal?: AbortSignal;
}

interface Folder {
  /** Relative path with a trailing `/`, empty for the root. */
  readonly prefix: string;
  readonly keys: Generator<string, void, undefined>;
  held?: string;
}

/** Whose permissions count; 0, who may read everything, also where the system has no such number. */
const processUser = process.geteuid?.() ?? 0;

/** How many files are looked at together: enough to keep the disk busy, few enough to hold little memory. */
const batchFiles = 128;

/**
 * Walks a dataset folder and gives its files in byte order of their paths, with what is left out between them. Holds
 * the names of the folders on the way down, never the whole tree. Throws `dataset_unreadable` naming the path.
 */
export async function* scanDataset(target: ScanTarget): AsyncGenerator<ScanBatch, void, undefined> {
  const way: Folder[] = [await openFolder(target, "")];
  for (let folder = way.at(-1); folder !== undefined; folder = way.at(-1)) {
    target.signal?.throwIfAborted();
    const { names, child } = nextStep(folder);
    if (names.length > 0) yield await lookAt(target, folder.prefix, names);
    if (child !== undefined) {
      const excluded = await excludedFolder(target, folder.prefix, child);
      if (excluded === undefined) way.push(await openFolder(target, `${folder.prefix}${child}/`));
      else yield { files: [], excluded: [excluded] };
    } else if (names.length === 0) way.pop();
  }
}

/** Either the next files of a folder, up to a batch, or its next subfolder, or neither at its end. */
function nextStep(folder: Folder): { names: string[]; child?: string } {
  const names: string[] = [];
  while (names.length < batchFiles) {
    const key = folder.held ?? folder.keys.next().value;
    folder.held = undefined;
    if (key === undefined) return { names };
    if (!key.endsWith("/")) names.push(key);
    else if (names.length === 0) return { names, child: key.slice(0, -1) };
    else {
      folder.held = key;
      return { names };
    }
  }
  return { names };
}

/** Lists a folder; a subfolder's key ends in `/`, which sorts it where the paths below it belong. */
async function openFolder(target: ScanTarget, prefix: string): Promise<Folder> {
  const names = sortedNames();
  try {
    const folder = await opendir(`${target.root}/${prefix}`, { bufferSize: 512 });
    for await (const entry of folder) names.add(entry.isDirectory() ? `${entry.name}/` : entry.name);
  } catch (error) {
    // A subfolder deleted meanwhile holds nothing any more; the fingerprint notices where that matters.
    if (prefix === "" || errorCode(error) !== "ENOENT") throw unreadable(target, prefix, error);
  }
  return { prefix, keys: names.drain(), held: undefined };
}

async function excludedFolder(
  target: ScanTarget,
  prefix: string,
  name: string,
): Promise<ExcludedPath | undefined> {
  const absolute = `${target.root}/${prefix}${name}`;
  const rule = exclusionFor(name) ?? folderRule(target, absolute) ?? (await undecodable(name, absolute));
  if (rule === undefined) return undefined;
  const held =
    target.countExcluded === true ? await countTree(absolute, target.signal) : { files: 0, bytes: 0 };
  return { path: `${prefix}${name}/`, rule: rule.id, reason: rule.reason, is_dir: true, ...held };
}

function folderRule(target: ScanTarget, absolute: string): { id: string; reason: string } | undefined {
  const id = target.excludedFolders?.get(absolute);
  return id === undefined ? undefined : { id, reason: pathRules[id] };
}

/** A name with bytes that are no UTF-8 is decoded with U+FFFD in it and then names nothing. */
async function undecodable(
  name: string,
  absolute: string,
): Promise<{ id: PathRule; reason: string } | undefined> {
  if (!name.includes("\ufffd")) return undefined;
  const known = await pathStats(absolute).then(
    () => true,
    (error: unknown) => errorCode(error) !== "ENOENT",
  );
  return known ? undefined : { id: "name-not-utf8", reason: pathRules["name-not-utf8"] };
}

async function lookAt(target: ScanTarget, prefix: string, names: readonly string[]): Promise<ScanBatch> {
  const found = await Promise.all(names.map((name) => lookAtOne(target, prefix, name)));
  const files: ScannedFile[] = [];
  const excluded: ExcludedPath[] = [];
  for (const item of found) {
    if (item === undefined) continue;
    if ("rule" in item) excluded.push(item);
    else files.push(item);
  }
  return { files, excluded };
}

async function lookAtOne(
  target: ScanTarget,
  prefix: string,
  name: string,
): Promise<ScannedFile | ExcludedPath | undefined> {
  const path = `${prefix}${name}`;
  const absolute = `${target.root}/${path}`;
  let stats: Stats;
  try {
    stats = await pathStats(absolute);
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw unreadable(target, path, error);
    return name.includes("\ufffd") ? leftOut(path, "name-not-utf8", 0) : undefined;
  }
  const rule = exclusionFor(name);
  if (rule !== undefined) {
    const bytes = stats.isFile() ? stats.size : 0;
    return { path, rule: rule.id, reason: rule.reason, is_dir: false, files: 1, bytes };
  }
  if (stats.isSymbolicLink()) return followLink(target, path, absolute);
  if (!stats.isFile()) return leftOut(path, "special-file", 0);
  await checkReadable(target, path, absolute, stats);
  return { path, sizeBytes: stats.size, mtimeMs: stats.mtimeMs, isLink: false };
}

async function followLink(
  target: ScanTarget,
  path: string,
  absolute: string,
): Promise<ScannedFile | ExcludedPath> {
  let real: string;
  let stats: Stats;
  try {
    real = await realpath(absolute);
    stats = await stat(real);
  } catch (error) {
    const code = errorCode(error);
    if (code === "ELOOP") return leftOut(path, "link-loop", 0);
    if (code === "ENOENT" || code === "ENOTDIR") return leftOut(path, "link-broken", 0);
    throw unreadable(target, path, error);
  }
  if (!isWithin(target.root, real)) return leftOut(path, "link-outside", stats.isFile() ? stats.size : 0);
  if (isExcludedTarget(target, real))
    return leftOut(path, "link-to-excluded", stats.isFile() ? stats.size : 0);
  // Its files are packed where they lie; following would pack them twice, or for ever where it leads upwards.
  if (stats.isDirectory()) return leftOut(path, isWithin(real, absolute) ? "link-loop" : "link-to-folder", 0);
  if (!stats.isFile()) return leftOut(path, "special-file", 0);
  await checkReadable(target, path, real, stats);
  return { path, sizeBytes: stats.size, mtimeMs: stats.mtimeMs, isLink: true };
}

function isExcludedTarget(target: ScanTarget, real: string): boolean {
  const parts = real
    .slice(target.root.length)
    .split(/[/\\]/)
    .filter((part) => part !== "");
  if (parts.some((part) => exclusionFor(part) !== undefined)) return true;
  return [...(target.excludedFolders?.keys() ?? [])].some((folder) => isWithin(folder, real));
}

/** Asks the system only where the mode bits suggest a refusal: one call less for nearly every file. */
async function checkReadable(
  target: ScanTarget,
  path: string,
  absolute: string,
  stats: Stats,
): Promise<void> {
  if (processUser === 0 || (stats.mode & (stats.uid === processUser ? 0o400 : 0o004)) !== 0) return;
  await access(absolute, constants.R_OK).catch((error: unknown) => {
    throw unreadable(target, path, error);
  });
}

function leftOut(path: string, rule: PathRule, bytes: number): ExcludedPath {
  return { path, rule, reason: pathRules[rule], is_dir: false, files: 1, bytes };
}

function unreadable(target: ScanTarget, path: string, error: unknown): Error {
  const at = path === "" ? target.root : `${target.root}/${path}`;
  return fail(
    "dataset_unreadable",
    { dataset_id: target.datasetId, path: at, reason: readProblem(error) },
    error,
  );
}
