/**
 * Runs every test in two lanes: unit tests in a process per folder of a workspace, the whole-system tests of e2e/ in a
 * process per file. `npm test -- server/db cli` runs only files whose path contains one of the words. Ends with the
 * tests that were skipped and why, those that failed, and `N passed, N failed`.
 */
import { spawn } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { testNeeds } from "./test-needs.ts";
import type { Tally } from "./test-reporter.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** All tests together; what still runs then is ended and counts as failed. */
const totalLimitMs = 45 * 60_000;

interface Group {
  readonly name: string;
  readonly options: readonly string[];
}

const unit = ["--test-isolation=none", "--test-timeout=120000"];
const groupOf = (name: string): Group => ({ name, options: unit });
/** Two lanes of about the same length, since tests wait half of their time; the groups of a lane run one after the other. */
const lanes: readonly (readonly Group[])[] = [
  ["contract", "server"].map(groupOf),
  [
    { name: "e2e", options: ["--test-concurrency=1", "--test-timeout=600000"] },
    ...["cli", "trainer", "web", "bench", "scripts"].map(groupOf),
  ],
];

const words = process.argv.slice(2);
const startedAt = performance.now();
const scratch = mkdtempSync(join(tmpdir(), "simpletuner-tests-"));
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));

/**
 * Test files of a workspace that the command line asks for, by the folder just below it: a process grows with each file,
 * and the larger it is, the longer it takes to start another program.
 */
function filesOf(group: Group): Map<string, string[]> {
  const files = globSync(`${group.name}/**/*.test.ts`, {
    cwd: root,
    exclude: (path) => path.includes("node_modules"),
  })
    .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
    .sort();
  const folderOf = (file: string): string => file.split("/").slice(0, -1).slice(0, 2).join("/");
  return Map.groupBy(files, folderOf);
}

/** Runs the tests of a folder and answers their counts; a run that ends without counts counts as one failure. */
async function runFolder(
  folder: string,
  { options }: Group,
  files: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<Tally> {
  const tallyFile = join(scratch, `${folder.replaceAll("/", "-")}.json`);
  const reporter = join(root, "scripts", "test-reporter.ts");
  const args = ["--test", ...options, `--test-reporter=${reporter}`, ...files];
  const child = spawn(process.execPath, args, {
    cwd: root,
    // A group of its own, so that a run that is ended takes along what its tests started.
    detached: true,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...env, TEST_TALLY_FILE: tallyFile },
  });
  const end = (signal: NodeJS.Signals): void => {
    try {
      process.kill(-(child.pid ?? 0), signal);
    } catch {
      // Already gone.
    }
  };
  const stopAll = (signal: NodeJS.Signals): void => {
    end(signal);
    process.exitCode = 128 + constants.signals[signal];
  };
  process.on("SIGINT", stopAll);
  process.on("SIGTERM", stopAll);
  const timer = setTimeout(() => end("SIGKILL"), totalLimitMs - (performance.now() - startedAt));
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  clearTimeout(timer);
  process.off("SIGINT", stopAll);
  process.off("SIGTERM", stopAll);
  return readTally(tallyFile) ?? brokenOff(folder, code);
}

function readTally(file: string): Tally | null {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Tally;
  } catch {
    return null;
  }
}

function brokenOff(name: string, code: number | null): Tally {
  console.log(
    `FAILED  the tests of ${name} ended without a result (exit code ${code ?? "none, ended by a signal"})`,
  );
  return { passed: 0, failed: 1, skipped: [], failures: [] };
}

async function main(): Promise<void> {
  const env = {
    ...process.env,
    ...testNeeds(process.env),
    FORCE_COLOR: "0",
    // The many servers that tests start are then compiled once: two fifths of the work of a start.
    NODE_COMPILE_CACHE: join(scratch, "compiled"),
  };
  const tallies: Tally[] = [];
  const runLane = async (groups: readonly Group[]): Promise<void> => {
    for (const group of groups) {
      for (const [folder, files] of filesOf(group))
        if (process.exitCode === undefined) tallies.push(await runFolder(folder, group, files, env));
    }
  };
  await Promise.all(lanes.map(runLane));
  const passed = tallies.reduce((sum, tally) => sum + tally.passed, 0);
  const failed = tallies.reduce((sum, tally) => sum + tally.failed, 0);
  for (const { name, file, reason } of tallies.flatMap((tally) => tally.skipped)) {
    console.log(`skipped  ${name}  (${file}): ${reason}`);
  }
  for (const { name, file } of tallies.flatMap((tally) => tally.failures)) {
    console.log(`FAILED  ${name}  (${file})`);
  }
  if (passed + failed === 0) console.log("No test matches.");
  console.log(`All tests took ${((performance.now() - startedAt) / 1000).toFixed(0)} s.`);
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode ??= failed === 0 && passed > 0 ? 0 : 1;
}

await main();
