import type { RouteNote } from "@simpletuner-cloud/contract/data-consent.ts";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { DatasetRoute, RouteQuestion } from "../dataset-route.ts";
import { carriedConfig } from "./carried-config.ts";
import { mebibytes } from "./client.ts";
import { providerName } from "./failures.ts";
import { type DatasetFields, hubNotes, hubProblem, mostHubFiles } from "./hub-entry.ts";

/**
 * What a trainer does with datasets. `hub`: it reads them from the Hugging Face Hub, as SimpleTuner's public predictor
 * does and nothing else (docs/REPLICATE-DATASETS.md); `archive`: it unpacks the archive in its working folder and takes
 * the dataset list with paths inside.
 */
export type TrainerTakes = "hub" | "archive";

/** How things stand while a route is chosen. */
export interface RouteCircumstances {
  takes: TrainerTakes;
  /** There is a Hugging Face token to keep repositories with. */
  hasHubToken: boolean;
  /** Where an archive that is too large to be uploaded can be fetched from. */
  staging: "server" | "bucket" | null;
  uploadLimitBytes: number;
}

const tokenNote: RouteNote = {
  code: "hub_token_sent",
  dataset_id: null,
  field: null,
  message:
    "The server's Hugging Face token goes to Replicate as a secret input, so that the trainer can read them.",
};

const deletedAtEnd = "As soon as the job ends, however it ends.";

/** Chooses how datasets reach the trainer; refuses what would not be trained on as it is configured. */
export function replicateRoute(question: RouteQuestion, circumstances: RouteCircumstances): DatasetRoute {
  const { notes, problem } = carriedConfig(question.config);
  const local = localDatasets(question.dataloader);
  const route = routeOf(question, circumstances, local);
  return {
    ...route,
    notes: [...(route.way === "hub" ? [tokenNote, ...local.flatMap(hubNotes)] : []), ...notes],
    refusal: problem === null ? route.refusal : notCarried(`${problem}.`),
  };
}

function routeOf(
  { config, archiveBytes, files }: RouteQuestion,
  circumstances: RouteCircumstances,
  local: readonly DatasetFields[],
): Omit<DatasetRoute, "notes"> {
  const unlimited = { limitBytes: null, refusal: null };
  if (local.length === 0)
    return {
      ...unlimited,
      way: "nothing",
      destination: "Nothing of this machine: the trainer reads its datasets where they are.",
      deletedWhen: "Nothing is copied, so nothing is deleted.",
    };
  if (circumstances.takes === "hub")
    return {
      ...unlimited,
      way: "hub",
      destination:
        "Private dataset repositories of this server's Hugging Face account, from where the trainer at Replicate reads them.",
      deletedWhen: deletedAtEnd,
      refusal: hubRefusal(circumstances, local, config, files),
    };
  const limitBytes = circumstances.uploadLimitBytes;
  if (archiveBytes <= limitBytes)
    return {
      way: "upload",
      destination: "An archive that is uploaded to Replicate.",
      deletedWhen: deletedAtEnd,
      limitBytes,
      refusal: null,
    };
  if (circumstances.staging !== null)
    return {
      ...unlimited,
      way: "staged",
      destination:
        circumstances.staging === "server"
          ? "An archive that Replicate fetches from this server, with an address that only it is told."
          : "An archive in your S3 bucket, which Replicate fetches with an address that only it is told.",
      deletedWhen: deletedAtEnd,
    };
  return {
    way: "upload",
    destination: "An archive that is uploaded to Replicate.",
    deletedWhen: deletedAtEnd,
    limitBytes,
    refusal: fail("archive_over_limit", {
      provider: providerName,
      size: mebibytes(archiveBytes),
      limit: mebibytes(limitBytes),
    }),
  };
}

/** Why the datasets cannot go through the Hub; names what stands in the way and the ways out. */
function hubRefusal(
  { hasHubToken }: RouteCircumstances,
  local: readonly DatasetFields[],
  config: RouteQuestion["config"],
  files: number,
) {
  for (const dataset of local) {
    const problem = hubProblem(dataset, config);
    if (problem !== null)
      return notCarried(
        `${problem}. Its public trainer reads datasets of this machine only through the Hugging Face Hub. Choose another provider, or a trainer that unpacks archives (REPLICATE_MODEL with REPLICATE_DATASETS=archive).`,
      );
  }
  if (files > mostHubFiles)
    return notCarried(
      `they hold ${files} files, and a dataset repository keeps ${mostHubFiles}. Use fewer files, a dataset that is on the Hub already, or another provider.`,
    );
  if (config["hub_token"] || config["hf_token"])
    return notCarried(
      "the configuration has a Hugging Face token of its own, and the repositories are read with the server's. Take hub_token out of the configuration.",
    );
  if (!hasHubToken)
    return notCarried(
      "its public trainer reads datasets of this machine only through the Hugging Face Hub, and there is no token for it. Set HF_TOKEN to one that may write, name datasets that are on the Hub, or choose another provider.",
    );
  return null;
}

function notCarried(reason: string) {
  return fail("datasets_not_carried", { provider: providerName, reason });
}

/** Datasets whose files lie on this machine; what has no folder is a cache, which the trainer makes itself. */
export function localDatasets(dataloader: RouteQuestion["dataloader"]): DatasetFields[] {
  return dataloader.filter((dataset) => {
    const type = dataset["type"] ?? "local";
    const off = dataset["disabled"] === true || dataset["disable"] === true;
    return type === "local" && !off && typeof dataset["instance_data_dir"] === "string";
  });
}
