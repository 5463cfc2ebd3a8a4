import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, isAbsolute, resolve } from "node:path";
import type { PlanRequest } from "@simpletuner-cloud/contract/data-consent.ts";
import { CommandFailure } from "./io.ts";

type JsonObject = Record<string, unknown>;

/** The inputs of a job as submit and the plan preview both take them. */
export type JobInputs = Pick<
  PlanRequest,
  "config" | "config_name_to_load" | "dataloader_config" | "dataloader_name"
>;

/**
 * Reads what the user named: a configuration saved on the server, or a JSON file. A file's datasets come from
 * `dataloader` (a file or a saved list), else from the file its own `data_backend_config` names. Relative
 * dataset folders count from `cwd`, as they do for the trainer.
 */
export function readJobInputs(config: string, dataloader: string | undefined, cwd: string): JobInputs {
  if (!isFileName(config, cwd)) return { config_name_to_load: config, ...dataloaderInputs(dataloader, cwd) };
  const path = resolve(cwd, config);
  const content = readObject(path, "config");
  const chosen = dataloaderInputs(dataloader, cwd);
  if (dataloader !== undefined) return { config: content, ...chosen };
  return { config: content, ...ownDatasets(content, path, cwd) };
}

/** True when `name` means a file: it ends in .json, holds a slash, or such a file exists. */
function isFileName(name: string, cwd: string): boolean {
  if (name.endsWith(".json") || name.includes("/")) return true;
  const path = resolve(cwd, name);
  return existsSync(path) && statSync(path).isFile();
}

function dataloaderInputs(dataloader: string | undefined, cwd: string): JobInputs {
  if (dataloader === undefined) return {};
  if (!isFileName(dataloader, cwd)) return { dataloader_name: dataloader };
  return { dataloader_config: readDatasets(resolve(cwd, dataloader), cwd) };
}

/** Datasets of the file that a configuration names in `data_backend_config`, when that file is here. */
function ownDatasets(config: JsonObject, configPath: string, cwd: string): JobInputs {
  const named = config["data_backend_config"] ?? config["--data_backend_config"];
  if (typeof named !== "string") return {};
  const candidates = [resolve(cwd, named), resolve(dirname(configPath), named)];
  const path = candidates.find((candidate) => existsSync(candidate));
  if (path === undefined) {
    throw new CommandFailure(
      `data_backend_config: the file ${named} does not exist. Correct it in ${configPath} or name the datasets with --dataloader.`,
    );
  }
  return { dataloader_config: readDatasets(path, cwd) };
}

function readDatasets(path: string, cwd: string): JsonObject[] {
  const value = readJson(path, "dataloader");
  if (!Array.isArray(value) || !value.every(isObject)) {
    throw new CommandFailure(`dataloader: ${path} must hold a JSON list of datasets.`);
  }
  return value.map((dataset) => {
    const folder = dataset["instance_data_dir"];
    if (typeof folder !== "string" || folder === "" || isAbsolute(folder)) return dataset;
    return { ...dataset, instance_data_dir: resolve(cwd, folder) };
  });
}

function readObject(path: string, field: string): JsonObject {
  const value = readJson(path, field);
  if (!isObject(value)) throw new CommandFailure(`${field}: ${path} must hold a JSON object.`);
  return value;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The JSON value in the file `path`; `field` names the argument in the sentence of a failure. */
export function readJson(path: string, field: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const problem = code === "ENOENT" ? "does not exist" : `cannot be read (${code})`;
    throw new CommandFailure(`${field}: the file ${path} ${problem}.`);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CommandFailure(
      `${field}: ${path} is not valid JSON: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
