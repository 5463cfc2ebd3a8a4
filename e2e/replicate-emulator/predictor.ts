import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { extractArchive } from "@simpletuner-cloud/server/packaging/extract-archive.ts";
import { invalidInput } from "./wire.ts";

/** The declared inputs of SimpleTuner's predictor. */
const declared: Record<string, "string" | "number" | "boolean"> = {
  images: "string",
  config_json: "string",
  dataloader_json: "string",
  max_train_steps: "number",
  s3_bucket: "string",
  s3_region: "string",
  s3_endpoint_url: "string",
  s3_base_path: "string",
  s3_public_base_url: "string",
  s3_access_key: "string",
  s3_secret_key: "string",
  hub_model_id: "string",
  hf_token: "string",
  lycoris_config: "string",
  return_logs: "boolean",
};

/** Checks inputs against the declared ones; throws the 422 that the API answers. */
export function checkInput(input: unknown): Record<string, unknown> {
  if (typeof input !== "object" || input === null || Array.isArray(input))
    throw invalidInput([{ field: "input", description: "Invalid type. Expected: object" }]);
  const wrong = Object.entries(input).flatMap(([field, value]) => {
    const type = declared[field];
    if (type === undefined)
      return [{ field: `input.${field}`, description: "Additional property is not allowed" }];
    return typeof value === type
      ? []
      : [{ field: `input.${field}`, description: `Invalid type. Expected: ${type}` }];
  });
  if (wrong.length > 0) throw invalidInput(wrong);
  return input as Record<string, unknown>;
}

/** Steps that the configuration asks for; throws for a text that is no configuration. */
export function stepsOf(input: Record<string, unknown>): number {
  const config = JSON.parse(String(input["config_json"])) as Record<string, unknown>;
  return Number(input["max_train_steps"] ?? config["max_train_steps"] ?? config["--max_train_steps"] ?? 10);
}

/** What keeps a prediction from training: unpacks the archive as the predictor does and looks for each dataset. Null: nothing. */
export async function problemOf(
  input: Record<string, unknown>,
  archivePath: string | null,
): Promise<string | null> {
  const folder = await mkdtemp(join(tmpdir(), "replicate-emulator-"));
  try {
    stepsOf(input);
    const datasets = JSON.parse(String(input["dataloader_json"])) as Record<string, unknown>[];
    const data = join(folder, "data");
    if (archivePath !== null)
      await extractArchive({
        archivePath,
        targetDir: data,
        limits: { maxEntries: 1_000_000, maxBytes: 2 ** 32 },
      });
    for (const dataset of datasets) {
      if ((dataset["type"] ?? "local") !== "local" || dataset["dataset_type"] === "text_embeds") continue;
      const path = String(dataset["instance_data_dir"]);
      if (path.startsWith("/"))
        return `dataset ${String(dataset["id"])}: ${path} is a path of another machine`;
      const place = join(data, path);
      const isFolder = await stat(place).then(
        (found) => found.isDirectory(),
        () => false,
      );
      if (!isFolder || (await readdir(place)).length === 0)
        return `dataset ${String(dataset["id"])}: the archive holds nothing at ${path}`;
    }
    return null;
  } catch (error) {
    return (error as Error).message;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
