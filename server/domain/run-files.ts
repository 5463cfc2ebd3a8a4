import type { Artifact } from "@simpletuner-cloud/contract/results.ts";

/** Bucket that training outputs go to (CONTRACT 1.9). */
export const outputsBucket = "outputs";

/** File name of a trained adapter (CONTRACT 3.7); at the top level it is the finished model. */
const modelNames = new Set([
  "pytorch_lora_weights.safetensors",
  "model.safetensors",
  "diffusion_pytorch_model.safetensors",
  "adapter_model.safetensors",
]);

/** What an output file is, from its path below the job's area. */
export function artifactKind(key: string): Artifact["kind"] {
  const folders = key.split("/");
  const name = folders.at(-1) ?? "";
  if (folders.some((folder) => /^checkpoint-\d+$/.test(folder)) && !/\.(png|jpe?g|webp|mp4)$/i.test(name))
    return "checkpoint";
  if (/\.(png|jpe?g|webp|gif|mp4)$/i.test(name)) return "sample";
  if (folders.length <= 2 && (modelNames.has(name) || name.endsWith(".safetensors"))) return "model";
  return "other";
}

/** The lower, the likelier the file is the finished model among a run's; null for what is no model. */
export function modelRank(key: string): number | null {
  if (artifactKind(key) !== "model") return null;
  const folders = key.split("/");
  return folders.length * 2 + (modelNames.has(folders.at(-1) ?? "") ? 0 : 1);
}

/** The training step an output file belongs to, from `checkpoint-200/`, `step-200/` or `step_200_`; else null. */
export function artifactStep(key: string): number | null {
  const found = /(?:checkpoint|step)[-_](\d+)/.exec(key);
  return found ? Number(found[1]) : null;
}
