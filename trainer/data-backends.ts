import { resolve } from "node:path";
import { isObject, readJson } from "./config.ts";
import { unusable } from "./failure.ts";

/** Where a picture's caption comes from. */
export type CaptionStrategy = "textfile" | "filename" | "instanceprompt" | "none";

/** One local image dataset of the dataloader configuration. */
export interface ImageBackend {
  id: string;
  directory: string;
  captionStrategy: CaptionStrategy;
  /** The one caption of `instanceprompt`. */
  instancePrompt: string;
}

/**
 * Reads the dataloader configuration and keeps its enabled local image datasets; entries of other kinds
 * (text or image embeds) are passed over, unknown caption strategies are noted and mean "no captions".
 */
export async function readImageBackends(
  path: string,
  workingDir: string,
  notes: string[],
): Promise<ImageBackend[]> {
  const parsed = await readJson("data_backend_config", path);
  if (!Array.isArray(parsed))
    throw unusable(`data_backend_config: ${path} must hold a JSON array of datasets.`);
  const backends = parsed.flatMap((entry: unknown, index) => {
    if (!isObject(entry)) throw unusable(`data_backend_config[${index}]: must be an object.`);
    const kind = entry["dataset_type"] ?? "image";
    const disabled = entry["disabled"] === true || entry["disable"] === true;
    if ((entry["type"] ?? "local") !== "local" || kind !== "image" || disabled) return [];
    const id = typeof entry["id"] === "string" ? entry["id"] : `dataset-${index}`;
    const directory = entry["instance_data_dir"];
    if (typeof directory !== "string" || directory === "") {
      throw unusable(
        `dataset "${id}": instance_data_dir is missing. Set it to the folder that holds the images.`,
      );
    }
    return [
      {
        id,
        directory: resolve(workingDir, directory),
        captionStrategy: captionStrategy(entry["caption_strategy"], id, notes),
        instancePrompt: typeof entry["instance_prompt"] === "string" ? entry["instance_prompt"] : "",
      },
    ];
  });
  if (backends.length === 0) {
    throw unusable(
      `data_backend_config: ${path} names no enabled local image dataset. Add one or enable one.`,
    );
  }
  return backends;
}

function captionStrategy(value: unknown, id: string, notes: string[]): CaptionStrategy {
  const name = value ?? "filename";
  if (name === "textfile" || name === "filename" || name === "instanceprompt") return name;
  notes.push(
    `dataset "${id}": caption_strategy ${JSON.stringify(name)} is not known here; it trains without captions.`,
  );
  return "none";
}
