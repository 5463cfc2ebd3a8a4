import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { StartError } from "./values.ts";

/** The folder of this package: where samples and the built web UI lie, from source and from a bundle alike. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const manifest = join(folder, "package.json");
    if (existsSync(manifest) && JSON.parse(readFileSync(manifest, "utf8")).name === "simpletuner-cloud")
      return folder;
    const parent = dirname(folder);
    if (parent === folder)
      throw new StartError("The package folder of simpletuner-cloud was not found. Install it again.");
    folder = parent;
  }
}

/** This release's version. */
export function packageVersion(): string {
  return (JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8")) as { version: string })
    .version;
}
