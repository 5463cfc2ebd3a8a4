import type { ConfigProblem } from "@simpletuner-cloud/contract/configs.ts";

/** A trainer configuration: SimpleTuner's option names without their dashes. */
export type TrainerConfig = Record<string, unknown>;

/** A dataset list as SimpleTuner's multidatabackend.json holds it. */
export type DataloaderConfig = Record<string, unknown>[];

/** Names with and without leading dashes mean the same; without wins when both are there. */
export function normalizeConfig(config: TrainerConfig): TrainerConfig {
  const plain: TrainerConfig = {};
  for (const [name, value] of Object.entries(config)) if (name.startsWith("--")) plain[name.slice(2)] = value;
  for (const [name, value] of Object.entries(config)) if (!name.startsWith("--")) plain[name] = value;
  return plain;
}

type Rule = (value: unknown) => string | null;

const wholeNumber =
  (minimum: number): Rule =>
  (value) =>
    Number.isInteger(Number(value)) && value !== "" && Number(value) >= minimum
      ? null
      : `must be a whole number of at least ${minimum}, not ${shown(value)}.`;
const positiveNumber: Rule = (value) =>
  Number(value) > 0 && Number.isFinite(Number(value))
    ? null
    : `must be a number above 0, not ${shown(value)}.`;
const text: Rule = (value) =>
  typeof value === "string" && value.trim() !== "" ? null : "must be a text that is not empty.";
const list: Rule = (value) => (Array.isArray(value) ? null : "must be a list.");

/** Options this product reads or passes on, and what each may hold. Others go to the trainer as they are. */
const configRules: Record<string, Rule> = {
  model_type: text,
  model_family: text,
  pretrained_model_name_or_path: text,
  data_backend_config: text,
  tracker_run_name: text,
  max_train_steps: wholeNumber(0),
  num_train_epochs: wholeNumber(0),
  train_batch_size: wholeNumber(1),
  gradient_accumulation_steps: wholeNumber(1),
  learning_rate: positiveNumber,
  resolution: positiveNumber,
  lora_rank: wholeNumber(1),
  seed: wholeNumber(0),
  checkpointing_steps: wholeNumber(1),
  checkpoint_step_interval: wholeNumber(1),
  checkpoints_total_limit: wholeNumber(1),
  validation_steps: wholeNumber(1),
  validation_step_interval: wholeNumber(1),
  num_validation_images: wholeNumber(0),
  publishing_config: list,
};

/** Everything wrong with a trainer configuration, each with its field. */
export function configProblems(config: TrainerConfig): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  for (const [field, rule] of Object.entries(configRules)) {
    const value = config[field];
    if (value === undefined || value === null) continue;
    const problem = rule(value);
    if (problem) problems.push({ field: `config.${field}`, problem });
  }
  const steps = Number(config["max_train_steps"] ?? 0);
  const epochs = Number(config["num_train_epochs"] ?? 0);
  if (!(steps > 0) && !(epochs > 0) && problems.length === 0) {
    problems.push({
      field: "config.max_train_steps",
      problem: "set how many steps to train, e.g. 1000 (or num_train_epochs).",
    });
  }
  return problems;
}

/** Everything wrong with a dataset list, each with its field. */
export function dataloaderProblems(datasets: DataloaderConfig): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const seen = new Map<string, number>();
  for (const [index, dataset] of datasets.entries()) {
    const field = `dataloader_config[${index}]`;
    const id = dataset["id"];
    if (typeof id !== "string" || id.trim() === "") {
      problems.push({ field: `${field}.id`, problem: "give every dataset a name of its own." });
      continue;
    }
    const earlier = seen.get(id);
    if (earlier !== undefined)
      problems.push({ field: `${field}.id`, problem: `"${id}" is already the id of dataset ${earlier}.` });
    seen.set(id, index);
    if (isLocalImageFolder(dataset) && text(dataset["instance_data_dir"])) {
      problems.push({
        field: `${field}.instance_data_dir`,
        problem: `dataset "${id}" needs the folder that holds its images.`,
      });
    }
  }
  if (!datasets.some((dataset) => isTrainable(dataset))) {
    problems.push({ field: "dataloader_config", problem: "add at least one dataset of images to train on." });
  }
  return problems;
}

/** True for an enabled dataset whose files lie in a folder of this machine. */
export function isLocalImageFolder(dataset: Record<string, unknown>): boolean {
  const type = dataset["type"] ?? "local";
  return type === "local" && isTrainable(dataset);
}

function isTrainable(dataset: Record<string, unknown>): boolean {
  const kind = dataset["dataset_type"] ?? "image";
  return dataset["disabled"] !== true && kind !== "text_embeds" && kind !== "image_embeds";
}

function shown(value: unknown): string {
  return JSON.stringify(value) ?? "nothing";
}
