import type { Artifact } from "@simpletuner-cloud/contract/results.ts";

/** Files that belong together: the finished model, one checkpoint, the samples, the rest. */
export interface ArtifactGroup {
  /** `model`, `checkpoint-200`, `sample`, `other`. */
  key: string;
  kind: Artifact["kind"];
  step: number | null;
  sizeBytes: number;
  files: Artifact[];
}

const order: Record<Artifact["kind"], number> = { model: 0, checkpoint: 1, sample: 2, other: 3 };

/**
 * Groups files the way a person looks for them: the model first, then checkpoints from the newest to the oldest, then
 * samples and everything else. Files inside a group are in the order of their keys, numbers by value; samples of the
 * newest step come first.
 */
export function artifactGroups(artifacts: readonly Artifact[]): ArtifactGroup[] {
  const groups = new Map<string, ArtifactGroup>();
  for (const artifact of artifacts) {
    const key = groupKey(artifact);
    const group = groups.get(key) ?? { key, kind: artifact.kind, step: stepOf(key), sizeBytes: 0, files: [] };
    group.sizeBytes += artifact.size_bytes;
    group.files.push(artifact);
    groups.set(key, group);
  }
  for (const group of groups.values())
    group.files.sort((a, b) => newestSample(a, b) || compareKeys(a.key, b.key));
  return [...groups.values()].sort(
    (a, b) => order[a.kind] - order[b.kind] || (b.step ?? 0) - (a.step ?? 0) || compareKeys(a.key, b.key),
  );
}

function newestSample(a: Artifact, b: Artifact): number {
  return a.kind === "sample" && b.kind === "sample" ? (b.step ?? -1) - (a.step ?? -1) : 0;
}

function groupKey(artifact: Artifact): string {
  if (artifact.kind !== "checkpoint") return artifact.kind;
  const [folder = ""] = artifact.key.split("/").filter((part) => /^checkpoint-\d+$/.test(part));
  return folder || `checkpoint-${artifact.step ?? "?"}`;
}

function stepOf(key: string): number | null {
  const found = /^checkpoint-(\d+)$/.exec(key);
  return found ? Number(found[1]) : null;
}

const byNumber = new Intl.Collator("en", { numeric: true });

function compareKeys(a: string, b: string): number {
  return byNumber.compare(a, b);
}

/** The folder that holds a checkpoint's files as a key prefix, e.g. `checkpoint-200/`; null when they lie apart. */
export function groupFolder(group: ArtifactGroup): string | null {
  if (group.kind !== "checkpoint") return null;
  const [first] = group.files;
  const end = first ? first.key.indexOf(`${group.key}/`) : -1;
  const folder = first && end >= 0 ? first.key.slice(0, end + group.key.length + 1) : null;
  return folder !== null && group.files.every(({ key }) => key.startsWith(folder)) ? folder : null;
}

/** When the last file of a group was saved, as an ISO instant. */
export function savedAt(group: ArtifactGroup): string {
  return group.files.reduce((last, file) => (file.last_modified > last ? file.last_modified : last), "");
}

/** What can be seen of a file without downloading it. */
export type Preview = "image" | "safetensors" | "text" | null;

/** How a file is shown, by its name. */
export function previewOf(key: string): Preview {
  if (/\.(png|jpe?g|webp|gif)$/i.test(key)) return "image";
  if (/\.safetensors$/i.test(key)) return "safetensors";
  return /\.(json|jsonl|md|txt|log|ya?ml|toml|csv)$/i.test(key) ? "text" : null;
}

/** The name of a file without its folders. */
export function fileName(key: string): string {
  return key.slice(key.lastIndexOf("/") + 1);
}

/** The largest weights file of the finished model, which is what a person wants to take home; null before there is one. */
export function modelFile(artifacts: readonly Artifact[]): Artifact | null {
  const models = artifacts.filter((artifact) => artifact.kind === "model");
  const weights = models.filter((artifact) => artifact.key.endsWith(".safetensors"));
  const candidates = weights.length > 0 ? weights : models;
  return candidates.reduce<Artifact | null>(
    (best, artifact) => (best && best.size_bytes >= artifact.size_bytes ? best : artifact),
    null,
  );
}
