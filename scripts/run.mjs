// Entry of every npm script. Runs on Node 18 and newer with nothing installed: fetches the dependencies when
// they are missing, finds Node 24, builds when sources changed, then runs the verb on Node 24.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { constants } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const neededMajor = 24;

/** What each verb runs (paths below the root) and whether it needs the bundles in dist/. */
const verbs = {
  start: { run: ["dist/cli.js", "server"], built: true },
  demo: { run: ["dist/cli.js", "demo"], built: true },
  cli: { run: ["dist/cli.js"], built: true },
  test: { run: ["scripts/test.ts"], built: true },
  check: { run: ["scripts/check.ts"], built: false },
  build: { run: ["scripts/build.ts"], built: false },
};

/** Folders and files whose content decides whether dist/ is current. */
const builtFrom = [
  "contract",
  "server",
  "cli",
  "trainer",
  "web",
  "e2e/replicate-emulator",
  "scripts/build.ts",
  "scripts/third-party-licenses.ts",
  "package.json",
  "package-lock.json",
];

function stop(sentence) {
  process.stderr.write(`${sentence}\n`);
  process.exit(1);
}

/** True when node_modules is missing, was left half installed, or is older than the lock file. */
function dependenciesAreStale() {
  const installed = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(installed)) return true;
  return statSync(join(root, "package-lock.json")).mtimeMs > statSync(installed).mtimeMs;
}

/** Installs exactly what the lock file names, platform binaries (optional dependencies) included. */
function installDependencies() {
  process.stderr.write("Installing dependencies (once, about a minute) …\n");
  const npmScript = process.env.npm_execpath;
  const viaNode = npmScript !== undefined && /npm-cli\.[cm]?js$/.test(npmScript);
  const command = viaNode ? process.execPath : "npm";
  const args = ["ci", "--include=optional", "--no-audit", "--no-fund", "--loglevel=error"];
  const installed = spawnSync(command, viaNode ? [npmScript, ...args] : args, {
    cwd: root,
    stdio: ["ignore", 2, 2],
    shell: process.platform === "win32",
  });
  if (installed.status !== 0) {
    stop("npm ci failed (see above). Check that the npm registry is reachable, then run this again.");
  }
}

/** Path of a Node new enough for the product. */
function findNode() {
  if (Number(process.versions.node.split(".")[0]) >= neededMajor) return process.execPath;
  const packaged = join(root, "node_modules", ".bin", "node");
  if (existsSync(packaged)) return packaged;
  return stop(
    `Node ${neededMajor} is needed and this is ${process.version}: no packaged Node came with the dependencies for ` +
      `${process.platform}-${process.arch}. Install Node ${neededMajor} from https://nodejs.org and run this again.`,
  );
}

/** Every source file below `path`, sorted, without tests and build results. */
function sourceFiles(path) {
  if (!existsSync(path)) return [];
  if (statSync(path).isFile()) return [path];
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => !["node_modules", "dist", "testing"].includes(entry.name))
    .filter((entry) => !/\.test\.tsx?$/.test(entry.name))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => (entry.isDirectory() || entry.isFile() ? sourceFiles(join(path, entry.name)) : []));
}

/** A digest of all that goes into dist/; content rather than times, so that a checkout back and forth costs nothing. */
function sourceStamp() {
  const digest = createHash("sha256");
  for (const file of builtFrom.flatMap((path) => sourceFiles(join(root, path)))) {
    const content = readFileSync(file);
    digest.update(`${relative(root, file)}\0${content.length}\0`).update(content);
  }
  return digest.digest("hex");
}

/** Runs a script on Node 24 with this terminal; resolves to its exit code, 128 + n when signal n ended it. */
function runOn(node, args, env = {}) {
  return new Promise((resolve) => {
    const child = spawn(node, args, { stdio: "inherit", env: { ...process.env, ...env } });
    const forward = (signal) => child.kill(signal);
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, forward);
    child.on("error", (error) => stop(`Node could not be started (${node}): ${error.message}`));
    child.on("exit", (code, signal) => resolve(code ?? 128 + (constants.signals[signal] ?? 0)));
  });
}

/** Builds dist/ unless it already holds what the sources say. */
async function ensureBuilt(node) {
  const stamp = sourceStamp();
  const stampFile = join(root, "dist", ".stamp");
  if (existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp) return;
  const code = await runOn(node, [join(root, "scripts", "build.ts")], {
    SIMPLETUNER_SOURCE_STAMP: stamp,
  });
  if (code !== 0) process.exit(code);
}

const [name, ...rest] = process.argv.slice(2);
const verb = Object.hasOwn(verbs, name ?? "") ? verbs[name] : undefined;
if (!verb) stop(`Usage: node scripts/run.mjs ${Object.keys(verbs).join("|")} [arguments]`);
if (dependenciesAreStale()) installDependencies();
const node = findNode();
if (verb.built) await ensureBuilt(node);
const stamped = name === "build" ? { SIMPLETUNER_SOURCE_STAMP: sourceStamp() } : {};
const [script, ...fixed] = verb.run;
process.exitCode = await runOn(node, [join(root, script), ...fixed, ...rest], stamped);
