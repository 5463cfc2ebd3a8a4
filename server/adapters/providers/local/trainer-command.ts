import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { isBundledModel } from "../../../domain/bundled-models.ts";
import { StartError } from "../../../config/values.ts";

const run = promisify(execFile);

/** How a job is trained here: the program and its arguments, and words for people. */
export interface TrainerCommand {
  kind: "configured" | "simpletuner" | "bundled";
  argv: readonly string[];
  detail: string;
}

/** Finds the trainer for a model family; what is installed is looked up once. */
export function trainerFinder(options: { trainerCommand: string | null; packageRoot: string }) {
  const bundled: TrainerCommand = {
    kind: "bundled",
    argv: bundledArgv(options.packageRoot),
    detail: "The bundled CPU trainer: a small real diffusion model, for trying things out",
  };
  let installed: Promise<TrainerCommand | null> | undefined;
  return async (modelFamily: string | null): Promise<TrainerCommand> => {
    if (options.trainerCommand !== null) {
      return {
        kind: "configured",
        argv: splitCommand(options.trainerCommand),
        detail: "The command in SIMPLETUNER_TRAINER_COMMAND",
      };
    }
    if (isBundledModel(modelFamily)) return bundled;
    installed ??= findSimpleTuner();
    return (await installed) ?? bundled;
  };
}

/** Splits a command line at spaces; single and double quotes group. Throws {@link StartError} when it is empty. */
export function splitCommand(line: string): string[] {
  const words = line.match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g);
  if (!words) throw new StartError("SIMPLETUNER_TRAINER_COMMAND: the command is empty.");
  return words.map((word) =>
    word.replaceAll(
      /"([^"]*)"|'([^']*)'/g,
      (_, double: string | undefined, single: string | undefined) => double ?? single ?? "",
    ),
  );
}

function bundledArgv(packageRoot: string): string[] {
  const built = join(packageRoot, "dist", "trainer.js");
  const source = join(packageRoot, "trainer", "main.ts");
  // From a checkout the source is at least as new as the build.
  return [process.execPath, existsSync(source) ? source : built];
}

async function findSimpleTuner(): Promise<TrainerCommand | null> {
  for (const python of ["python", "python3"]) {
    const found = await run(
      python,
      ["-c", "import importlib.util,sys; sys.exit(0 if importlib.util.find_spec('simpletuner') else 1)"],
      { timeout: 15_000 },
    ).then(
      () => true,
      () => false,
    );
    if (found)
      return {
        kind: "simpletuner",
        argv: [python, "-m", "simpletuner.train"],
        detail: `SimpleTuner, found by ${python}`,
      };
  }
  return null;
}
