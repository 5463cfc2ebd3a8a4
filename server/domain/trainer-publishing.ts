import type { TrainerConfig } from "./config-rules.ts";

/** A place that the training itself publishes to, because its configuration says so. */
export type TrainerTarget =
  | { kind: "huggingface"; target: string }
  | { kind: "s3"; target: string; bucket: string; endpoint: string | null };

/** What the trainer names a repository without `hub_model_id` (CONTRACT 3.3 leaves it to the trainer). */
const unnamedRepo = "simpletuner-lora";

/** The places of `push_to_hub` and `publishing_config` (CONTRACT 3.3), as people read them and without secrets. */
export function trainerPublishes(config: TrainerConfig): TrainerTarget[] {
  const found: TrainerTarget[] = [];
  if (config["push_to_hub"] === true || config["push_to_hub"] === "true") {
    const named = config["hub_model_id"];
    found.push({
      kind: "huggingface",
      target: typeof named === "string" && named !== "" ? named : unnamedRepo,
    });
  }
  const publishing: unknown[] = Array.isArray(config["publishing_config"]) ? config["publishing_config"] : [];
  for (const each of publishing) {
    if (typeof each !== "object" || each === null) continue;
    const text = (name: string): string => {
      const value = (each as Record<string, unknown>)[name];
      return typeof value === "string" ? value : "";
    };
    const provider = text("provider");
    if (!["s3", "backblaze_b2", "backblaze"].includes(provider) || text("bucket") === "") continue;
    const path = text("base_path").replaceAll(/^\/+|\/+$/g, "");
    found.push({
      kind: "s3",
      target: `s3://${text("bucket")}/${path === "" ? "" : `${path}/`}`,
      bucket: text("bucket"),
      endpoint: text("endpoint_url") || null,
    });
  }
  return found;
}
