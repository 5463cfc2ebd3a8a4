import { mkdir, open, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Type, type Static } from "typebox";
import { parseAnswer } from "./answers.ts";

/** What this machine knows of a run at Replicate; written before each step that could not be told from its absence. */
export const RunState = Type.Object({
  /** How many uploads were begun; one whose answer was lost is found by its name. */
  uploads: Type.Integer(),
  file: Type.Union([
    Type.Object({ id: Type.String(), url: Type.String(), expiresAtMs: Type.Number() }),
    Type.Null(),
  ]),
  /** Dataset repositories of the Hub that were made for the run, or may have been. */
  repositories: Type.Array(Type.String()),
  /** The archive was put where Replicate fetches it, or may have been. */
  staged: Type.Boolean(),
  version: Type.Union([Type.String(), Type.Null()]),
  /** A prediction may exist from this instant of Replicate's clock on; null while none was asked for. */
  askedFromMs: Type.Union([Type.Number(), Type.Null()]),
  /** How often one was asked for. */
  asked: Type.Integer(),
  predictionId: Type.Union([Type.String(), Type.Null()]),
  /** The trainer brings its outputs to a storage or a hub itself. */
  publishes: Type.Boolean(),
});
/** See the schema. */
export type RunState = Static<typeof RunState>;

const fresh: RunState = {
  uploads: 0,
  file: null,
  repositories: [],
  staged: false,
  version: null,
  askedFromMs: null,
  asked: 0,
  predictionId: null,
  publishes: false,
};

const prefix = "run-";

/** Files of one run inside the job's folder. */
export function runPlace(jobsFolder: string, jobId: string, runToken: string) {
  const job = join(jobsFolder, jobId);
  const run = join(job, prefix + runToken);
  return {
    job,
    run,
    state: join(run, "replicate.json"),
    output: join(job, "output"),
    archive: join(run, "output.zip"),
  };
}
/** See {@link runPlace}. */
export type RunPlace = ReturnType<typeof runPlace>;

/** The stored state; a run that has none is at its beginning. */
export async function readState(place: RunPlace): Promise<RunState> {
  const text = await readFile(place.state, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  if (text === null) return fresh;
  const state = parseAnswer(RunState, JSON.stringify({ ...fresh, ...(JSON.parse(text) as object) }));
  if (!state) throw new Error(`${place.state} is damaged`);
  return state;
}

/** Stores changes, on the disk once this resolves, and answers the whole state. */
export async function changeState(place: RunPlace, changes: Partial<RunState>): Promise<RunState> {
  const state = { ...(await readState(place)), ...changes };
  await mkdir(place.run, { recursive: true, mode: 0o700 });
  await writeFile(`${place.state}.new`, JSON.stringify(state), { mode: 0o600, flush: true });
  await rename(`${place.state}.new`, place.state);
  const folder = await open(dirname(place.state));
  await folder.sync().finally(() => folder.close());
  return state;
}

/** Run tokens of a job that have a folder here. */
export async function runTokensOf(jobFolder: string): Promise<string[]> {
  const names = await readdir(jobFolder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  return names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
}
