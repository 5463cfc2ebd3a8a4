import { homedir } from "node:os";
import { isAbsolute, relative, resolve, sep } from "node:path";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import { archiveNames } from "./archive-names.ts";
import type { DatasetEntry, JsonObject, JsonValue } from "./dataloader-config.ts";
import { isHostPath, isJsonObject, isLocal } from "./dataloader-config.ts";
import { absoluteFolder, isWithin } from "./dataset-roots.ts";
import type { HostFolders } from "./dataset-roots.ts";

/** Where one packaged dataset lies on this machine and in the archive. */
export interface DatasetPlace {
  readonly id: string;
  readonly instance_data_dir: string;
  /** Real absolute folder. */
  readonly root: string;
  /** Relative to the archive, with a trailing `/`. */
  readonly archive_dir: string;
}

/** One value of the configuration that was changed for the trip; `to` is null where it was removed. */
export interface RewrittenValue {
  readonly dataset_id: string;
  /** Keys on the way to the value, joined by dots. */
  readonly field: string;
  readonly from: string;
  readonly to: string | null;
}

/** A dataloader configuration without host paths. */
export interface RewrittenDataloader {
  readonly dataloader: readonly JsonObject[];
  readonly rewritten: readonly RewrittenValue[];
}

/** How to rewrite; `rootPrefix` goes before every archive-relative path, for a trainer that runs elsewhere. */
export interface RewriteOptions extends HostFolders {
  readonly rootPrefix?: string;
}

interface Rewriting {
  readonly id: string;
  readonly name: string;
  readonly isLocal: boolean;
  readonly prefix: string;
  readonly host: HostFolders;
  readonly places: readonly { readonly folders: readonly string[]; readonly archiveDir: string }[];
  readonly hostTexts: readonly RegExp[];
  readonly rewritten: RewrittenValue[];
}

/**
 * The configuration as the trainer beside the unpacked archive needs it: dataset folders and cache folders become
 * archive-relative, paths into a packaged dataset follow it, every other path of this machine is removed. Ids and
 * references between datasets stay. Nothing is read from the disk. Throws `config_invalid` for an id that holds a path.
 */
export function rewriteDataloader(
  entries: readonly DatasetEntry[],
  places: readonly DatasetPlace[],
  options: RewriteOptions = {},
): RewrittenDataloader {
  const rewritten: RewrittenValue[] = [];
  const names = archiveNames(entries.map((entry) => entry.id));
  const home = resolve(options.homeDir ?? homedir());
  const folders = places.map((place) => ({
    folders: [place.instance_data_dir, absoluteFolder(place.instance_data_dir, options), place.root].filter(
      isAbsolute,
    ),
    archiveDir: place.archive_dir,
  }));
  const hostTexts = [...folders.flatMap((place) => place.folders), home].flatMap(patternOfFolder);
  const dataloader = entries.map(({ id, fields }) => {
    const name = names.get(id) ?? id;
    const rewriting = {
      id,
      name,
      isLocal: isLocal(fields),
      prefix: options.rootPrefix ?? "",
      host: options,
      places: folders,
      hostTexts,
      rewritten,
    };
    if (namesHost(rewriting, id))
      throw fail("config_invalid", {
        field: `dataloader_config.${id}.id`,
        problem: "must not hold a path of this machine",
      });
    return rewriteObject(rewriting, fields, "");
  });
  return { dataloader, rewritten };
}

/** The folder of a dataset inside the archive, from its safe name. */
export function archiveDirOf(name: string): string {
  return `datasets/${name}/`;
}

function rewriteObject(rewriting: Rewriting, fields: JsonObject, way: string): JsonObject {
  const kept: [string, JsonValue][] = [];
  for (const [key, value] of Object.entries(fields)) {
    const field = way === "" ? key : `${way}.${key}`;
    if (namesHost(rewriting, key)) {
      rewriting.rewritten.push({ dataset_id: rewriting.id, field, from: key, to: null });
      continue;
    }
    const result = rewriteValue(rewriting, key, value, field);
    if (result !== undefined) kept.push([key, result]);
  }
  return Object.fromEntries(kept);
}

function rewriteValue(
  rewriting: Rewriting,
  key: string,
  value: JsonValue,
  field: string,
): JsonValue | undefined {
  if (typeof value === "string") {
    const to = rewriteText(rewriting, key, value, field);
    if (to !== value)
      rewriting.rewritten.push({ dataset_id: rewriting.id, field, from: value, to: to ?? null });
    return to;
  }
  if (isJsonObject(value)) return rewriteObject(rewriting, value, field);
  if (!Array.isArray(value)) return value;
  return value.flatMap(
    (item: JsonValue, index) => rewriteValue(rewriting, key, item, `${field}.${index}`) ?? [],
  );
}

function rewriteText(rewriting: Rewriting, key: string, text: string, field: string): string | undefined {
  const onHost = namesHost(rewriting, text);
  if (field === "instance_data_dir" && rewriting.isLocal)
    return `${rewriting.prefix}${archiveDirOf(rewriting.name)}`;
  // A cache in a bucket is the bucket's and stays; one on a disk starts anew beside the archive.
  if (isCacheKey(key) && (onHost || rewriting.isLocal))
    return `${rewriting.prefix}cache/${rewriting.name}/${cachePart(key)}`;
  if (!onHost && !isPathKey(key)) return text;
  const moved = moveIntoArchive(rewriting, text);
  return moved ?? (onHost ? undefined : text);
}

/** True for a text that is a path of this machine, or holds the path of a dataset or of the home folder. */
function namesHost(rewriting: Rewriting, text: string): boolean {
  return isHostPath(text) || rewriting.hostTexts.some((hostText) => hostText.test(text));
}

/** Finds a folder's path inside a text; none for "/", which every text with a slash would hold. */
function patternOfFolder(folder: string): RegExp[] {
  const source = folder.replace(/[/\\]+$/, "").replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  if (source === "") return [];
  // A short path such as /data is also part of URLs: it counts only where a word could not go on.
  const isShort = folder.split(/[/\\]/).filter((part) => part !== "").length < 2;
  return [new RegExp(isShort ? `(?<![\\w.-])${source}(?![\\w.-])` : source, "u")];
}

function moveIntoArchive(rewriting: Rewriting, text: string): string | undefined {
  const given = text.trim();
  if (isHostPath(given) && !isAbsolute(given) && !given.startsWith("~/")) return undefined;
  const path = absoluteFolder(given, rewriting.host);
  for (const place of rewriting.places) {
    const folder = place.folders.find((candidate) => isWithin(candidate, path));
    if (folder === undefined) continue;
    const inside = relative(folder, path).split(sep).join("/");
    return namesHost(rewriting, inside) ? undefined : `${rewriting.prefix}${place.archiveDir}${inside}`;
  }
  return undefined;
}

function isCacheKey(key: string): boolean {
  return /cache/i.test(key) && /dir|path|folder/i.test(key);
}

function cachePart(key: string): string {
  const part = key
    .replace(/cache|dir|path|folder/gi, "")
    .replace(/[^A-Za-z0-9]+/g, "_")
    .replace(/^_+|_+$/g, "");
  return part === "" ? "main" : part.toLowerCase();
}

function isPathKey(key: string): boolean {
  return /(?:^|_)(?:path|file|filename|dir|folder)$/i.test(key);
}
