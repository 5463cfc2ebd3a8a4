import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A package whose code lies in the bundles. */
export interface BundledPackage {
  readonly name: string;
  readonly version: string;
  /** SPDX expression of its package.json. */
  readonly license: string;
  /** Its license and notice files, or null when it ships none. */
  readonly text: string | null;
}

/** Folder of the package that `moduleId` (an absolute path) belongs to, or null for the product's own code. */
export function packageFolderOf(moduleId: string): string | null {
  const path = moduleId.replace(/^\0/, "").split("?")[0] ?? "";
  const marker = "/node_modules/";
  const at = path.lastIndexOf(marker);
  if (at < 0) return null;
  const parts = path.slice(at + marker.length).split("/");
  const name = parts[0]?.startsWith("@") ? parts.slice(0, 2) : parts.slice(0, 1);
  return path.slice(0, at + marker.length) + name.join("/");
}

function licenseText(folder: string): string | null {
  const files = readdirSync(folder).filter((name) => /^(licen[cs]e|copying|notice)/i.test(name));
  if (files.length === 0) return null;
  return files
    .sort()
    .map((name) => readFileSync(join(folder, name), "utf8").trim())
    .join("\n\n");
}

/** The packages that `moduleIds` come from, by name, each once per version. */
export function bundledPackages(moduleIds: Iterable<string>): BundledPackage[] {
  const folders = new Set<string>();
  for (const id of moduleIds) {
    const folder = packageFolderOf(id);
    if (folder !== null && existsSync(join(folder, "package.json"))) folders.add(folder);
  }
  const byId = new Map<string, BundledPackage>();
  for (const folder of folders) {
    const about = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Record<string, unknown>;
    const found = {
      name: String(about["name"]),
      version: String(about["version"]),
      license: typeof about["license"] === "string" ? about["license"] : "see the text",
      text: licenseText(folder),
    };
    byId.set(`${found.name}@${found.version}`, found);
  }
  return [...byId.keys()].sort().flatMap((id) => byId.get(id) ?? []);
}

/** The text of dist/THIRD-PARTY-LICENSES.txt. */
export function licensesDocument(packages: readonly BundledPackage[]): string {
  const rule = "=".repeat(78);
  const head = `The bundles in this folder contain code of these ${packages.length} packages.\n`;
  const entries = packages.map(
    ({ name, version, license, text }) =>
      `${rule}\n${name} ${version}\nLicense: ${license}\n\n${text ?? "The package ships no license file."}\n`,
  );
  return [head, ...entries].join("\n");
}
