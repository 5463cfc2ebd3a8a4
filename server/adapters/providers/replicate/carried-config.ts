import type { RouteNote } from "@simpletuner-cloud/contract/data-consent.ts";
import type { TrainerConfig } from "../../../domain/config-rules.ts";

/** Options that name folders of this machine, or that travel as inputs of their own. */
const ownOptions = [
  "data_backend_config",
  "output_dir",
  "publishing_config",
  "hub_token",
  "hf_token",
  "lycoris_config",
];

/** Options that the predictor sets itself, whatever a configuration says (its `_force_nsfw_check`). */
const forcedOptions = [
  "enable_nsfw_check",
  "nsfw_check_models",
  "nsfw_check_min_votes",
  "nsfw_check_backend_types",
  "nsfw_check_sample_types",
];

/** Options of which the trainer does without a folder or file of this machine: it makes its own, or only shows less. */
const dispensable = /cache|log|tmp|temp|^user_prompt_library$/;

/** What of a configuration reaches the predictor. */
export interface CarriedConfig {
  config: TrainerConfig;
  /** The text of the input `lycoris_config`; null without. */
  lycoris: string | null;
  notes: RouteNote[];
  /** Why the configuration cannot be run there, without a full stop; null when it can. */
  problem: string | null;
}

/**
 * The configuration as the predictor takes it: no path of this machine, nothing that it overrides. Its forced picture
 * check is always told, since it leaves pictures out.
 */
export function carriedConfig(given: TrainerConfig): CarriedConfig {
  const notes: RouteNote[] = [nsfwNote];
  let problem: string | null = null;
  const config: TrainerConfig = {};
  for (const [name, value] of Object.entries(given)) {
    if (ownOptions.includes(name)) continue;
    if (name === "webhook_config") notes.push(webhookNote);
    else if (forcedOptions.includes(name)) notes.push(overridden(name));
    else if (!namesThisMachine(value)) config[name] = value;
    else if (dispensable.test(name)) notes.push(pathNote(name));
    else
      problem ??= `config.${name} names a path of this machine, which the trainer does not have; use a name of the Hugging Face Hub or take it out`;
  }
  const lycoris = lycorisText(given);
  if (lycoris === undefined)
    problem ??=
      "config.lycoris_config names a file, which the trainer does not have; put the JSON of the file in its place";
  return { config, lycoris: lycoris ?? null, notes, problem };
}

/** The JSON of the adapter's configuration; null where none is used, undefined where it is only named. */
function lycorisText(config: TrainerConfig): string | null | undefined {
  const value = config["lycoris_config"];
  if (value === undefined || value === null || config["lora_type"] !== "lycoris") return null;
  if (typeof value === "object") return JSON.stringify(value);
  return typeof value === "string" && /^\s*[{[]/.test(value) ? value : undefined;
}

function namesThisMachine(value: unknown): boolean {
  return typeof value === "string" && /^\s*(?:[/\\~]|[a-z]:[/\\]|file:)/i.test(value);
}

const nsfwNote: RouteNote = {
  code: "nsfw_check",
  dataset_id: null,
  field: null,
  message:
    "The trainer looks at every picture with three classifiers and leaves out those that two of them call unsafe.",
};

const webhookNote: RouteNote = {
  code: "webhook_replaced",
  dataset_id: null,
  field: "webhook_config",
  message: "The trainer sends its events into its own log instead.",
};

function overridden(field: string): RouteNote {
  return {
    code: "option_overridden",
    dataset_id: null,
    field,
    message: "The trainer sets this option itself.",
  };
}

function pathNote(field: string): RouteNote {
  return {
    code: "path_not_carried",
    dataset_id: null,
    field,
    message: "It names a path of this machine and is not sent.",
  };
}
