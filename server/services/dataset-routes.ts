import type { DatasetRoute } from "../adapters/providers/dataset-route.ts";
import type { Provider } from "../adapters/providers/provider.ts";
import type { PackagingPlan } from "./dataset-packaging.ts";
import type { JobInputs } from "./job-inputs.ts";

/** How datasets are handed to a trainer. */
export type DatasetTransfer = "in_place" | "package";

const inPlace: DatasetRoute = {
  way: "in_place",
  destination: "The files are read where they are. Nothing is sent or copied.",
  deletedWhen: "Nothing is copied, so nothing is deleted.",
  limitBytes: null,
  notes: [],
  refusal: null,
};

const onThisMachine: DatasetRoute = {
  way: "machine",
  destination: "An archive on this machine, in the server's own folder. It does not leave the machine.",
  deletedWhen: "As soon as the job has taken its files, and at the latest when it ends.",
  limitBytes: null,
  notes: [],
  refusal: null,
};

/** How the datasets of a plan would reach the trainer, as things stand now. */
export async function routeOf(
  provider: Provider,
  transfer: DatasetTransfer,
  inputs: Pick<JobInputs, "config" | "dataloader">,
  plan: Pick<PackagingPlan, "archive_bytes" | "total_files">,
): Promise<DatasetRoute> {
  if (transfer === "in_place") return inPlace;
  const { config, dataloader } = inputs;
  const question = { config, dataloader, archiveBytes: plan.archive_bytes, files: plan.total_files };
  return (await provider.route?.(question)) ?? onThisMachine;
}

/** True when files of this machine leave it or are copied, so that their owner has to agree. */
export function sendsFiles({ way }: DatasetRoute): boolean {
  return way !== "in_place" && way !== "nothing";
}
