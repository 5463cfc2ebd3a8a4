import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Type } from "typebox";
import { parseAnswer } from "./answers.ts";
import { type CarryOptions, uploadName } from "./carry-datasets.ts";
import { RunState } from "./run-state.ts";

/** What removing needs. */
export interface RemoveOptions extends Pick<CarryOptions, "client" | "hubOf" | "hubToken" | "staging"> {
  /** Runs of which something could not be removed, one file each. */
  leftoversFolder: string;
  warn: (error: unknown, message: string) => void;
}

/** A run whose datasets were carried somewhere. */
export interface CarriedRun {
  jobId: string;
  runToken: string;
}

const Leftover = Type.Object({ jobId: Type.String(), runToken: Type.String(), state: RunState });

/** Removes what was uploaded for a run; what cannot be removed now is remembered for {@link sweepLeftovers}. */
export async function removeCarried(options: RemoveOptions, state: RunState, run: CarriedRun): Promise<void> {
  if (state.uploads === 0 && state.repositories.length === 0 && !state.staged) return;
  // Written first: a process that dies while it removes has not forgotten.
  const path = await remember(options, state, run);
  await tryRemoving(options, state, run, path);
}

/** Tries each remembered run again. */
export async function sweepLeftovers(options: RemoveOptions): Promise<void> {
  const names = await readdir(options.leftoversFolder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  for (const name of names.filter((each) => each.endsWith(".json"))) {
    const path = join(options.leftoversFolder, name);
    const leftover = parseAnswer(Leftover, await readFile(path, "utf8"));
    if (leftover) await tryRemoving(options, leftover.state, leftover, path);
    else await rm(path, { force: true });
  }
}

async function remember(
  { leftoversFolder }: RemoveOptions,
  state: RunState,
  run: CarriedRun,
): Promise<string> {
  const path = join(leftoversFolder, `${run.runToken}.json`);
  await mkdir(leftoversFolder, { recursive: true, mode: 0o700 });
  await writeFile(`${path}.new`, JSON.stringify({ ...run, state }), { mode: 0o600, flush: true });
  await rename(`${path}.new`, path);
  return path;
}

async function tryRemoving(
  options: RemoveOptions,
  state: RunState,
  run: CarriedRun,
  path: string,
): Promise<void> {
  try {
    await removeUpload(options, state, run);
    await removeRepositories(options, state, run);
    if (state.staged) await options.staging?.remove(run.jobId);
    await rm(path, { force: true });
  } catch (error) {
    options.warn(error, "datasets of a job that is over could not be removed yet, trying again later");
  }
}

async function removeUpload(
  { client }: RemoveOptions,
  { file, uploads }: RunState,
  { runToken }: CarriedRun,
): Promise<void> {
  if (uploads === 0) return;
  const call = { correlationId: runToken };
  const ids = new Set(file ? [file.id] : []);
  // An upload whose answer never came may have arrived all the same, perhaps after another one.
  if (!file || uploads > 1)
    for (const { id } of await client.filesNamed(uploadName(runToken), call)) ids.add(id);
  for (const id of ids) await client.deleteFile(id, call);
}

async function removeRepositories(
  { hubOf, hubToken }: RemoveOptions,
  { repositories }: RunState,
  { runToken }: CarriedRun,
): Promise<void> {
  if (repositories.length === 0) return;
  const token = await hubToken();
  if (token === null) throw new Error("there is no Hugging Face token any more");
  for (const name of repositories) await hubOf(token).remove(name, { correlationId: runToken });
}
