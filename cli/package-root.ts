import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

let found: string | undefined;

/** Folder of the installed product: the nearest one above this file whose package.json is the product's own. */
export function packageRoot(): string {
  if (found !== undefined) return found;
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const about = join(folder, "package.json");
    if (existsSync(about) && nameIn(about) === "simpletuner-cloud") return (found = folder);
    const parent = dirname(folder);
    if (parent === folder) throw new Error("the product's own package.json is missing; install it again");
    folder = parent;
  }
}

function nameIn(path: string): unknown {
  return (JSON.parse(readFileSync(path, "utf8")) as { name?: unknown }).name;
}

/** Version of the installed product. */
export function productVersion(): string {
  const about = JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8")) as { version: string };
  return about.version;
}
