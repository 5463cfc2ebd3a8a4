import { artifactKind } from "./run-files.ts";

/** A stored output of a job, as far as retention looks at it. */
export interface RetainedArtifact {
  /** Below the job's area. */
  key: string;
  lastModifiedMs: number;
}

/** A checkpoint's folder in a key: everything up to `checkpoint-<step>/`, wherever the trainer puts it. */
const checkpointFolder = /^(?:.*?\/)?checkpoint-(\d+)\//;

interface Checkpoint {
  step: number;
  newestMs: number;
  keys: string[];
}

/**
 * The keys to delete so that the last `keep` checkpoints of a job stay, oldest checkpoint first. A checkpoint is a
 * whole folder, ordered by its step, then by its newest file; the newest one always stays. The finished model,
 * samples (inside a checkpoint's folder too) and everything outside of checkpoints are never among the keys.
 */
export function checkpointsToDelete(artifacts: Iterable<RetainedArtifact>, keep: number): string[] {
  const checkpoints = new Map<string, Checkpoint>();
  for (const { key, lastModifiedMs } of artifacts) {
    const [folder, step] = checkpointFolder.exec(key) ?? [];
    if (folder === undefined) continue;
    const known = checkpoints.get(folder) ?? { step: Number(step), newestMs: 0, keys: [] };
    known.newestMs = Math.max(known.newestMs, lastModifiedMs);
    if (artifactKind(key) === "checkpoint") known.keys.push(key);
    checkpoints.set(folder, known);
  }
  // A folder whose files are gone but for its samples counts no more.
  const whole = [...checkpoints.values()].filter(({ keys }) => keys.length > 0);
  whole.sort((left, right) => left.step - right.step || left.newestMs - right.newestMs);
  return whole.slice(0, Math.max(0, whole.length - Math.max(1, keep))).flatMap(({ keys }) => keys);
}

/**
 * How many checkpoints of a job to keep, null for all: what its own configuration says in `checkpoints_total_limit`
 * (0 and less: nothing, as trainers read it), else the server's setting.
 */
export function checkpointLimit(
  config: Readonly<Record<string, unknown>>,
  setting: number | null,
): number | null {
  const limit = config["checkpoints_total_limit"];
  const own = typeof limit === "number" || typeof limit === "string" ? Number(limit) : Number.NaN;
  const wanted = Number.isInteger(own) && own > 0 ? own : setting;
  return wanted !== null && Number.isInteger(wanted) && wanted > 0 ? wanted : null;
}
