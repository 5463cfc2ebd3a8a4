import type { configEndpoints } from "@simpletuner-cloud/contract/configs.ts";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import {
  configProblems,
  type DataloaderConfig,
  dataloaderProblems,
  normalizeConfig,
  type TrainerConfig,
} from "../domain/config-rules.ts";
import { mapSecretFields } from "../domain/sealed-secret.ts";
import type { ConfigAccess } from "./config-access.ts";
import type { ConfigFiles } from "./config-files.ts";
import type { Handlers } from "./handler.ts";

/** Saved configurations and dataset lists. */
export function configService(files: ConfigFiles, access: ConfigAccess): Handlers<typeof configEndpoints> {
  return { ...configHandlers(files, access), ...dataloaderHandlers(files, access) };
}

type ConfigHandlers = Handlers<typeof configEndpoints>;

function configHandlers(
  files: ConfigFiles,
  access: ConfigAccess,
): Omit<ConfigHandlers, keyof ReturnType<typeof dataloaderHandlers>> {
  return {
    async listConfigs() {
      return { configs: await files.list() };
    },
    async availableConfigs() {
      const configs = await files.list();
      return { configs: configs.map(({ name }) => ({ name, is_active: false })), active_config: null };
    },
    async validateInlineConfig({ body }) {
      return validation(body.config, body.dataloader_config ?? null);
    },
    async getConfig({ params }) {
      return withoutSecrets(await files.load(params.name));
    },
    async putConfig({ params, body }, { caller }) {
      const dataloader =
        body.dataloader_name === undefined
          ? body.dataloader_config
          : (await files.loadDataloader(body.dataloader_name)).datasets;
      const config = normalizeConfig(body.config);
      refuse(validation(config, dataloader ?? null).problems);
      await access.beforeSave(caller, "config", params.name, await files.exists(params.name));
      return withoutSecrets(
        await files.save(
          params.name,
          await keepSecrets(files, params.name, config),
          dataloader ?? null,
          body.if_version,
        ),
      );
    },
    async deleteConfig({ params }, { caller }) {
      if (await files.exists(params.name)) await access.beforeDelete(caller, "config", params.name);
      await files.remove(params.name);
      await access.afterDelete("config", params.name);
      return { success: true, name: params.name };
    },
    async validateConfig({ params }) {
      const saved = await files.load(params.name);
      return validation(saved.config, saved.dataloader_config);
    },
  };
}

function dataloaderHandlers(files: ConfigFiles, access: ConfigAccess) {
  return {
    async listDataloaders() {
      return { dataloaders: await files.listDataloaders() };
    },
    async getDataloader({ params }) {
      return files.loadDataloader(params.name);
    },
    async putDataloader({ params, body }, { caller }) {
      refuse(dataloaderProblems(body.datasets));
      const exists = await files.dataloaderExists(params.name);
      await access.beforeSave(caller, "dataloader", params.name, exists);
      return files.saveDataloader(params.name, body.datasets, body.if_version);
    },
    async deleteDataloader({ params }, { caller }) {
      if (await files.dataloaderExists(params.name))
        await access.beforeDelete(caller, "dataloader", params.name);
      await files.removeDataloader(params.name);
      await access.afterDelete("dataloader", params.name);
      return { success: true as const, name: params.name };
    },
  } satisfies Partial<ConfigHandlers>;
}

/** What stands in for a secret in answers; sent back unchanged, it keeps the saved value. */
const hidden = "********";

/** A saved configuration with its secrets hidden. */
export function withoutSecrets<Saved extends { config: TrainerConfig }>(saved: Saved): Saved {
  return { ...saved, config: mapSecretFields(saved.config, () => hidden) as TrainerConfig };
}

async function keepSecrets(files: ConfigFiles, name: string, config: TrainerConfig): Promise<TrainerConfig> {
  if (!JSON.stringify(config).includes(hidden)) return config;
  const saved = await files.load(name).catch(() => null);
  return Object.fromEntries(
    Object.entries(config).map(([field, value]) => [
      field,
      JSON.stringify(value).includes(hidden) ? (saved?.config[field] ?? value) : value,
    ]),
  );
}

function validation(config: TrainerConfig, dataloader: DataloaderConfig | null) {
  const problems = [
    ...configProblems(normalizeConfig(config)),
    ...(dataloader ? dataloaderProblems(dataloader) : []),
  ];
  const warnings = dataloader
    ? []
    : [
        {
          field: "dataloader_config",
          problem: "no datasets are saved with it; choose some when you submit.",
        },
      ];
  return { valid: problems.length === 0, problems, warnings };
}

function refuse(problems: readonly { field: string; problem: string }[]): void {
  const first = problems[0];
  if (first) throw fail("config_invalid", { field: first.field, problem: first.problem });
}
