import { artifactKind, modelRank } from "./run-files.ts";

/** A stored file as far as choosing needs it; `key` is below the job's area. */
export interface StoredFile {
  key: string;
  sizeBytes: number;
}

/** What goes along beside the finished model. */
export interface Included {
  include_samples: boolean;
  include_checkpoints: boolean;
}

/** A file that is delivered, and the path it gets at its destination. */
export interface PlannedFile<File extends StoredFile = StoredFile> {
  file: File;
  path: string;
}

/**
 * Chooses what of a job's files is delivered. The finished model's folder becomes the top of the destination, since
 * that is where other programs look for it. Answers an empty list when there is no finished model and no checkpoint.
 */
export function plannedFiles<File extends StoredFile>(
  files: readonly File[],
  include: Included,
): PlannedFile<File>[] {
  const chosen = files.filter(({ key }) => isIncluded(key, include));
  if (!chosen.some(({ key }) => ["model", "checkpoint"].includes(artifactKind(key)))) return [];
  const base = modelFolder(files);
  const pathOf = (key: string) => (key.startsWith(base) ? key.slice(base.length) : key);
  const taken = new Map<string, number>();
  for (const { key } of chosen) taken.set(pathOf(key), (taken.get(pathOf(key)) ?? 0) + 1);
  return chosen.map((file) => {
    const path = pathOf(file.key);
    // Two folders with a file of one name: both keep theirs.
    return { file, path: taken.get(path) === 1 ? path : file.key };
  });
}

function isIncluded(key: string, include: Included): boolean {
  // A trainer's own books, such as which files it has uploaded.
  if (key.split("/").some((part) => part.startsWith("."))) return false;
  const kind = artifactKind(key);
  const inCheckpoint = /(^|\/)checkpoint-\d+\//.test(key);
  if (kind === "checkpoint") return include.include_checkpoints;
  if (kind === "sample") return include.include_samples && (!inCheckpoint || include.include_checkpoints);
  return true;
}

/** The folder of the finished model with its slash; empty when it lies at the top, or there is none. */
function modelFolder(files: readonly StoredFile[]): string {
  let best: { key: string; rank: number } | null = null;
  for (const { key } of files) {
    const rank = modelRank(key);
    if (rank !== null && (best === null || rank < best.rank)) best = { key, rank };
  }
  return best === null ? "" : best.key.slice(0, best.key.lastIndexOf("/") + 1);
}
