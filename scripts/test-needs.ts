import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** A program that some tests need, the variable that tells them its path, and the Debian package that has it. */
interface Need {
  readonly variable: string;
  readonly programs: readonly string[];
  readonly debianPackage: string;
}

const needs: readonly Need[] = [
  {
    variable: "TEST_CHROMIUM",
    programs: ["chromium", "chromium-browser", "google-chrome"],
    debianPackage: "chromium",
  },
];

/**
 * The variables that tell tests where the programs they need are: from the environment, else found on PATH, else
 * installed (as root, with apt). A program that cannot be had is left out and told by name; its tests skip.
 */
export function testNeeds(env: NodeJS.ProcessEnv): Record<string, string> {
  const found: Record<string, string> = {};
  let listsAreFresh = false;
  for (const { variable, programs, debianPackage } of needs) {
    let path = env[variable] || findProgram(programs, env);
    if (!path && mayInstall(env)) {
      console.log(`Installing ${debianPackage} (its tests need it) …`);
      if (!listsAreFresh) apt("update", "-qq");
      listsAreFresh = true;
      apt("install", "-y", "-qq", "--no-install-recommends", debianPackage);
      path = findProgram(programs, env);
    }
    if (path) found[variable] = path;
    else
      console.log(`${programs[0]} was not found and could not be installed: tests that need it are skipped.`);
  }
  return found;
}

/** Path of the first of `programs` on PATH that may be run. */
function findProgram(programs: readonly string[], env: NodeJS.ProcessEnv): string | undefined {
  const folders = (env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  return programs.flatMap((name) => folders.map((folder) => join(folder, name))).find(isRunnable);
}

function isRunnable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function mayInstall(env: NodeJS.ProcessEnv): boolean {
  return process.getuid?.() === 0 && findProgram(["apt-get"], env) !== undefined;
}

function apt(...args: string[]): void {
  spawnSync("apt-get", args, {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    timeout: 5 * 60_000,
  });
}
