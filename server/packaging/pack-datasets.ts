import { constants } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import { fileSink } from "./archive-sinks.ts";
import { parseDataloader } from "./dataloader-config.ts";
import type { DatasetPlan, PlacedDataset, PlannedDataset } from "./dataset-plan.ts";
import { archivedDataloader, archivedDataloaderName, placeDatasets } from "./dataset-plan.ts";
import type { HostFolders } from "./dataset-roots.ts";
import { explainDiskFull, freeBytes, sizeText } from "./disk-full.ts";
import { bytesEntry, fileEntry } from "./entry-source.ts";
import type { ArchiveEntry } from "./entry-source.ts";
import { closeFile, flushToDisk, openFile } from "./file-calls.ts";
import type { PackagingProgress, ProgressMeter } from "./progress-meter.ts";
import { progressMeter } from "./progress-meter.ts";
import { rewriteDataloader } from "./rewrite-dataloader.ts";
import type { ScannedFile } from "./scan-datasets.ts";
import type { Spool } from "./spool.ts";
import { spool } from "./spool.ts";
import type { DatasetSurvey } from "./survey-dataset.ts";
import { combinedFingerprint, surveyDataset } from "./survey-dataset.ts";
import { writeZip } from "./zip-writer.ts";
import type { ZipOptions, ZipSummary } from "./zip-writer.ts";

/** What to pack, and where to. Folders as they were for the plan. */
export interface PackOptions extends HostFolders {
  readonly dataloader: unknown;
  readonly plan: DatasetPlan;
  /** Absolute path of the archive; its folder exists. */
  readonly targetPath: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: PackagingProgress) => void;
}

/** A finished archive. */
export interface PackedArchive {
  readonly path: string;
  readonly bytes: number;
  /** Files of datasets, without the archive's own `dataloader.json`. */
  readonly files: number;
  readonly fingerprint: string;
}

/**
 * Packs the datasets of a plan: `dataloader.json`, rewritten, and each dataset's folder. The archive appears at
 * `targetPath` complete and flushed to disk, or not at all. Throws `dataset_changed` when the files are not those of
 * the plan, before or while packing, `disk_full`, what planning throws, and the signal's reason.
 */
export async function packDatasets(options: PackOptions): Promise<PackedArchive> {
  const { plan, targetPath, signal } = options;
  const partialPath = `${targetPath}.partial`;
  const meter = progressMeter((progress) => options.onProgress?.(progress));
  const found = spool(`${partialPath}.files`);
  try {
    signal?.throwIfAborted();
    await rm(partialPath, { force: true });
    await checkSpace(plan, dirname(targetPath));
    const entries = parseDataloader(options.dataloader);
    const placed = await placeDatasets(entries, options);
    await checkUnchanged(plan, placed, found, meter, signal);
    const dataloader = archivedDataloader(rewriteDataloader(entries, placed, options));
    const written = await writeArchive(
      partialPath,
      archiveEntries(dataloader, placed, found),
      plan,
      meter,
      signal,
    );
    await rename(partialPath, targetPath);
    await flushFolder(dirname(targetPath));
    meter.finish();
    return {
      path: targetPath,
      bytes: written.bytes,
      files: written.files - 1,
      fingerprint: plan.fingerprint,
    };
  } catch (error) {
    await rm(partialPath, { force: true });
    throw await explainDiskFull(error, dirname(targetPath));
  } finally {
    await found.close();
  }
}

/** Refuses before the first byte where the disk cannot hold even what deflate cannot shrink. */
async function checkSpace(plan: DatasetPlan, folder: string): Promise<void> {
  const free = await freeBytes(folder);
  if (free < plan.archive_bytes - plan.deflated_bytes)
    throw fail("disk_full", { path: folder, free: sizeText(free) });
}

/** Scans again, keeps the list of files for packing, and compares with what was agreed to. */
async function checkUnchanged(
  plan: DatasetPlan,
  placed: readonly PlacedDataset[],
  found: Spool,
  meter: ProgressMeter,
  signal: AbortSignal | undefined,
): Promise<void> {
  meter.start("scanning", plan.files, plan.bytes);
  const surveys: { id: string; fingerprint: string }[] = [];
  let files = 0;
  for (const [index, dataset] of placed.entries()) {
    const { root, excludedFolders } = dataset;
    const target = {
      datasetId: dataset.id,
      root,
      excludedFolders,
      signal,
    };
    const survey = await surveyDataset(target, async (batch) => {
      for (const file of batch.files) {
        files += 1;
        await found.append(
          Buffer.from(`${JSON.stringify([index, file.path, file.sizeBytes, file.mtimeMs, file.isLink])}\n`),
        );
        meter.advance(files, file.sizeBytes, file.path);
      }
    });
    const planned = plan.datasets.find(({ id }) => id === dataset.id);
    if (planned?.fingerprint !== survey.fingerprint)
      throw fail("dataset_changed", { dataset_id: dataset.id, change: changeOf(planned, survey) });
    surveys.push({ id: dataset.id, fingerprint: survey.fingerprint });
  }
  const gone = plan.datasets.find(({ id }) => !surveys.some((survey) => survey.id === id));
  if (gone !== undefined)
    throw fail("dataset_changed", {
      dataset_id: gone.id,
      change: "it is no longer part of the configuration",
    });
  if (combinedFingerprint(surveys) === plan.fingerprint) return;
  throw fail("dataset_changed", {
    dataset_id: surveys.map(({ id }) => id).join(", "),
    change: "the rules on what is left out changed",
  });
}

function changeOf(planned: PlannedDataset | undefined, survey: DatasetSurvey): string {
  if (planned === undefined) return "it was not part of the plan";
  if (survey.newestPath !== null && survey.newestMtimeMs > planned.newest_mtime_ms)
    return `${survey.newestPath} was added or modified`;
  if (survey.files !== planned.files) return `${planned.files} files became ${survey.files}`;
  if (survey.bytes !== planned.bytes) return `${planned.bytes} bytes became ${survey.bytes}`;
  return "files were renamed or replaced";
}

async function* archiveEntries(
  dataloader: Buffer,
  placed: readonly PlacedDataset[],
  found: Spool,
): AsyncGenerator<ArchiveEntry, void, undefined> {
  // Stored, so that its size does not make the plan's size of the archive a guess.
  yield bytesEntry(archivedDataloaderName, dataloader, "store");
  for await (const [index, file] of spooledFiles(found)) {
    const dataset = placed[index];
    if (dataset === undefined) throw new Error("the list of files names a dataset that is not packed");
    yield fileEntry(`${dataset.archive_dir}${file.path}`, {
      ...file,
      datasetId: dataset.id,
      root: dataset.root,
    });
  }
}

async function* spooledFiles(found: Spool): AsyncGenerator<[number, ScannedFile], void, undefined> {
  let rest = Buffer.alloc(0);
  for await (const piece of found.read()) {
    const bytes = Buffer.concat([rest, piece]);
    let start = 0;
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, start)) {
      // Written by checkUnchanged in this shape.
      const line: [number, string, number, number, boolean] = JSON.parse(bytes.toString("utf8", start, end));
      yield [line[0], { path: line[1], sizeBytes: line[2], mtimeMs: line[3], isLink: line[4] }];
      start = end + 1;
    }
    rest = bytes.subarray(start);
  }
}

async function writeArchive(
  partialPath: string,
  entries: AsyncIterable<ArchiveEntry>,
  plan: DatasetPlan,
  meter: ProgressMeter,
  signal: AbortSignal | undefined,
): Promise<ZipSummary> {
  meter.start("packaging", plan.files, plan.bytes);
  const fd = await openFile(partialPath, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL);
  let flushing: Promise<void> | undefined;
  try {
    const onWritten: ZipOptions["onWritten"] = (files, bytes, name) => {
      if (name !== archivedDataloaderName) meter.advance(files - 1, bytes, name);
    };
    const zipOptions = {
      onWritten,
      spoolPath: `${partialPath}.directory`,
      signal,
    };
    const summary = await writeZip(entries, fileSink(fd), zipOptions);
    flushing = flushToDisk(fd);
    await orAborted(flushing, signal);
    return summary;
  } finally {
    // A flush cannot be stopped: after an abort the file goes away now and the descriptor when the disk is done.
    const closed = Promise.resolve(flushing).then(
      () => closeFile(fd),
      () => closeFile(fd),
    );
    if (signal?.aborted === true) closed.catch(() => {});
    else await closed;
  }
}

function orAborted(work: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
    if (signal.aborted) abort();
  });
}

/** Keeps the new name of the archive across a power failure. */
async function flushFolder(folder: string): Promise<void> {
  // Windows cannot open a folder; its rename is durable by itself.
  if (process.platform === "win32") return;
  const handle = await open(folder, "r");
  await handle.sync().finally(() => handle.close());
}
