import type { ConfigProblem } from "@simpletuner-cloud/contract/configs.ts";

/** A JSON object as configurations hold them. */
export type Options = Record<string, unknown>;

/** A trainer configuration with its dataset list, as the editor changes it. */
export interface ConfigValue {
  config: Options;
  datasets: Options[];
}

/** An option the editor shows as a field; `names` are its spellings, the usual one first. */
export interface ConfigField {
  names: readonly [
    (
      | "model_family"
      | "model_type"
      | "lora_rank"
      | "max_train_steps"
      | "learning_rate"
      | "train_batch_size"
      | "resolution"
      | "checkpoint_step_interval"
      | "validation_step_interval"
      | "validation_prompt"
      | "seed"
    ),
    ...string[],
  ];
  kind: "text" | "number" | "choice";
  wide?: boolean;
}

/** Options that most people set, in the order of the form. */
export const configFields: readonly ConfigField[] = [
  { names: ["model_family"], kind: "text" },
  { names: ["model_type"], kind: "choice" },
  { names: ["lora_rank"], kind: "number" },
  { names: ["max_train_steps"], kind: "number" },
  { names: ["learning_rate"], kind: "number" },
  { names: ["train_batch_size"], kind: "number" },
  { names: ["resolution"], kind: "number" },
  { names: ["checkpoint_step_interval", "checkpointing_steps"], kind: "number" },
  { names: ["validation_step_interval", "validation_steps"], kind: "number" },
  { names: ["seed"], kind: "number" },
  { names: ["validation_prompt"], kind: "text", wide: true },
];

/** The key under which `config` holds the field: any spelling, with or without dashes; else the usual one. */
export function keyOf(field: ConfigField, config: Options): string {
  const spellings = field.names.flatMap((name) => [name, `--${name}`]);
  return spellings.find((name) => name in config) ?? field.names[0];
}

/** The field's value as text for an input. */
export function textOf(field: ConfigField, config: Options): string {
  const value = config[keyOf(field, config)];
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** `config` with the field set from an input's text; empty removes it, a text that is no number stays text. */
export function withText(field: ConfigField, config: Options, text: string): Options {
  const key = keyOf(field, config);
  const { [key]: _, ...rest } = config;
  if (text.trim() === "") return rest;
  const number = Number(text);
  return { ...config, [key]: field.kind === "number" && !Number.isNaN(number) ? number : text };
}

/** How many options of `config` the form has no field for. */
export function otherOptions(config: Options): number {
  const shown = new Set(configFields.map((field) => keyOf(field, config)));
  return Object.keys(config).filter((key) => !shown.has(key)).length;
}

/** The problem of the field of the form, if there is one. */
export function problemOf(field: ConfigField, problems: readonly ConfigProblem[]): string | null {
  const names = field.names.map((name) => `config.${name}`);
  return problems.find((problem) => names.includes(problem.field))?.problem ?? null;
}

/** Problems that belong to no field on screen and are listed on their own. */
export function otherProblems(value: ConfigValue, problems: readonly ConfigProblem[]): ConfigProblem[] {
  const shown = new Set(configFields.flatMap((field) => field.names.map((name) => `config.${name}`)));
  const datasetField = /^dataloader_config\[(\d+)\]\.(id|instance_data_dir)$/;
  return problems.filter((problem) => {
    const place = datasetField.exec(problem.field)?.[1];
    const onRow = place !== undefined && isImageFolder(value.datasets[Number(place)] ?? {});
    return !shown.has(problem.field) && !onRow;
  });
}

/** True for a dataset of images in a folder, which the form shows as a row. */
export function isImageFolder(dataset: Options): boolean {
  const kind = dataset["dataset_type"] ?? "image";
  const type = dataset["type"] ?? "local";
  return kind === "image" && type === "local";
}

/** A configuration to start from when there is none. */
export function freshConfig(): ConfigValue {
  return {
    config: {
      model_type: "lora",
      model_family: "sdxl",
      lora_rank: 16,
      max_train_steps: 1000,
      learning_rate: 0.0001,
      train_batch_size: 4,
      resolution: 512,
      checkpoint_step_interval: 250,
      validation_step_interval: 250,
      seed: 42,
    },
    datasets: [freshDataset([])],
  };
}

/** An empty dataset with a name no other has. */
export function freshDataset(others: readonly Options[]): Options {
  const taken = new Set(others.map((dataset) => dataset["id"]));
  let id = "images";
  for (let number = 2; taken.has(id); number += 1) id = `images-${number}`;
  return { id, type: "local", instance_data_dir: "", caption_strategy: "textfile" };
}
