import { type Command, Option } from "commander";
import {
  type Destination,
  type DestinationDraft,
  type DestinationSettings,
  type HubSettings,
  s3Presets,
  type S3Settings,
} from "@simpletuner-cloud/contract/destinations.ts";
import {
  endpointOfRegion,
  presetPathStyle,
  presetRegions,
  usualFolders,
} from "@simpletuner-cloud/contract/s3-presets.ts";
import { formatOption, serverOf } from "../command-options.ts";
import { placeLine, printTest } from "../delivery-lines.ts";
import { CommandFailure, type Io, usageExitCode } from "../io.ts";
import { printJson, printLine, type OutputFormat, withoutControls } from "../output.ts";
import { givenSecret, secretFor } from "../secret-input.ts";

interface Options {
  service: S3Settings["preset"] | "huggingface";
  endpoint?: string;
  region?: string;
  bucket?: string;
  prefix: string;
  folder: string;
  pathStyle?: boolean;
  publicUrl?: string;
  accessKey?: string;
  secretFile?: string;
  owner?: string;
  public?: true;
  license?: string;
  tokenFile?: string;
  samples: boolean;
  checkpoints?: true;
  default?: true;
  test: boolean;
  format: OutputFormat;
}

/** Adds `destinations add`. */
export function addDestinationsAdd(parent: Command, io: Io): void {
  const add = parent
    .command("add")
    .description("add a place; its connection is tried first, and nothing is stored when it does not work")
    .argument("<name>", "what jobs call it")
    .addOption(
      new Option("--service <service>", "who offers it")
        .choices(["huggingface", ...s3Presets])
        .default("other"),
    )
    .option(
      "--folder <pattern>",
      "folder or repository of each job: {name}, {id}, {job_id}, {family}, {user}, {date}",
      usualFolders.folder,
    )
    .option("--no-samples", "leave sample images and videos out")
    .option("--checkpoints", "deliver every kept checkpoint, too")
    .option("--default", "deliver every new job there that does not say otherwise")
    .option("--no-test", "store it without trying it")
    .addOption(formatOption("-f, --format <format>"))
    .optionsGroup("A bucket:")
    .option("--endpoint <url>", "its service's address; needless for aws and backblaze")
    .option("--region <region>", "its region")
    .option("--bucket <bucket>", "its name")
    .option("--prefix <folder>", "folder in the bucket", usualFolders.prefix)
    .option("--path-style", "put the bucket into the path (default for minio and other)")
    .option("--no-path-style", "put the bucket into the host's name")
    .option("--public-url <url>", "where people reach the bucket, for links")
    .option("--access-key <id>", "the access key's id")
    .option("--secret-file <file>", 'file whose first line is the secret, "-" for the input')
    .optionsGroup("The Hugging Face Hub:")
    .option("--owner <name>", "account or organisation (default: the token's account)")
    .option("--public", "let everybody see the repositories")
    .option("--license <id>", "license in the model card (default: that of the base model)")
    .option(
      "--token-file <file>",
      'file whose first line is the token, "-" for the input (default: HF_TOKEN)',
    );
  add.action(async (name: string, options: Options, command: Command) => {
    const settings = options.service === "huggingface" ? hubOf(options) : bucketOf(options, options.service);
    const place = { settings, ...(await secretOf(settings, options, io)) };
    const { call } = serverOf(command, io);
    if (options.test) {
      const outcome = await call("POST /api/cloud/destinations/test", { body: place });
      if (!outcome.ok) {
        printTest(io, outcome);
        throw new CommandFailure("Nothing was stored. Add --no-test to store it all the same.");
      }
    }
    const body: DestinationDraft = { name, ...place, is_default: options.default === true };
    const { destination } = await call("POST /api/cloud/destinations", { body });
    tellAdded(io, destination, options);
  });
}

/** The secret of a bucket, which there has to be, or the token of the Hub, if one was named. */
async function secretOf(
  settings: DestinationSettings,
  options: Options,
  io: Io,
): Promise<Pick<DestinationDraft, "secret_access_key" | "token">> {
  if (settings.kind === "s3") {
    const said = { value: undefined, file: options.secretFile, fileOption: "--secret-file" };
    const question = `Secret of ${settings.access_key_id}`;
    return { secret_access_key: await secretFor(said, io, "secret", question) };
  }
  const token = givenSecret({ value: undefined, file: options.tokenFile, fileOption: "--token-file" }, io);
  return token === null ? {} : { token };
}

function tellAdded(io: Io, destination: Destination, { format, test }: Options): void {
  if (format === "json") return printJson(io.out, destination);
  const { name, settings, is_default } = destination;
  printLine(
    io.out,
    withoutControls(
      `Added ${name}: ${placeLine(settings)}${test ? ", tried and good" : ""}${is_default ? ", a default" : ""}.`,
    ),
  );
}

function includedOf({ samples, checkpoints }: Options) {
  return { include_samples: samples, include_checkpoints: checkpoints === true };
}

function hubOf(options: Options): HubSettings {
  return {
    kind: "huggingface",
    owner: options.owner ?? null,
    repository: options.folder,
    private: options.public !== true,
    license: options.license ?? null,
    ...includedOf(options),
  };
}

function bucketOf(options: Options, preset: S3Settings["preset"]): S3Settings {
  const region = options.region ?? presetRegions[preset];
  const endpoint = options.endpoint ?? endpointOfRegion(preset, region);
  if (endpoint === null && preset !== "aws")
    throw new CommandFailure("--endpoint: say where the service is, like https://host:9000.", usageExitCode);
  return {
    kind: "s3",
    preset,
    endpoint,
    region,
    bucket: needed(options.bucket, "--bucket: name the bucket."),
    prefix: options.prefix,
    folder: options.folder,
    path_style: options.pathStyle ?? presetPathStyle(preset),
    public_base_url: options.publicUrl ?? null,
    access_key_id: needed(options.accessKey, "--access-key: give the id of the bucket's access key."),
    ...includedOf(options),
  };
}

function needed(value: string | undefined, sentence: string): string {
  if (value === undefined) throw new CommandFailure(sentence, usageExitCode);
  return value;
}
