import type { RouteNote } from "@simpletuner-cloud/contract/data-consent.ts";
import type { TrainerConfig } from "../../../domain/config-rules.ts";

/** One dataset of a dataloader configuration. */
export type DatasetFields = Record<string, unknown>;

/** How a dataset's captions come about. */
export type CaptionSource = "textfile" | "filename" | "instanceprompt";

/** Where a dataset of this machine lies on the Hub. */
export interface HubPlace {
  /** `owner/name`. */
  repo: string;
  /** The commit that holds all of it. */
  revision: string;
  /** One, or several where a caption file has several lines, each a caption of its own. */
  captionColumns: readonly string[];
}

/** Files of a dataset repository at most (the Hub's own advice). */
export const mostHubFiles = 100_000;

/** Settings that a repository, which the trainer only reads, has no use for. */
const readOnlyFields = ["delete_unwanted_images", "delete_problematic_images", "delete_nsfw_images"];

/** Fields of a folder that mean nothing for a repository; what they said is in its captions. */
const folderFields = [
  ...readOnlyFields,
  "type",
  "instance_data_dir",
  "instance_data_root",
  "metadata_backend",
  "caption_strategy",
  "disable_multiline_split",
];

/** Fields that make one dataset depend on another's file names, or that need files beside the pictures. */
const pairingFields = [
  "conditioning",
  "conditioning_data",
  "conditioning_type",
  "conditioning_config",
  "source_dataset_id",
  "s2v_datasets",
  "grounding",
  "parquet",
];

/** Where captions come from; the trainer's default is the file name. Null for a strategy that needs other files. */
export function captionSourceOf(dataset: DatasetFields, config: TrainerConfig): CaptionSource | null {
  const strategy = dataset["caption_strategy"] ?? config["caption_strategy"] ?? "filename";
  if (strategy === "instance_prompt") return "instanceprompt";
  return strategy === "textfile" || strategy === "filename" || strategy === "instanceprompt"
    ? strategy
    : null;
}

/** Why a dataset of this machine cannot go through a repository of the Hub, without a full stop; null when it can. */
export function hubProblem(dataset: DatasetFields, config: TrainerConfig): string | null {
  const named = `dataset "${String(dataset["id"])}"`;
  const kind = dataset["dataset_type"] ?? "image";
  if (kind !== "image") return `${named} is of the type ${String(kind)}, and only pictures go that way`;
  const pairing = pairingFields.find((field) => isSet(dataset[field]));
  if (pairing !== undefined)
    return `${named} sets ${pairing}, which ties it to files that a repository does not keep`;
  const backend = dataset["metadata_backend"] ?? "discovery";
  if (backend !== "discovery" && backend !== "json" && backend !== "filesystem")
    return `${named} sets metadata_backend ${String(backend)}, which reads a file beside the pictures`;
  if (captionSourceOf(dataset, config) === null)
    return `${named} has the caption strategy ${String(dataset["caption_strategy"] ?? config["caption_strategy"])}; use textfile, filename or instanceprompt`;
  return null;
}

/** Settings of a dataset that have no effect once it lies in a repository. */
export function hubNotes(dataset: DatasetFields): RouteNote[] {
  return readOnlyFields
    .filter((field) => dataset[field] === true)
    .map((field) => ({
      code: "hub_read_only",
      dataset_id: String(dataset["id"]),
      field,
      message: "The trainer only reads the repository: such pictures are passed over and not deleted.",
    }));
}

/**
 * The entry that makes the trainer read a dataset from the Hub (its backend type `huggingface`), with every setting of
 * the folder's entry that both backends know: resolution, crop, repeats, probability and the like go on unchanged.
 */
export function hubEntry(dataset: DatasetFields, config: TrainerConfig, place: HubPlace): DatasetFields {
  const kept = Object.entries(dataset).filter(([field]) => !folderFields.includes(field));
  const [column, ...more] = place.captionColumns;
  const instancePrompt = captionSourceOf(dataset, config) === "instanceprompt";
  return {
    ...Object.fromEntries(kept),
    type: "huggingface",
    dataset_name: place.repo,
    split: "train",
    revision: place.revision,
    image_column: "image",
    metadata_backend: "huggingface",
    caption_strategy: instancePrompt ? "instanceprompt" : "huggingface",
    huggingface: { caption_column: more.length === 0 ? column : [...place.captionColumns] },
  };
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== null && value !== "" && value !== false;
}
