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
 * samples and everything else. Files inside a group are in the order of their keys, numbers by value.
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
  for (const group of groups.values()) group.files.sort((a, b) => compareKeys(a.key, b.key));
  return [...groups.values()].sort(
    (a, b) => order[a.kind] - order[b.kind] || (b.step ?? 0) - (a.step ?? 0) || compareKeys(a.key, b.key),
  );
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

/** A shell word: quoted so that no name can do anything but be a name (POSIX single quotes). */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'"'"'`)}'`;
}

/** Command that downloads one file with curl into the current folder and continues a broken download. */
export function curlCommand(origin: string, artifact: Artifact): string {
  const name = artifact.key.slice(artifact.key.lastIndexOf("/") + 1);
  return `curl --fail --continue-at - --output ${shellWord(name)} ${shellWord(new URL(artifact.url, origin).href)}`;
}

/** Command that copies all files of a job with the AWS command line through the built-in S3 endpoint. */
export function s3Command(origin: string, jobId: string): string {
  const endpoint = `${origin}/api/cloud/storage`;
  return `aws s3 cp --recursive --endpoint-url ${shellWord(endpoint)} ${shellWord(`s3://outputs/${jobId}/`)} ${shellWord(`./${jobId}/`)}`;
}
