import type { ConfigSummary, SavedConfig } from "@simpletuner-cloud/contract/configs.ts";
import { Failure, fail } from "@simpletuner-cloud/contract/errors.ts";
import { createHash, randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { isAbsolute, join, resolve } from "node:path";
import type { DataloaderConfig, TrainerConfig } from "../domain/config-rules.ts";
import type { Turns } from "./turns.ts";

/** Where configurations lie. */
export interface ConfigFolders {
  /** The user's: `<configs>/<name>/config.json` with `multidatabackend.json` beside it, as SimpleTuner keeps them. */
  configs: string;
  dataloaders: string;
  /** The product's own samples, read-only; a saved configuration of the same name hides one. */
  builtIn: { folder: string; root: string };
}

/** A saved dataset list. */
export interface SavedDataloader {
  name: string;
  datasets: DataloaderConfig;
  version: string;
  updated_at: string;
}

/** Names that are folders of the server itself or words of its paths, and no configurations. */
const reserved = new Set(["cloud", "dataloaders", "validate"]);
const validName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/** Saved configurations and dataset lists as files, written whole or not at all. */
export function configFiles(folders: ConfigFolders, turns: Turns) {
  const reads = savedConfigs(folders);
  // Nobody writes between another's look at the version and its write, and nothing while git looks at it.
  const inTurn: InTurn = (write) => turns(configTurn, write);
  return {
    ...reads,
    ...configWrites(folders, reads.load, inTurn),
    ...savedDataloaders(folders, inTurn),
  };
}

/** The turn of whoever writes to the folder of configurations. */
export const configTurn = "configurations";

type InTurn = <Result>(write: () => Promise<Result>) => Promise<Result>;

/** See {@link configFiles}. */
export type ConfigFiles = ReturnType<typeof configFiles>;

function savedConfigs(folders: ConfigFolders) {
  const load = async (name: string): Promise<SavedConfig> => {
    // The name is checked before it becomes part of a path.
    const found =
      validName.test(name) && !reserved.has(name)
        ? ((await readSaved(join(folders.configs, name), name)) ??
          (await readSaved(join(folders.builtIn.folder, name), name, folders.builtIn.root)))
        : null;
    if (found) return found;
    throw fail("config_not_found", { name, known: (await names(folders)).join(", ") || "none yet" });
  };
  return {
    load,
    async exists(name: string): Promise<boolean> {
      return (await names(folders)).includes(name);
    },
    async list(): Promise<ConfigSummary[]> {
      const summaries: ConfigSummary[] = [];
      for (const name of await names(folders)) {
        // A file that somebody broke by hand must not hide all others; opening it tells what is wrong with it.
        const saved = await load(name).catch((error: unknown) => {
          if (error instanceof Failure) return null;
          throw error;
        });
        if (!saved) continue;
        const family = saved.config["model_family"];
        summaries.push({
          name,
          model_family: typeof family === "string" ? family : null,
          dataloader_name: saved.dataloader_name,
          max_train_steps: Number(saved.config["max_train_steps"]) || null,
          updated_at: saved.updated_at,
        });
      }
      return summaries;
    },
  };
}

function configWrites(folders: ConfigFolders, load: (name: string) => Promise<SavedConfig>, inTurn: InTurn) {
  return {
    /** Saves a configuration; `ifVersion` refuses to overwrite what another has changed meanwhile. */
    async save(
      name: string,
      config: TrainerConfig,
      dataloader: DataloaderConfig | null,
      ifVersion: string | undefined,
    ): Promise<SavedConfig> {
      if (reserved.has(name))
        throw fail("config_invalid", {
          field: "name",
          problem: `"${name}" is reserved, choose another name.`,
        });
      return inTurn(async () => {
        if (ifVersion !== undefined) {
          const current = await load(name).catch(() => null);
          if (current?.version !== ifVersion) throw fail("config_exists_changed", { name });
        }
        const folder = join(folders.configs, name);
        await mkdir(folder, { recursive: true });
        await writeTogether([
          ...(dataloader ? [[join(folder, "multidatabackend.json"), dataloader] as const] : []),
          [join(folder, "config.json"), config],
        ]);
        return load(name);
      });
    },
    async remove(name: string): Promise<void> {
      await load(name);
      const trash = join(folders.configs, `.deleted-${randomUUID()}`);
      await rename(join(folders.configs, name), trash).catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT")
          throw fail("config_invalid", {
            field: "name",
            problem: `"${name}" is a sample of the product and cannot be deleted.`,
          });
        throw error;
      });
      await rm(trash, { recursive: true, force: true });
    },
  };
}

function savedDataloaders(folders: ConfigFolders, inTurn: InTurn) {
  const pathOf = (name: string) => join(folders.dataloaders, `${name}.json`);
  const loadDataloader = async (name: string): Promise<SavedDataloader> => {
    const text = validName.test(name) ? await readIfThere(pathOf(name)) : null;
    if (text === null)
      throw fail("config_not_found", {
        name,
        known: (await jsonNames(folders.dataloaders)).join(", ") || "none yet",
      });
    const { mtime } = await stat(pathOf(name));
    return {
      name,
      datasets: datasetsOf(parseJson(text, pathOf(name))),
      version: versionOf(text),
      updated_at: mtime.toISOString(),
    };
  };
  return {
    loadDataloader,
    async dataloaderExists(name: string): Promise<boolean> {
      return (await jsonNames(folders.dataloaders)).includes(name);
    },
    async listDataloaders() {
      const all = await Promise.all((await jsonNames(folders.dataloaders)).map(loadDataloader));
      return all.map(({ name, datasets, updated_at }) => ({
        name,
        dataset_count: datasets.length,
        updated_at,
      }));
    },
    async saveDataloader(
      name: string,
      datasets: DataloaderConfig,
      ifVersion: string | undefined,
    ): Promise<SavedDataloader> {
      return inTurn(async () => {
        if (ifVersion !== undefined && (await loadDataloader(name).catch(() => null))?.version !== ifVersion)
          throw fail("config_exists_changed", { name });
        await mkdir(folders.dataloaders, { recursive: true });
        await writeWhole(pathOf(name), datasets);
        return loadDataloader(name);
      });
    },
    async removeDataloader(name: string): Promise<void> {
      await loadDataloader(name);
      await rm(pathOf(name), { force: true });
    },
  };
}

async function names(folders: ConfigFolders): Promise<string[]> {
  const found = new Set<string>();
  for (const parent of [folders.configs, folders.builtIn.folder]) {
    const entries = await readdir(parent, { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      if (!entry.isDirectory() || reserved.has(entry.name) || !validName.test(entry.name)) continue;
      if (await stat(join(parent, entry.name, "config.json")).catch(() => null)) found.add(entry.name);
    }
  }
  return [...found].sort();
}

async function readSaved(folder: string, name: string, datasetRoot?: string): Promise<SavedConfig | null> {
  const path = join(folder, "config.json");
  const text = await readIfThere(path);
  if (text === null) return null;
  const config = parseJson(text, path);
  if (config === null || typeof config !== "object" || Array.isArray(config))
    throw fail("config_invalid", { field: path, problem: "the file must hold a JSON object." });
  const listPath = join(folder, "multidatabackend.json");
  const listText = await readIfThere(listPath);
  const datasets = listText === null ? null : datasetsOf(parseJson(listText, listPath));
  return {
    name,
    config: config as TrainerConfig,
    dataloader_config:
      datasets && datasetRoot !== undefined
        ? datasets.map((dataset) => below(dataset, datasetRoot))
        : datasets,
    dataloader_name: null,
    version: versionOf(text + (listText ?? "")),
    updated_at: (await stat(path)).mtime.toISOString(),
  };
}

/** A sample's dataset folder is named from the product's own folder. */
function below(dataset: Record<string, unknown>, root: string): Record<string, unknown> {
  const folder = dataset["instance_data_dir"];
  return typeof folder === "string" && !isAbsolute(folder)
    ? { ...dataset, instance_data_dir: resolve(root, folder) }
    : dataset;
}

/** SimpleTuner's file is a list; the web API also sends `{datasets: […]}` (CONTRACT 1.1.1). */
function datasetsOf(value: unknown): DataloaderConfig {
  const list = Array.isArray(value) ? value : (value as { datasets?: unknown } | null)?.datasets;
  return Array.isArray(list) ? (list as DataloaderConfig) : [];
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw fail(
      "config_invalid",
      { field: path, problem: `the file is not valid JSON: ${(error as Error).message}` },
      error,
    );
  }
}

async function readIfThere(path: string): Promise<string | null> {
  return readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return null;
    throw error;
  });
}

async function jsonNames(folder: string): Promise<string[]> {
  const entries = await readdir(folder).catch(() => []);
  return entries
    .filter((entry) => entry.endsWith(".json"))
    .map((entry) => entry.slice(0, -5))
    .filter((name) => validName.test(name))
    .sort();
}

async function writeWhole(path: string, value: unknown): Promise<void> {
  await writeTogether([[path, value]]);
}

/** Replaces several files, each whole; every one is on the disk before the first takes its place. */
async function writeTogether(files: readonly (readonly [path: string, value: unknown])[]): Promise<void> {
  const written: [temporary: string, path: string][] = [];
  for (const [path, value] of files) {
    const temporary = `${path}.${randomUUID()}.new`;
    await writeFile(temporary, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600, flush: true });
    written.push([temporary, path]);
  }
  for (const [temporary, path] of written) await rename(temporary, path);
}

function versionOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
