import { fail } from "@simpletuner-cloud/contract/errors.ts";
import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import {
  configProblems,
  type DataloaderConfig,
  dataloaderProblems,
  isLocalImageFolder,
  normalizeConfig,
  type TrainerConfig,
} from "../domain/config-rules.ts";
import type { ConfigFiles } from "./config-files.ts";

/** The part of a submit, a plan or an estimate that says what to train on. */
export interface InputSelection {
  config?: Record<string, unknown>;
  config_name?: string;
  config_name_to_load?: string;
  dataloader_config?: Record<string, unknown>[];
  dataloader_name?: string;
}

/** A configuration and its datasets, ready to be frozen: checked, with absolute dataset folders. */
export interface JobInputs {
  configName: string | null;
  config: TrainerConfig;
  dataloader: DataloaderConfig;
}

/**
 * Finds the configuration and the dataset list a request means. An inline one wins over a named one; the list falls
 * back to the one saved with the configuration. Throws `no_configuration`, `config_not_found` or `config_invalid`
 * with the field of the first problem.
 */
export async function resolveInputs(files: ConfigFiles, request: InputSelection): Promise<JobInputs> {
  const saved =
    request.config_name_to_load === undefined ? null : await files.load(request.config_name_to_load);
  if (!saved && !request.config) throw fail("no_configuration");
  const config = normalizeConfig(request.config ?? saved?.config ?? {});
  const dataloader =
    request.dataloader_config ??
    (request.dataloader_name === undefined
      ? saved?.dataloader_config
      : (await files.loadDataloader(request.dataloader_name)).datasets);
  if (!dataloader)
    throw fail("config_invalid", {
      field: "dataloader_config",
      problem: "say which datasets to train on: send dataloader_config or dataloader_name.",
    });
  const problem = [...configProblems(config), ...dataloaderProblems(dataloader)][0];
  if (problem) throw fail("config_invalid", { field: problem.field, problem: problem.problem });
  return {
    configName: request.config_name_to_load ?? request.config_name ?? null,
    config,
    dataloader: dataloader.map(withAbsoluteFolder),
  };
}

/** `~` means the home of the server's user, and a relative folder is one below the server's working directory. */
function withAbsoluteFolder(dataset: Record<string, unknown>): Record<string, unknown> {
  const folder = dataset["instance_data_dir"];
  if (!isLocalImageFolder(dataset) || typeof folder !== "string" || isAbsolute(folder)) return dataset;
  const path = folder === "~" || folder.startsWith("~/") ? join(homedir(), folder.slice(1)) : resolve(folder);
  return { ...dataset, instance_data_dir: path };
}
