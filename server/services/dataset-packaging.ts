import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { DatasetPlan } from "@simpletuner-cloud/contract/data-consent.ts";
import type { DataloaderConfig } from "../domain/config-rules.ts";
import { type DatasetPlan as ScannedPlan, planDatasets } from "../packaging/dataset-plan.ts";
import { packDatasets } from "../packaging/pack-datasets.ts";
import type { PackagingProgress } from "../packaging/progress-meter.ts";

/** What packaging would send, without the words and the consent of a {@link DatasetPlan}. */
export type PackagingPlan = Pick<
  DatasetPlan,
  "datasets" | "total_files" | "total_bytes" | "archive_bytes" | "archive_bytes_exact" | "fingerprint"
>;

/** What to pack and where to. */
export interface PackInput {
  dataloader: DataloaderConfig;
  /** The datasets the user agreed to send; null = whatever is there. */
  fingerprint: string | null;
  targetPath: string;
  signal: AbortSignal;
  onProgress: (progress: PackagingProgress) => void;
}

/** Plans and packs datasets. Folders of `privateDirs` (the server's own) are never part of one. */
export function datasetPackaging(privateDirs: readonly string[]) {
  return {
    /** Looks at every file; throws the contract's `dataset_…` failures. */
    async plan(dataloader: DataloaderConfig): Promise<PackagingPlan> {
      return shownPlan(await planDatasets(dataloader, { privateDirs }));
    },
    /**
     * Writes the archive, whole or not at all. Throws `dataset_changed` when the files are not those that were
     * agreed to or change meanwhile, `disk_full`, or the signal's reason.
     */
    async pack(input: PackInput): Promise<{ archiveBytes: number; files: number; bytes: number }> {
      const plan = await planDatasets(input.dataloader, { privateDirs, signal: input.signal });
      if (input.fingerprint !== null && plan.fingerprint !== input.fingerprint) {
        throw fail("dataset_changed", {
          dataset_id: plan.datasets.map((dataset) => dataset.id).join(", "),
          change: "its files are not the ones you reviewed",
        });
      }
      const packed = await packDatasets({ ...input, plan, privateDirs });
      return { archiveBytes: packed.bytes, files: packed.files, bytes: plan.bytes };
    },
  };
}

/** See {@link datasetPackaging}. */
export type DatasetPackaging = ReturnType<typeof datasetPackaging>;

function shownPlan(plan: ScannedPlan): PackagingPlan {
  return {
    datasets: plan.datasets.map((dataset) => ({
      id: dataset.id,
      instance_data_dir: dataset.instance_data_dir,
      archive_dir: dataset.archive_dir,
      file_count: dataset.files,
      total_bytes: dataset.bytes,
      excluded_count: dataset.excluded_files,
      excluded: dataset.excluded.map(({ path, rule, reason }) => ({ path, rule, reason })),
    })),
    total_files: plan.files,
    total_bytes: plan.bytes,
    archive_bytes: plan.archive_bytes,
    archive_bytes_exact: plan.archive_bytes_exact,
    fingerprint: plan.fingerprint,
  };
}
