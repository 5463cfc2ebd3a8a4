import { spawn } from "node:child_process";
import { mkdir, readFile, rm, stat } from "node:fs/promises";
import { arch, cpus } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { Provider, RunRef, RunRequest } from "../provider.ts";
import { followRun } from "./follow-run.ts";
import { launchConfig, trainerEnvironment } from "./launch-config.ts";
import { groupLives, killRestOfGroup, signalGroup, wasStartedWith } from "./process-group.ts";
import {
  holderScript,
  makePrivateFolder,
  readNumberFile,
  type RunFolder,
  runFolder,
  writePrivateFile,
} from "./run-folder.ts";
import type { TrainerCommand } from "./trainer-command.ts";

/** The dataset list inside an archive (see packaging). */
const archivedDataloaderName = "dataloader.json";

/** What the local provider needs. */
export interface LocalProviderOptions {
  jobsFolder: string;
  cancelGraceMs: number;
  env: NodeJS.ProcessEnv;
  /** The HuggingFace token of this server, null without. */
  hubToken: () => Promise<string | null>;
  findTrainer: (modelFamily: string | null) => Promise<TrainerCommand>;
  /** Unpacks an archive into a folder, which appears complete or not at all. */
  unpack: (archivePath: string, folder: string, signal: AbortSignal) => Promise<void>;
}

/**
 * Runs jobs as child processes of this machine. Each run is held by a small script that outlives the server:
 * the trainer goes on while the server is down, and its log and exit code wait in the run's folder.
 */
export function localProvider(options: LocalProviderOptions): Provider {
  const folderOf = (run: RunRef) => runFolder(options.jobsFolder, run.jobId, run.runToken);
  return {
    id: "local",
    async describe() {
      const trainer = await options.findTrainer(null);
      return {
        id: "local",
        name: "This machine",
        description: "Trains here, on this machine's own processor or GPUs. Nothing leaves the machine.",
        configured: true,
        coming_soon: false,
        unavailable_reason: null,
        capabilities: { cost: false, live_logs: true, cancel: true, resume: true, reads_in_place: true },
        hardware: [{ id: "local", name: hardwareName(), cost_per_hour_usd: 0 }],
        trainer: { kind: trainer.kind, detail: trainer.detail },
      };
    },
    async start(request, signal) {
      const trainer = await options.findTrainer(familyOf(request));
      // A claimed run has started already, before a crash of the server; nothing it reads may be touched.
      if (!(await exists(folderOf(request).claim))) {
        await prepare(request, options, signal);
        await launch(request, trainer, options);
      }
      return { externalId: null, hardwareType: hardwareName(), trainer: trainer.kind };
    },
    follow: (run, from, reporter, signal) => followRun(folderOf(run), from, reporter, signal),
    cancel: (run) => cancelRun(folderOf(run), options.cancelGraceMs).then(() => null),
    outputFolder: (jobId) => join(options.jobsFolder, jobId, "output"),
    forget: (jobId) => rm(join(options.jobsFolder, jobId), { recursive: true, force: true }),
  };
}

/** Writes everything the trainer reads. A second call for the same run changes nothing that matters to it. */
async function prepare(
  request: RunRequest,
  options: LocalProviderOptions,
  signal: AbortSignal,
): Promise<void> {
  const folder = runFolder(options.jobsFolder, request.jobId, request.runToken);
  await makePrivateFolder(folder.run);
  await makePrivateFolder(folder.output);
  const dataloader =
    request.archivePath === null
      ? request.dataloader
      : await unpackDatasets(request.archivePath, folder, options, signal);
  await writePrivateFile(folder.dataloader, JSON.stringify(dataloader, null, 2));
  await writePrivateFile(folder.config, JSON.stringify(launchConfig(request, folder), null, 2));
}

/**
 * Unpacks the archive once: an earlier attempt's folder is used again.
 * Answers the archive's own dataset list with this machine's paths.
 */
async function unpackDatasets(
  archivePath: string,
  folder: RunFolder,
  options: LocalProviderOptions,
  signal: AbortSignal,
) {
  if (!(await exists(folder.data))) await options.unpack(archivePath, folder.data, signal);
  const list = JSON.parse(await readFile(join(folder.data, archivedDataloaderName), "utf8")) as Record<
    string,
    unknown
  >[];
  return list.map((dataset) => underFolder(dataset, folder.data));
}

/**
 * Ends a run: TERM to its whole group, KILL after the grace time. A run that has not taken its claim yet never
 * will, because the claim is taken here.
 */
async function cancelRun(folder: RunFolder, graceMs: number): Promise<void> {
  if (await takeClaim(folder)) return writePrivateFile(folder.exit, `${endedByTerm}\n`);
  const pid = await writtenPid(folder);
  if (pid === null) return;
  const deadline = performance.now() + graceMs;
  if (await wasStartedWith(pid, folder.run)) {
    signalGroup(pid, "SIGTERM");
    while ((await groupLives(pid)) && performance.now() < deadline) await delay(50);
  }
  await killRestOfGroup(pid, folder.run);
}

/** Exit code of a process that TERM ended. */
const endedByTerm = 143;

/** The run's process id, given a moment to be written after the claim; null when there is none. */
async function writtenPid(folder: RunFolder): Promise<number | null> {
  for (let look = 0; look < 20 && (await exists(folder.claim)); look++) {
    const pid = await readNumberFile(folder.pid);
    if (pid !== null) return pid;
    await delay(50);
  }
  return null;
}

/** Takes the claim of a run that nobody has started; false when its process has it, or there is no such run. */
async function takeClaim(folder: RunFolder): Promise<boolean> {
  return mkdir(folder.claim).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === "EEXIST" || error.code === "ENOENT") return false;
      throw error;
    },
  );
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function launch(
  request: RunRequest,
  trainer: TrainerCommand,
  options: LocalProviderOptions,
): Promise<void> {
  const folder = runFolder(options.jobsFolder, request.jobId, request.runToken);
  const hubToken = request.config["push_to_hub"] === true ? await options.hubToken() : null;
  const holder = spawn("/bin/sh", ["-c", holderScript, "sh", folder.run, ...trainer.argv], {
    cwd: folder.job,
    env: trainerEnvironment(request, folder, options.env, hubToken),
    // Its own session and process group: signals meant for the server do not reach it, and one signal ends it all.
    detached: true,
    stdio: "ignore",
  });
  await new Promise<void>((resolve, reject) => {
    holder.once("spawn", resolve);
    holder.once("error", (error) =>
      reject(
        fail(
          "provider_unavailable",
          { provider: "local", reason: `the trainer could not be started: ${error.message}` },
          error,
        ),
      ),
    );
  });
  holder.unref();
}

/** Archive paths of a dataset entry (relative, with `/`) become paths below the folder it was unpacked to. */
function underFolder(dataset: Record<string, unknown>, folder: string): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(dataset).map(([name, value]) => [
      name,
      typeof value === "string" && /^(datasets|cache)\//.test(value) ? join(folder, value) : value,
    ]),
  );
}

function familyOf(request: RunRequest): string | null {
  const family = request.config["model_family"];
  return typeof family === "string" ? family : null;
}

function hardwareName(): string {
  const processors = cpus();
  return `${processors[0]?.model.trim() || arch()} × ${processors.length}`;
}
