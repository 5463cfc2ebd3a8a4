import { Type, type Static } from "typebox";
import { endpoint } from "./endpoint.ts";
import { Instant, MaybeString } from "./instants.ts";

const Name = Type.String({
  pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
  description: "Letters, digits, dot, dash and underscore; at most 100",
});
const NameParams = Type.Object({ name: Name });
const TrainerConfig = Type.Record(Type.String(), Type.Unknown());
const DataloaderConfig = Type.Array(Type.Record(Type.String(), Type.Unknown()));

/** One problem of a configuration: the field and what to do. */
export const ConfigProblem = Type.Object({ field: Type.String(), problem: Type.String() });
/** See the schema. */
export type ConfigProblem = Static<typeof ConfigProblem>;

/** A saved configuration without its content. */
export const ConfigSummary = Type.Object({
  name: Type.String(),
  model_family: MaybeString,
  dataloader_name: MaybeString,
  max_train_steps: Type.Union([Type.Number(), Type.Null()]),
  updated_at: Instant,
});
/** See the schema. */
export type ConfigSummary = Static<typeof ConfigSummary>;

/** A saved configuration. `dataloader_config` is the dataset list it uses. */
export const SavedConfig = Type.Object({
  name: Type.String(),
  config: TrainerConfig,
  dataloader_config: Type.Union([DataloaderConfig, Type.Null()]),
  dataloader_name: MaybeString,
  version: Type.String({ description: "Send it back as if_version to detect a change by someone else" }),
  updated_at: Instant,
});
/** See the schema. */
export type SavedConfig = Static<typeof SavedConfig>;

/** A saved dataset list. */
export const SavedDataloader = Type.Object({
  name: Type.String(),
  datasets: DataloaderConfig,
  version: Type.String(),
  updated_at: Instant,
});

const Validation = Type.Object({
  valid: Type.Boolean(),
  problems: Type.Array(ConfigProblem),
  warnings: Type.Array(ConfigProblem),
});
const Success = Type.Object({ success: Type.Literal(true), name: Type.String() });
const tag = "Configurations";

/** Endpoints of saved configurations and dataset lists. */
export const configEndpoints = {
  listConfigs: endpoint({
    method: "GET",
    path: "/api/configs",
    access: "config.view",
    tag,
    summary: "Saved configurations",
    answer: Type.Object({ configs: Type.Array(ConfigSummary) }),
    errors: [],
  }),
  availableConfigs: endpoint({
    method: "GET",
    path: "/api/cloud/available-configs",
    access: "config.view",
    tag,
    summary: "Names of the saved configurations, for pickers",
    answer: Type.Object({
      configs: Type.Array(Type.Object({ name: Type.String(), is_active: Type.Boolean() })),
      active_config: MaybeString,
    }),
    errors: [],
  }),
  validateInlineConfig: endpoint({
    method: "POST",
    path: "/api/configs/validate",
    access: "config.view",
    tag,
    summary: "Check a configuration before it is saved or submitted",
    body: Type.Object(
      { config: TrainerConfig, dataloader_config: Type.Optional(DataloaderConfig) },
      { additionalProperties: false },
    ),
    answer: Validation,
    errors: [],
  }),
  listDataloaders: endpoint({
    method: "GET",
    path: "/api/configs/dataloaders",
    access: "config.view",
    tag,
    summary: "Saved dataset lists",
    answer: Type.Object({
      dataloaders: Type.Array(
        Type.Object({ name: Type.String(), dataset_count: Type.Integer(), updated_at: Instant }),
      ),
    }),
    errors: [],
  }),
  getDataloader: endpoint({
    method: "GET",
    path: "/api/configs/dataloaders/{name}",
    access: "config.view",
    tag,
    summary: "One saved dataset list",
    params: NameParams,
    answer: SavedDataloader,
    errors: ["config_not_found"],
  }),
  putDataloader: endpoint({
    method: "PUT",
    path: "/api/configs/dataloaders/{name}",
    access: "config.create",
    tag,
    summary: "Save a dataset list",
    params: NameParams,
    body: Type.Object(
      { datasets: DataloaderConfig, if_version: Type.Optional(Type.String()) },
      { additionalProperties: false },
    ),
    answer: SavedDataloader,
    errors: ["config_invalid", "config_exists_changed"],
  }),
  deleteDataloader: endpoint({
    method: "DELETE",
    path: "/api/configs/dataloaders/{name}",
    access: "config.delete.own",
    tag,
    summary: "Delete a saved dataset list",
    params: NameParams,
    answer: Success,
    errors: ["config_not_found"],
  }),
  getConfig: endpoint({
    method: "GET",
    path: "/api/configs/{name}",
    access: "config.view",
    tag,
    summary: "One saved configuration",
    params: NameParams,
    answer: SavedConfig,
    errors: ["config_not_found"],
  }),
  putConfig: endpoint({
    method: "PUT",
    path: "/api/configs/{name}",
    access: "config.create",
    tag,
    summary: "Save a configuration",
    params: NameParams,
    body: Type.Object(
      {
        config: TrainerConfig,
        dataloader_config: Type.Optional(DataloaderConfig),
        dataloader_name: Type.Optional(Name),
        if_version: Type.Optional(Type.String()),
      },
      { additionalProperties: false },
    ),
    answer: SavedConfig,
    errors: ["config_invalid", "config_exists_changed"],
  }),
  deleteConfig: endpoint({
    method: "DELETE",
    path: "/api/configs/{name}",
    access: "config.delete.own",
    tag,
    summary: "Delete a saved configuration; jobs keep their frozen copy",
    params: NameParams,
    answer: Success,
    errors: ["config_not_found"],
  }),
  validateConfig: endpoint({
    method: "POST",
    path: "/api/configs/{name}/validate",
    access: "config.view",
    tag,
    summary: "Check a saved configuration",
    params: NameParams,
    answer: Validation,
    errors: ["config_not_found"],
  }),
} as const;
