import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import { isBundledModel } from "./bundled-models.ts";
import type { DataloaderConfig, TrainerConfig } from "./config-rules.ts";
import { modelFamily } from "./model-families.ts";
import { artifactKind, artifactStep } from "./run-files.ts";

/** What a model card is made of; no path of this machine is in it, and none may come out of it. */
export interface CardFacts {
  job: Pick<
    Job,
    "job_id" | "name" | "model_family" | "hardware_type" | "duration_seconds" | "completed_at" | "progress"
  >;
  /** With secrets hidden. */
  config: TrainerConfig;
  dataloader: DataloaderConfig;
  datasets: readonly { id: string; files: number; bytes: number }[];
  /** Paths of everything that is delivered. */
  paths: readonly string[];
  /** Instead of the base model's. */
  license: string | null;
}

/** Pictures shown in a card. */
const mostSamples = 8;
const longestText = 600;

/** README.md of a delivered model, with the front matter that the Hugging Face Hub reads. */
export function modelCard(facts: CardFacts): string {
  const samples = shownSamples(facts.paths);
  const sections = [
    frontMatter(facts, samples),
    `# ${inline(facts.job.name)}`,
    introduction(facts),
    table("Training", trainingRows(facts)),
    table("Data", dataRows(facts)),
    promptSection(facts),
    sampleSection(samples),
    licenseSection(facts),
  ];
  return `${sections.filter((section) => section !== "").join("\n\n")}\n`;
}

function frontMatter(facts: CardFacts, samples: readonly string[]): string {
  const family = modelFamily(facts.job.model_family);
  const base = baseModelOf(facts);
  const prompt = textOf(facts.config["validation_prompt"]);
  const lines = [
    ...(facts.license !== null || family ? [`license: ${yaml(facts.license ?? family?.license ?? "")}`] : []),
    ...(facts.license === null && family?.licenseName ? [`license_name: ${yaml(family.licenseName)}`] : []),
    ...(base === null ? [] : [`base_model: ${yaml(base)}`]),
    `pipeline_tag: ${family?.makes ?? "text-to-image"}`,
    "tags:",
    ...tagsOf(facts, samples).map((tag) => `  - ${yaml(tag)}`),
    ...(instancePrompt(facts) === null ? [] : [`instance_prompt: ${yaml(instancePrompt(facts) ?? "")}`]),
    ...(samples.length === 0 ? [] : ["widget:"]),
    ...samples.flatMap((path) => [
      `  - text: ${yaml(prompt ?? "-")}`,
      "    output:",
      `      url: ${yaml(linkTo(path))}`,
    ]),
  ];
  return ["---", ...lines, "---"].join("\n");
}

function tagsOf({ job, config }: CardFacts, samples: readonly string[]): string[] {
  const isLora = textOf(config["model_type"])?.includes("lora") === true && !isBundledModel(job.model_family);
  return [
    ...(job.model_family === null ? [] : [job.model_family]),
    "simpletuner",
    ...(isBundledModel(job.model_family) ? [] : ["diffusers"]),
    ...(isLora ? ["lora"] : []),
    ...(isLora && samples.length > 0 ? ["template:sd-lora"] : []),
  ];
}

function introduction(facts: CardFacts): string {
  const base = baseModelOf(facts);
  const kind = textOf(facts.config["model_type"])?.includes("lora") ? "A LoRA" : "A model";
  if (isBundledModel(facts.job.model_family))
    return "A small pixel-space diffusion model, trained from scratch by the bundled CPU trainer of simpletuner-cloud.";
  return base === null
    ? `${kind} trained with [SimpleTuner](https://github.com/bghira/SimpleTuner).`
    : `${kind} for [${base}](https://huggingface.co/${base}), trained with [SimpleTuner](https://github.com/bghira/SimpleTuner).`;
}

function trainingRows({ job, config }: CardFacts): [string, string | null][] {
  const { progress } = job;
  const option = (...names: string[]) =>
    names.map((name) => textOf(config[name])).find((text) => text !== null) ?? null;
  return [
    ["Steps", progress?.step?.toLocaleString("en") ?? option("max_train_steps")],
    ["Last loss", progress?.loss?.toPrecision(4) ?? null],
    ["Rank", option("lora_rank")],
    ["Learning rate", option("learning_rate")],
    ["Schedule", option("lr_scheduler")],
    ["Optimizer", option("optimizer")],
    ["Batch size", option("train_batch_size")],
    ["Gradient accumulation", option("gradient_accumulation_steps")],
    ["Precision", option("mixed_precision")],
    ["Resolution", option("resolution")],
    ["Seed", option("seed")],
    ["Hardware", job.hardware_type],
    ["Time", job.duration_seconds === null ? null : durationWords(job.duration_seconds)],
    ["Finished", job.completed_at?.slice(0, 10) ?? null],
  ];
}

function dataRows({ datasets }: CardFacts): [string, string | null][] {
  return datasets.map(({ id, files, bytes }) => [
    id,
    `${files.toLocaleString("en")} files, ${(bytes / 2 ** 20).toLocaleString("en", { maximumFractionDigits: 1 })} MiB`,
  ]);
}

function promptSection(facts: CardFacts): string {
  const trigger = instancePrompt(facts);
  const prompt = textOf(facts.config["validation_prompt"]);
  const strategies = new Set(facts.dataloader.map((dataset) => textOf(dataset["caption_strategy"])));
  const hints = [
    ...(trigger === null ? [] : [`Use \`${code(trigger)}\` in the prompt.`]),
    ...(prompt === null ? [] : [`The samples were made with \`${code(prompt)}\`.`]),
    ...(strategies.has("textfile")
      ? ["Trained on a caption written for each picture: describe what you want to see."]
      : []),
    ...(strategies.has("filename") ? ["Trained on captions taken from the names of the files."] : []),
  ];
  return hints.length === 0 ? "" : ["## Prompts", ...hints].join("\n\n");
}

function sampleSection(samples: readonly string[]): string {
  if (samples.length === 0) return "";
  return [
    "## Samples",
    samples.map((path) => `![${inline(sampleWords(path))}](${linkTo(path)})`).join("\n"),
  ].join("\n\n");
}

function licenseSection(facts: CardFacts): string {
  const family = modelFamily(facts.job.model_family);
  if (facts.license !== null) return "";
  const name = family?.licenseName ?? family?.license;
  return name === undefined ? "" : `## License\n\nThat of the base model: \`${code(name)}\`.`;
}

/** Of the last step that has pictures, the first few. */
function shownSamples(paths: readonly string[]): string[] {
  const pictures = paths.filter(
    (path) => artifactKind(path) === "sample" && /\.(png|jpe?g|webp|gif)$/i.test(path),
  );
  const last = Math.max(...pictures.map((path) => artifactStep(path) ?? -1));
  return pictures.filter((path) => (artifactStep(path) ?? -1) === last).slice(0, mostSamples);
}

function sampleWords(path: string): string {
  const step = artifactStep(path);
  return step === null ? "Sample" : `Sample after step ${step}`;
}

/** The base model when it is one of the Hub; a folder of this machine is nobody's business. */
function baseModelOf({ job, config }: CardFacts): string | null {
  const named = config["pretrained_model_name_or_path"];
  if (typeof named !== "string" || named === "") return modelFamily(job.model_family)?.baseModel ?? null;
  return /^[A-Za-z0-9][\w.-]*\/[\w.-]+$/.test(named) ? named : null;
}

function instancePrompt({ config, dataloader }: CardFacts): string | null {
  return (
    textOf(config["instance_prompt"]) ??
    dataloader.map((dataset) => textOf(dataset["instance_prompt"])).find((text) => text !== null) ??
    null
  );
}

function table(title: string, rows: readonly [string, string | null][]): string {
  const known = rows.filter((row): row is [string, string] => row[1] !== null);
  if (known.length === 0) return "";
  return [
    `## ${title}\n`,
    "| | |",
    "|---|---|",
    ...known.map(([name, value]) => `| ${inline(name)} | ${inline(value)} |`),
  ].join("\n");
}

/** A text or number of a configuration; anything that looks like a path of a machine is left out. */
function textOf(value: unknown): string | null {
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (typeof value !== "string" || value.trim() === "") return null;
  if (/^(\/|~|\.{1,2}\/|[A-Za-z]:\\)/.test(value.trim())) return null;
  return value.trim().slice(0, longestText);
}

function durationWords(seconds: number): string {
  const minutes = Math.round(seconds / 60);
  if (minutes < 1) return `${Math.round(seconds)} s`;
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Text inside a line of Markdown: neither markup nor a row's end. */
function inline(text: string): string {
  return text.replaceAll(/\s+/g, " ").replaceAll(/[\\`*_[\]<>|#]/g, String.raw`\$&`);
}

function code(text: string): string {
  return text.replaceAll(/\s+/g, " ").replaceAll("`", "'");
}

/** JSON is YAML. */
function yaml(text: string): string {
  return JSON.stringify(text);
}

function linkTo(path: string): string {
  return path
    .split("/")
    .map((part) =>
      encodeURIComponent(part).replaceAll(/[()]/g, (mark) => `%${mark.charCodeAt(0).toString(16)}`),
    )
    .join("/");
}
