#!/usr/bin/env node
// Starts the product on Node 24: this Node when it is new enough, otherwise the one that came with the package.
// Runs on Node 18 and newer with no dependency.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const neededMajor = 24;
const program = join(dirname(dirname(fileURLToPath(import.meta.url))), "dist", "cli.js");

/** Path of the Node 24 that was installed with this package, or null. */
function packagedNode() {
  const require = createRequire(import.meta.url);
  const platform = `${process.platform}-${process.arch}`;
  for (const name of [`node-${platform}`, `node-bin-${platform}`]) {
    try {
      const path = join(dirname(require.resolve(`${name}/package.json`)), "bin", "node");
      if (existsSync(path)) return path;
    } catch {
      // Not installed for this platform: the next name, then the sentence below.
    }
  }
  return null;
}

/** Runs the product on another Node with this terminal, passing signals on and the exit code back. */
function runOn(node) {
  const child = spawn(node, [program, ...process.argv.slice(2)], { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    process.stderr.write(`Node could not be started (${node}): ${error.message}\n`);
    process.exitCode = 1;
  });
  child.on("exit", (code, signal) => {
    process.exitCode = code ?? 128 + (constants.signals[signal] ?? 0);
  });
}

if (!existsSync(program)) {
  process.stderr.write(
    "The product is not built: dist/cli.js is missing. Run npm run build in its folder.\n",
  );
  process.exitCode = 1;
} else if (Number(process.versions.node.split(".")[0]) >= neededMajor) {
  await import(pathToFileURL(program).href);
} else {
  const node = packagedNode();
  if (node) {
    runOn(node);
  } else {
    process.stderr.write(
      `simpletuner-cloud needs Node ${neededMajor} and this is ${process.version}; no packaged Node is there for ` +
        `${process.platform}-${process.arch}. Install Node ${neededMajor}, or install again without --omit=optional.\n`,
    );
    process.exitCode = 1;
  }
}
