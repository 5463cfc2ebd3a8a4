import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, readFileSync, statfsSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import type { Health } from "@simpletuner-cloud/contract/system.ts";
import type { Io } from "./io.ts";
import { formatBytes } from "./output.ts";
import { packageRoot } from "./package-root.ts";
import { connectTo, sentenceOf, type ServerConnection } from "./server-address.ts";
import { portOwner, type PortOwner } from "./server-process.ts";

/** One thing the doctor looked at; `advice` says what to do unless it is ok. */
export interface Check {
  readonly name: string;
  readonly level: "ok" | "warning" | "problem";
  readonly message: string;
  readonly advice: string | null;
}

/** Below this no training run can keep its checkpoints. */
const scarceDiskBytes = 500e6;
/** Below this a few runs of a real model fill the disk. */
const lowDiskBytes = 20e9;

/** Looks at everything that a server at `url` with its state in `stateDir` needs on this machine. */
export async function diagnose(url: string, stateDir: string, io: Io): Promise<Check[]> {
  const owner = await portOwner(url);
  const server = owner === "our server" ? connectTo(url, io) : null;
  const health = await healthOf(server);
  return [
    nodeCheck(process.versions.node),
    stateFolderCheck(stateDir),
    diskCheck(stateDir),
    portCheck(url, owner),
    await databaseCheck(stateDir, health),
    ...serverChecks(health),
    await trainerCheck(io.env, server),
    await imageCheck(),
    ...(await tokenChecks(io.env, server)),
  ];
}

/** Where the tokens come from: what a running server says, which has other sources too, else the environment here. */
async function tokenChecks(env: NodeJS.ProcessEnv, server: ServerConnection | null): Promise<Check[]> {
  // Only an administrator is told.
  const told = await server?.call("GET /api/cloud/secrets").catch(() => null);
  const sourceOf = (name: string) => told?.secrets.find((secret) => secret.name === name)?.sources[0];
  const fromServer = (check: Check, source: string | undefined): Check =>
    source === undefined ? check : ok(check.name, `token from the server's ${source}`);
  return [
    fromServer(huggingFaceCheck(env), sourceOf("HF_TOKEN")),
    fromServer(replicateCheck(env), sourceOf("REPLICATE_API_TOKEN")),
  ];
}

function ok(name: string, message: string): Check {
  return { name, level: "ok", message, advice: null };
}

/** The Node check for a version such as `24.1.0`. */
export function nodeCheck(version: string): Check {
  if (Number(version.split(".")[0]) >= 24) return ok("Node", version);
  return {
    name: "Node",
    level: "problem",
    message: `${version} is too old`,
    advice: "Install Node 24 or newer from https://nodejs.org.",
  };
}

/** The nearest folder at or above `path` that exists. */
function existingFolder(path: string): string {
  let folder = path;
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}

/** Whether the server may write its state folder, or create it. */
export function stateFolderCheck(stateDir: string): Check {
  const folder = existingFolder(stateDir);
  const bad = (message: string): Check => ({
    name: "State folder",
    level: "problem",
    message,
    advice: "Correct its permissions, or name another folder with --state-dir or SIMPLETUNER_STATE_DIR.",
  });
  if (!statSync(folder).isDirectory()) return bad(`${folder} is not a folder`);
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch {
    return bad(`${folder} cannot be written`);
  }
  return ok("State folder", folder === stateDir ? stateDir : `${stateDir} (will be created)`);
}

function diskCheck(stateDir: string): Check {
  const { bavail, bsize } = statfsSync(existingFolder(stateDir));
  const free = bavail * bsize;
  if (free >= lowDiskBytes) return ok("Disk", `${formatBytes(free)} free`);
  return {
    name: "Disk",
    level: free < scarceDiskBytes ? "problem" : "warning",
    message: `only ${formatBytes(free)} free where ${stateDir} lies`,
    advice: "Free some space: checkpoints and models of real runs take several GB each.",
  };
}

function portCheck(url: string, owner: PortOwner): Check {
  if (owner === "our server") return ok("Port", `the server answers at ${url}`);
  if (owner === "free") return ok("Port", `${url} is free (the server is not running)`);
  return {
    name: "Port",
    level: "problem",
    message: `${url} is taken by another program`,
    advice: "Stop that program, or choose another port with --port or SIMPLETUNER_PORT.",
  };
}

/** What a running server says of itself; a sentence where it does not, null where none runs. */
async function healthOf(server: ServerConnection | null): Promise<Health | string | null> {
  return server ? server.call("GET /api/cloud/health").catch((error: unknown) => sentenceOf(error)) : null;
}

/** Parts of a running server that have a check of their own. */
const checkedApart = ["database", "disk"];

/** The parts of a running server that are not well, or that all are. */
function serverChecks(health: Health | string | null): Check[] {
  if (health === null || typeof health === "string") return [];
  const ill = health.components.filter(
    ({ name, status }) => status !== "healthy" && !checkedApart.includes(name),
  );
  if (ill.length === 0) return [ok("Server", `its ${health.components.length} parts work`)];
  return ill.map(({ name, status, message }) => ({
    name: "Server",
    level: status === "unhealthy" ? "problem" : "warning",
    message: `${name}: ${message ?? status}`,
    advice: "See the page Health in the settings, and the server's log.",
  }));
}

async function databaseCheck(stateDir: string, health: Health | string | null): Promise<Check> {
  if (typeof health === "string") return broken(health);
  if (health !== null) {
    const database = health.components.find(({ name }) => name === "database");
    const status = database?.status ?? health.status;
    if (status === "healthy") return ok("Database", "the running server uses it");
    return broken(database?.message ?? `the server says it is ${status}`);
  }
  const path = join(stateDir, "config", "cloud", "jobs.db");
  if (!existsSync(path)) return ok("Database", "will be created at the first start");
  try {
    const { DatabaseSync } = await import("node:sqlite");
    const database = new DatabaseSync(path, { readOnly: true });
    try {
      const found = database.prepare("PRAGMA quick_check(1)").get() as { quick_check?: unknown } | undefined;
      if (found?.quick_check !== "ok") return broken(String(found?.quick_check));
    } finally {
      database.close();
    }
    return ok("Database", `${path} (${formatBytes(statSync(path).size)})`);
  } catch (error) {
    return broken(error instanceof Error ? error.message : String(error));
  }
}

function broken(message: string): Check {
  return {
    name: "Database",
    level: "problem",
    message,
    advice: "Restore a backup of config/cloud/jobs.db, or move that file away to start with an empty one.",
  };
}

async function trainerCheck(env: NodeJS.ProcessEnv, server: ServerConnection | null): Promise<Check> {
  if (server) {
    const answer = await server.call("GET /api/cloud/providers").catch(() => null);
    const local = answer?.providers.find(({ id }) => id === "local");
    if (local?.trainer) return ok("Trainer", local.trainer.detail);
    if (local?.unavailable_reason) return noTrainer(local.unavailable_reason);
  }
  const command = env["SIMPLETUNER_TRAINER_COMMAND"];
  if (command) {
    const program = command.trim().split(/\s+/)[0] ?? "";
    if (isProgram(program, env)) return ok("Trainer", `SIMPLETUNER_TRAINER_COMMAND: ${program}`);
    return noTrainer(`SIMPLETUNER_TRAINER_COMMAND names ${program}, which is not there`);
  }
  const probe = "import importlib.util as u, sys; sys.exit(0 if u.find_spec('simpletuner') else 1)";
  if (spawnSync("python3", ["-c", probe], { stdio: "ignore", timeout: 10_000 }).status === 0) {
    return ok("Trainer", "SimpleTuner, found by python3");
  }
  if (existsSync(join(packageRoot(), "dist", "trainer.js"))) {
    return ok("Trainer", "the bundled one (small models on the CPU); install SimpleTuner to train others");
  }
  return noTrainer("none was found");
}

function noTrainer(message: string): Check {
  return {
    name: "Trainer",
    level: "problem",
    message,
    advice:
      "Install SimpleTuner (pip install simpletuner), or name a command in SIMPLETUNER_TRAINER_COMMAND.",
  };
}

function isProgram(program: string, env: NodeJS.ProcessEnv): boolean {
  if (program.includes("/")) return existsSync(program);
  return (env["PATH"] ?? "")
    .split(delimiter)
    .some((folder) => folder !== "" && existsSync(join(folder, program)));
}

async function imageCheck(): Promise<Check> {
  try {
    const { default: sharp } = await import("sharp");
    return ok("Images", `sharp with libvips ${sharp.versions.vips}`);
  } catch (error) {
    return {
      name: "Images",
      level: "problem",
      message: `the image library cannot be loaded: ${error instanceof Error ? error.message.split("\n")[0] : String(error)}`,
      advice: "Install the package again without --omit=optional.",
    };
  }
}

const huggingFaceVariables = [
  "HF_TOKEN",
  "HUGGINGFACE_HUB_TOKEN",
  "HUGGINGFACEHUB_API_TOKEN",
  "HF_API_TOKEN",
  "HUGGING_FACE_HUB_TOKEN",
] as const;

/** Where a Hugging Face token comes from; its value is never part of the answer. */
export function huggingFaceCheck(env: NodeJS.ProcessEnv): Check {
  const file = join(env["HF_HOME"] || join(env["HOME"] || homedir(), ".cache", "huggingface"), "token");
  const variable = huggingFaceVariables.find((name) => env[name]);
  if (variable) return ok("Hugging Face", `token from ${variable}`);
  if (existsSync(file) && isReadableText(file)) return ok("Hugging Face", `token from ${file}`);
  return {
    name: "Hugging Face",
    level: "warning",
    message: "no token",
    advice: "Only for gated models and for publishing to the Hub: set HF_TOKEN.",
  };
}

function isReadableText(file: string): boolean {
  try {
    return readFileSync(file, "utf8").trim() !== "";
  } catch {
    return false;
  }
}

/** Whether a Replicate token is set; its value is never part of the answer. */
export function replicateCheck(env: NodeJS.ProcessEnv): Check {
  if (env["REPLICATE_API_TOKEN"]) return ok("Replicate", "token from REPLICATE_API_TOKEN");
  return {
    name: "Replicate",
    level: "warning",
    message: "no token",
    advice:
      "Only for training at Replicate: set REPLICATE_API_TOKEN, or npx simpletuner-cloud cloud config set-token.",
  };
}
