import { archiveNames } from "./archive-names.ts";
import { archiveSize } from "./archive-size.ts";
import { compressionOf } from "./compression.ts";
import type { DatasetEntry, JsonObject, LocalDataset } from "./dataloader-config.ts";
import { localDatasets, parseDataloader } from "./dataloader-config.ts";
import { absoluteFolder, datasetRoot, isWithin } from "./dataset-roots.ts";
import type { HostFolders } from "./dataset-roots.ts";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { PathRule } from "./exclusions.ts";
import { archiveDirOf, rewriteDataloader } from "./rewrite-dataloader.ts";
import type { DatasetPlace, RewrittenDataloader, RewrittenValue } from "./rewrite-dataloader.ts";
import type { ExcludedPath } from "./scan-datasets.ts";
import { compareUtf8 } from "./sorted-names.ts";
import { combinedFingerprint, surveyDataset } from "./survey-dataset.ts";

/** What one dataset sends. */
export interface PlannedDataset extends DatasetPlace {
  readonly files: number;
  readonly bytes: number;
  /** The first of what is left out, in path order; `excluded_entries` is how many there are. */
  readonly excluded: readonly ExcludedPath[];
  readonly excluded_entries: number;
  readonly excluded_files: number;
  readonly excluded_bytes: number;
  readonly newest_mtime_ms: number;
  readonly fingerprint: string;
}

/** What leaves the machine when a job with these datasets is submitted; plain JSON. */
export interface DatasetPlan {
  readonly datasets: readonly PlannedDataset[];
  readonly files: number;
  readonly bytes: number;
  readonly excluded_files: number;
  readonly excluded_bytes: number;
  /** Size of the archive; exact where nothing is deflated, otherwise never too small. */
  readonly archive_bytes: number;
  readonly archive_bytes_exact: boolean;
  /** Bytes of texts, which deflate will shrink. */
  readonly deflated_bytes: number;
  /** Configuration values that are changed so that no path of this machine travels. */
  readonly rewritten: readonly RewrittenValue[];
  /** Equal for equal files under equal rules; any added, removed or changed file gives another. */
  readonly fingerprint: string;
}

/** How to plan. */
export interface PlanOptions extends HostFolders {
  readonly signal?: AbortSignal;
  /** How many excluded paths are listed per dataset; all are counted. */
  readonly listedExclusions?: number;
  /** Called now and then with what was scanned so far. */
  readonly onProgress?: (files: number, bytes: number) => void;
}

/** A dataset with its folders resolved, ready to be scanned. */
export interface PlacedDataset extends DatasetPlace {
  readonly excludedFolders: ReadonlyMap<string, PathRule>;
}

/** The archive's own description of itself. */
export const archivedDataloaderName = "dataloader.json";

/**
 * Scans every local dataset of a dataloader configuration and says what would be sent. Throws `config_invalid`,
 * `dataset_missing`, `dataset_not_a_folder`, `dataset_unreadable`, `dataset_refused` or `dataset_empty`.
 */
export async function planDatasets(dataloader: unknown, options: PlanOptions = {}): Promise<DatasetPlan> {
  const entries = parseDataloader(dataloader);
  const placed = await placeDatasets(entries, options);
  const rewritten = rewriteDataloader(entries, placed, options);
  const size = archiveSize();
  size.add(archivedDataloaderName, archivedDataloader(rewritten).length, "store");
  const planned = new Map<string, PlannedDataset>();
  const before = { files: 0, bytes: 0 };
  for (const dataset of placed) {
    const result = await planOne(dataset, options, before, (path, bytes) =>
      size.add(`${dataset.archive_dir}${path}`, bytes, compressionOf(path)),
    );
    planned.set(dataset.id, result);
    before.files += result.files;
    before.bytes += result.bytes;
  }
  const datasets = entries.flatMap((entry) => planned.get(entry.id) ?? []);
  return {
    datasets,
    ...before,
    excluded_files: datasets.reduce((sum, dataset) => sum + dataset.excluded_files, 0),
    excluded_bytes: datasets.reduce((sum, dataset) => sum + dataset.excluded_bytes, 0),
    archive_bytes: size.bytes(),
    archive_bytes_exact: size.deflatedBytes() === 0,
    deflated_bytes: size.deflatedBytes(),
    rewritten: rewritten.rewritten,
    fingerprint: combinedFingerprint(datasets),
  };
}

/** The local datasets with their folders resolved and checked, in the order in which an archive holds them. */
export async function placeDatasets(
  entries: readonly DatasetEntry[],
  host: HostFolders,
): Promise<PlacedDataset[]> {
  const names = archiveNames(entries.map((entry) => entry.id));
  const fieldsById = new Map(entries.map((entry) => [entry.id, entry.fields]));
  const placed: PlacedDataset[] = [];
  for (const dataset of localDatasets(entries)) {
    const root = await datasetRoot(dataset, host);
    const excludedFolders = foldersToExclude(dataset, root, fieldsById, host);
    const archive_dir = archiveDirOf(names.get(dataset.id) ?? dataset.id);
    placed.push({
      id: dataset.id,
      instance_data_dir: dataset.instanceDataDir,
      root,
      archive_dir,
      excludedFolders,
    });
  }
  return placed.sort((a, b) => compareUtf8(a.archive_dir, b.archive_dir));
}

/** The bytes of the archive's `dataloader.json`. */
export function archivedDataloader(rewritten: RewrittenDataloader): Buffer {
  return Buffer.from(`${JSON.stringify(rewritten.dataloader, null, 2)}\n`);
}

async function planOne(
  dataset: PlacedDataset,
  options: PlanOptions,
  before: { readonly files: number; readonly bytes: number },
  onFile: (path: string, bytes: number) => void,
): Promise<PlannedDataset> {
  const listed: ExcludedPath[] = [];
  const excluded = { excluded_entries: 0, excluded_files: 0, excluded_bytes: 0 };
  let { files, bytes } = before;
  const target = {
    datasetId: dataset.id,
    root: dataset.root,
    excludedFolders: dataset.excludedFolders,
    countExcluded: true,
    signal: options.signal,
  };
  const survey = await surveyDataset(target, (batch) => {
    for (const file of batch.files) {
      onFile(file.path, file.sizeBytes);
      bytes += file.sizeBytes;
    }
    files += batch.files.length;
    for (const item of batch.excluded) {
      if (listed.length < (options.listedExclusions ?? 1000)) listed.push(item);
      excluded.excluded_entries += 1;
      excluded.excluded_files += item.files;
      excluded.excluded_bytes += item.bytes;
    }
    options.onProgress?.(files, bytes);
  });
  if (survey.files === 0)
    throw fail("dataset_empty", {
      dataset_id: dataset.id,
      path: dataset.root,
      excluded_files: excluded.excluded_files,
    });
  return {
    id: dataset.id,
    instance_data_dir: dataset.instance_data_dir,
    root: dataset.root,
    archive_dir: dataset.archive_dir,
    files: survey.files,
    bytes: survey.bytes,
    excluded: listed,
    ...excluded,
    newest_mtime_ms: survey.newestMtimeMs,
    fingerprint: survey.fingerprint,
  };
}

/** Folders inside `root` that are no part of the dataset: caches the configuration puts there and the server's data. */
function foldersToExclude(
  dataset: LocalDataset,
  root: string,
  fieldsById: ReadonlyMap<string, JsonObject>,
  host: HostFolders,
): Map<string, PathRule> {
  const found = new Map<string, PathRule>();
  const add = (folder: string, rule: PathRule): void => {
    const absolute = absoluteFolder(folder, host);
    // The scan knows the root by its real path only.
    const given = absoluteFolder(dataset.instanceDataDir, host);
    for (const base of [root, given]) {
      if (absolute !== base && isWithin(base, absolute))
        found.set(`${root}${absolute.slice(base.length)}`, rule);
    }
  };
  for (const fields of fieldsById.values()) {
    for (const [key, value] of Object.entries(fields)) {
      if (/^cache_dir|_cache_dir$/.test(key) && typeof value === "string" && value !== "")
        add(value, "configured-cache");
    }
  }
  for (const folder of host.privateDirs ?? []) add(folder, "server-private");
  return found;
}
