/**
 * Builds dist/: the bundles of the CLI (with the server behind it) and of the trainer, the web UI, and the
 * licenses of what they contain. The result replaces dist/ in one rename, so an interrupted build changes nothing.
 */
import { existsSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { build as buildWithVite } from "vite";
import { bundledPackages, licensesDocument } from "./third-party-licenses.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** What a bundler answers, as far as the licenses need it. */
interface BuiltFile {
  readonly fileName: string;
  readonly type: "chunk" | "asset";
  readonly moduleIds?: readonly string[];
}

/** Bundles the programs that run on Node into `outDir`. */
async function bundlePrograms(outDir: string): Promise<readonly BuiltFile[]> {
  const input: Record<string, string> = { cli: join(root, "cli/main.ts") };
  const trainer = join(root, "trainer/main.ts");
  if (existsSync(trainer)) input["trainer"] = trainer;
  // Replicate on this machine, for the demo.
  const emulator = join(root, "e2e/replicate-emulator/main.ts");
  if (existsSync(emulator)) input["replicate-emulator"] = emulator;
  // A thread of its own: reading a database through blocks.
  input["sqlite-thread"] = join(root, "server/db/sqlite-thread.ts");
  const bundle = await rolldown({
    input,
    cwd: root,
    platform: "node",
    external: [/^node:/, "sharp", "@node-rs/argon2"],
    checks: { pluginTimings: false },
    onwarn: (warning, warn) => {
      if (warning.code === "UNRESOLVED_IMPORT") throw new Error(warning.message);
      warn(warning);
    },
  });
  const { output } = await bundle.write({
    dir: outDir,
    format: "es",
    sourcemap: true,
    minify: false,
    entryFileNames: "[name].js",
    chunkFileNames: "chunks/[name]-[hash].js",
  });
  await bundle.close();
  return output;
}

/** Builds the web UI into `outDir`. */
async function bundleWeb(outDir: string): Promise<readonly BuiltFile[]> {
  const built = await buildWithVite({
    root: join(root, "web"),
    logLevel: "warn",
    build: { outDir, emptyOutDir: true, rolldownOptions: { checks: { pluginTimings: false } } },
  });
  if ("on" in built)
    throw new Error("vite watches instead of building; remove build.watch from web/vite.config.ts");
  return [built].flat().flatMap((result) => result.output as readonly BuiltFile[]);
}

/** Puts `fresh` in place of dist/; a build that another process finished meanwhile is replaced as well. */
async function replaceDist(fresh: string, scratch: string): Promise<void> {
  const dist = join(root, "dist");
  for (let attempt = 1; ; attempt++) {
    await rename(dist, join(scratch, `old-${attempt}`)).catch(ignoreMissing);
    try {
      await rename(fresh, dist);
      return;
    } catch (error) {
      if (attempt === 5) throw error;
    }
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOENT") throw error;
}

async function main(): Promise<void> {
  const startedAt = performance.now();
  const scratch = join(root, "node_modules", ".cache", "simpletuner-cloud", `build-${process.pid}`);
  const fresh = join(scratch, "dist");
  await mkdir(fresh, { recursive: true });
  try {
    // Both are waited for even when one fails: nothing may still write when the folder is removed.
    const [programs, web] = await Promise.allSettled([
      bundlePrograms(fresh),
      existsSync(join(root, "web/index.html")) ? bundleWeb(join(fresh, "web")) : [],
    ]);
    if (programs.status === "rejected") throw programs.reason;
    if (web.status === "rejected") throw web.reason;
    const built = [...programs.value, ...web.value];
    const packages = bundledPackages(built.flatMap((file) => file.moduleIds ?? []));
    await writeFile(join(fresh, "THIRD-PARTY-LICENSES.txt"), licensesDocument(packages));
    const stamp = process.env["SIMPLETUNER_SOURCE_STAMP"];
    if (stamp) await writeFile(join(fresh, ".stamp"), stamp);
    await replaceDist(fresh, scratch);
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    process.stderr.write(`Built dist/ in ${seconds} s: ${packages.length} packages bundled.\n`);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

try {
  await main();
} catch (error) {
  process.stderr.write(`The build failed. ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
