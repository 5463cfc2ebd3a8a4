import type { DatasetPlan } from "@simpletuner-cloud/contract/data-consent.ts";

type Measure = Pick<DatasetPlan["datasets"][number], "file_count" | "total_bytes">;

/** How one dataset of a plan differs from the plan before. */
export type PlanChange =
  | { kind: "added" | "removed"; id: string }
  | { kind: "contents"; id: string }
  | { kind: "counts"; id: string; before: Measure; after: Measure };

/** What changed between two plans of the same request, dataset by dataset; never empty when they differ. */
export function planChanges(
  before: Pick<DatasetPlan, "datasets" | "fingerprint">,
  after: Pick<DatasetPlan, "datasets" | "fingerprint">,
): PlanChange[] {
  if (before.fingerprint === after.fingerprint) return [];
  const changes: PlanChange[] = [];
  const old = new Map(before.datasets.map((dataset) => [dataset.id, dataset]));
  for (const dataset of after.datasets) {
    const was = old.get(dataset.id);
    old.delete(dataset.id);
    if (!was) changes.push({ kind: "added", id: dataset.id });
    else if (was.file_count !== dataset.file_count || was.total_bytes !== dataset.total_bytes) {
      changes.push({ kind: "counts", id: dataset.id, before: was, after: dataset });
    }
  }
  for (const id of old.keys()) changes.push({ kind: "removed", id });
  if (changes.length > 0) return changes;
  // Same counts everywhere: some file's contents differ, and the fingerprint does not say which.
  return after.datasets.map(({ id }) => ({ kind: "contents", id }));
}
