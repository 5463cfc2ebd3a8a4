import type { Artifact } from "@simpletuner-cloud/contract/results.ts";

/** Samples by what was drawn (rows) and by training step (columns). */
export interface SampleGrid {
  /** Steps in rising order. */
  steps: number[];
  /** Numbers of the samples in rising order, as the trainer counts them. */
  rows: number[];
  /** The picture of a sample at a step; undefined where the trainer made none. */
  at: (row: number, step: number) => Artifact | undefined;
}

/** Sorts sample artifacts into a grid. Pictures without a step are left out; the last one of a place wins. */
export function sampleGrid(artifacts: readonly Artifact[]): SampleGrid {
  const places = new Map<string, Artifact>();
  const steps = new Set<number>();
  const rows = new Set<number>();
  const nextRow = new Map<number, number>();
  for (const artifact of artifacts) {
    const step = artifact.step ?? stepOfKey(artifact.key);
    if (step === null) continue;
    const row = rowOfKey(artifact.key) ?? nextRow.get(step) ?? 0;
    nextRow.set(step, row + 1);
    steps.add(step);
    rows.add(row);
    places.set(`${row} ${step}`, artifact);
  }
  return {
    steps: [...steps].sort((a, b) => a - b),
    rows: [...rows].sort((a, b) => a - b),
    at: (row, step) => places.get(`${row} ${step}`),
  };
}

/** The step in `samples/step-100/image-0.png`, `step_100_0.png` or `checkpoint-100/…`; null when there is none. */
export function stepOfKey(key: string): number | null {
  const found = /(?:step|checkpoint)[-_](\d{1,12})/i.exec(key);
  return found ? Number(found[1]) : null;
}

/** The number at the end of the file's name: `image-3.png` is 3; null when it has none. */
export function rowOfKey(key: string): number | null {
  const found = /(\d{1,9})(?:_\d+x\d+)?\.[a-z0-9]+$/i.exec(key.slice(key.lastIndexOf("/") + 1));
  return found ? Number(found[1]) : null;
}

/**
 * The columns to draw: at most `most` neighbouring steps around the current one, kept inside the list, so that a job
 * with thousands of samples stays a page of constant size.
 */
export function columnsAround(steps: readonly number[], current: number, most: number): number[] {
  const at = Math.max(0, steps.indexOf(current));
  const before = Math.floor((most - 1) / 2);
  const start = Math.max(0, Math.min(at - before, steps.length - most));
  return steps.slice(start, start + most);
}

/** The step that is `by` columns further, held at the ends. */
export function stepBeside(steps: readonly number[], current: number, by: number): number {
  const at = steps.indexOf(current);
  const next = Math.max(0, Math.min((at < 0 ? steps.length - 1 : at) + by, steps.length - 1));
  return steps[next] ?? current;
}

/** The step of `steps` that lies nearest to `wanted` (the earlier one of two); null when there is none. */
export function nearestStep(steps: readonly number[], wanted: number): number | null {
  let best: number | null = null;
  for (const step of steps) {
    if (best === null || Math.abs(step - wanted) < Math.abs(best - wanted)) best = step;
  }
  return best;
}

/** Parses `250,2000` of the address into two different steps that exist; null when it is not that. */
export function parsePins(text: string | null, steps: readonly number[]): [number, number] | null {
  const parts = (text ?? "").split(",").map(Number);
  const [one, other] = parts;
  if (parts.length !== 2 || one === undefined || other === undefined || one === other) return null;
  return steps.includes(one) && steps.includes(other) ? [one, other] : null;
}
