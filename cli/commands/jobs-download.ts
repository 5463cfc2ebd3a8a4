import { join, resolve } from "node:path";
import type { Command } from "commander";
import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import type { Artifact } from "@simpletuner-cloud/contract/results.ts";
import { serverOf } from "../command-options.ts";
import { downloadFile } from "../download-file.ts";
import { downloadView } from "../download-view.ts";
import { deliveredModels } from "../follow-output.ts";
import { CommandFailure, interruptedExitCode, type Io, usageExitCode } from "../io.ts";
import { allArtifacts } from "../job-artifacts.ts";
import { findJob } from "../job-lookup.ts";
import { counted, formatBytes, printLine, styled, withoutControls } from "../output.ts";
import { sentenceOf, type ServerConnection } from "../server-address.ts";

interface Options {
  model?: true;
  all?: true;
  to?: string;
  force?: true;
}

/** Adds `jobs download`. */
export function addJobsDownload(parent: Command, io: Io): void {
  parent
    .command("download")
    .description("fetch files of a job; run again, it continues where it broke off")
    .argument("<id>", "the job's id or the beginning of it")
    .argument("[key]", "one file as `jobs artifacts` names it, or a folder with its slash")
    .option("--model", "the finished model")
    .option("--all", "every file")
    .option(
      "--to <folder>",
      "where to put them (default: here; folders and --all: a folder named like the job's id)",
    )
    .option("--force", "replace other files of the same name")
    .action(async (id: string, key: string | undefined, options: Options, command: Command) => {
      if ([key !== undefined, options.model, options.all].filter(Boolean).length !== 1)
        throw new CommandFailure("Name one file or folder, or use --model or --all.", usageExitCode);
      const server = serverOf(command, io);
      const job = await findJob(server, id);
      const files = await chosenFiles(server, job, key, {
        ...options,
        to: resolve(io.cwd, options.to ?? (isFolder(key, options) ? job.job_id : ".")),
      });
      await fetchAll(io, server, files, options.force === true);
    });
}

/** Several files go into a folder of their own unless one is named. */
function isFolder(key: string | undefined, options: Options): boolean {
  return options.all === true || key?.endsWith("/") === true;
}

interface Wanted {
  artifact: Artifact;
  path: string;
}

async function chosenFiles(
  server: ServerConnection,
  job: Job,
  key: string | undefined,
  { model, all, to }: Options & { to: string },
): Promise<Wanted[]> {
  if (model) {
    const [found] = await deliveredModels(server, job.job_id);
    if (!found) throw new CommandFailure(nothing(job, "no model"));
    return [{ artifact: found, path: join(to, nameOf(found.key)) }];
  }
  const artifacts = await allArtifacts(server, job.job_id);
  if (isFolder(key, { ...(all && { all }) })) {
    const found = artifacts.filter((artifact) => all || artifact.key.startsWith(key ?? ""));
    if (found.length === 0) throw new CommandFailure(nothing(job, all ? "no files" : `no folder ${key}`));
    return found.map((artifact) => ({ artifact, path: join(to, ...safeParts(artifact.key)) }));
  }
  const found = artifacts.find((artifact) => artifact.key === key);
  if (!found) throw new CommandFailure(nothing(job, `no file ${key}`));
  return [{ artifact: found, path: join(to, nameOf(found.key)) }];
}

function nothing(job: Job, what: string): string {
  const more = job.is_active ? "has delivered" : "delivered";
  return `The job ${more} ${withoutControls(what)}${job.is_active ? " yet" : ""}. See: npx simpletuner-cloud jobs artifacts ${job.job_id}`;
}

function nameOf(key: string): string {
  return safeParts(key).at(-1) ?? key;
}

/** The folders and the name of a key; a key that would leave the folder of the download is refused. */
function safeParts(key: string): string[] {
  const parts = key.split("/");
  const isBad = (part: string): boolean =>
    part === "" ||
    part === "." ||
    part === ".." ||
    part.includes("\0") ||
    (process.platform === "win32" && /[\\:]/.test(part));
  if (parts.some(isBad))
    throw new CommandFailure(
      `The job has a file named ${JSON.stringify(key)}, which is no safe path on this machine. Fetch the others one by one.`,
    );
  return parts;
}

async function fetchAll(
  io: Io,
  server: ServerConnection,
  files: readonly Wanted[],
  replace: boolean,
): Promise<void> {
  const total = files.reduce((sum, { artifact }) => sum + artifact.size_bytes, 0);
  const view = downloadView(io.err, total);
  const failed: string[] = [];
  let before = 0;
  try {
    for (const { artifact, path } of files) {
      try {
        const done = await downloadFile({
          server,
          artifact,
          path,
          replace,
          interrupted: io.interrupted,
          onBytes: (bytes) => view.show(artifact.key, before + bytes),
        });
        view.clear();
        const note = done === "fetched" ? "" : styled(io.out, "dim", " was already here");
        printLine(io.out, `${withoutControls(path)} (${formatBytes(artifact.size_bytes)})${note}`);
      } catch (error) {
        if (io.interrupted.aborted)
          throw new CommandFailure(
            "Stopped. What arrived is kept: run the same command again to continue.",
            interruptedExitCode(io.interrupted),
          );
        view.clear();
        failed.push(artifact.key);
        printLine(io.err, styled(io.err, "red", sentenceOf(error)));
      }
      before += artifact.size_bytes;
    }
  } finally {
    view.close();
  }
  if (failed.length > 0)
    throw new CommandFailure(`${counted(failed.length, "file")} of ${files.length} could not be fetched.`);
  if (files.length > 1) printLine(io.out, `${counted(files.length, "file")}, ${formatBytes(total)}.`);
}
