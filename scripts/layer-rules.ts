import { dirname, join, normalize } from "node:path/posix";

/** One import: the importing file (path below the repository) and what it names. */
export interface Import {
  readonly from: string;
  /** The specifier as written: a relative path, a workspace path or a package. */
  readonly specifier: string;
  readonly dynamic: boolean;
  /** Leaves nothing behind when types are stripped: `import type`. */
  readonly typeOnly: boolean;
}

/** What a layer may import: other layers, and packages (`null` = any). Node's own modules are always allowed. */
interface Rule {
  readonly layers: readonly string[];
  readonly packages: readonly string[] | null;
  /** Packages of which only types may be named, such as the database handle that stores are called with. */
  readonly typesOf?: readonly string[];
}

/** Rule 1 of docs/ARCHITECTURE.md: dependencies point one way. */
const rules: Readonly<Record<string, Rule>> = {
  contract: { layers: [], packages: ["typebox"] },
  // A leaf: what the environment says, where things lie, and the error of a failed start.
  config: { layers: ["contract"], packages: [] },
  domain: { layers: ["contract"], packages: [] },
  db: { layers: ["contract", "domain", "config"], packages: ["kysely", "pg", "mysql2"] },
  packaging: { layers: ["contract"], packages: ["yauzl"] },
  backups: { layers: ["contract", "domain", "db", "packaging", "config"], packages: ["typebox"] },
  adapter: { layers: ["contract", "domain", "config", "port"], packages: null },
  port: { layers: ["contract", "domain"], packages: [] },
  registry: { layers: ["contract", "domain", "config", "port", "adapter"], packages: [] },
  services: {
    layers: ["contract", "domain", "db", "packaging", "backups", "port", "config"],
    packages: ["uuidv7", "pino", "@node-rs/argon2", "prom-client"],
    typesOf: ["kysely"],
  },
  background: {
    layers: ["contract", "domain", "db", "packaging", "backups", "port", "config", "services"],
    packages: ["uuidv7", "pino"],
    typesOf: ["kysely"],
  },
  http: { layers: ["contract", "services"], packages: ["hono", "@hono/node-server", "typebox", "pino"] },
  // The storage endpoint is the storage port over HTTP: a service between them would only pass bytes on.
  s3: { layers: ["contract", "domain", "services", "http", "port"], packages: ["pino"] },
  app: {
    layers: [
      "contract",
      "config",
      "domain",
      "db",
      "packaging",
      "backups",
      "adapter",
      "port",
      "registry",
      "services",
      "background",
      "http",
      "s3",
    ],
    packages: null,
  },
  web: { layers: ["contract"], packages: ["preact", "@preact/signals", "uplot", "vite"] },
  cli: { layers: ["contract"], packages: ["commander", "@clack/prompts", "sharp"] },
  worker: { layers: ["contract"], packages: null },
  trainer: { layers: [], packages: ["@aws-sdk/client-s3", "@aws-sdk/lib-storage", "sharp"] },
};

/** Tests and what only tests use: suites that every implementation of a port runs, servers for tests. */
const testFile = /\.test\.tsx?$|(^|\/)testing\/|(^|\/)conformance\.ts$|-test-[a-z]+\.ts$/;

/** The files beside a port that know its implementations and choose among them. */
const registryFiles = new Set(["registry.ts", "open-storage.ts"]);

/** The layer of a source file, or null for files that no rule binds: tests, test support, e2e, bench, scripts. */
export function layerOf(path: string): string | null {
  if (testFile.test(path)) return null;
  const parts = path.split("/");
  const [workspace, folder, third] = parts;
  if (workspace !== "server")
    return workspace !== undefined && Object.hasOwn(rules, workspace) ? workspace : null;
  if (parts.length === 2) return folder === "config.ts" ? "config" : "app";
  if (folder === "http" && (third === "s3" || third === "storage-mount.ts")) return "s3";
  if (folder !== "adapters") return folder !== undefined && Object.hasOwn(rules, folder) ? folder : null;
  if (parts.length > 4) return "adapter";
  return third !== undefined && registryFiles.has(parts[3] ?? "") ? "registry" : "port";
}

/** Folder of the implementation an adapter's file belongs to, e.g. `server/adapters/providers/local`. */
function adapterFolder(path: string): string {
  return path.split("/").slice(0, 4).join("/");
}

/** Kind of adapter, e.g. `server/adapters/providers`. */
function adapterKind(path: string): string {
  return path.split("/").slice(0, 3).join("/");
}

const workspacePrefix = "@simpletuner-cloud/";

/** The file a specifier means, below the repository; null for packages and Node's own modules. */
function targetFile({ from, specifier }: Import): string | null {
  if (specifier.startsWith(".")) return normalize(join(dirname(from), specifier));
  return specifier.startsWith(workspacePrefix) ? specifier.slice(workspacePrefix.length) : null;
}

function packageName(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

/** The imports that rule 1 forbids, each with its reason. */
export function forbiddenImports(imports: readonly Import[]): string[] {
  return imports.flatMap((one) => {
    const problem = problemOf(one);
    return problem === null ? [] : [`${one.from} imports ${one.specifier}: ${problem}`];
  });
}

/** What the command line loads of the server, when its command runs. */
const cliLoads = [
  "server/main.ts",
  "server/verify-storage.ts",
  "server/restore-offline.ts",
  "server/recover-account.ts",
  "server/database-offline.ts",
  "server/copy-database-offline.ts",
  "server/settle-offline.ts",
];

function problemOf(one: Import): string | null {
  const layer = layerOf(one.from);
  const rule = layer === null ? undefined : rules[layer];
  if (layer === null || rule === undefined || one.specifier.startsWith("node:")) return null;
  const target = targetFile(one);
  if (target === null) {
    const name = packageName(one.specifier);
    if (rule.packages === null || rule.packages.includes(name)) return null;
    if (one.typeOnly && rule.typesOf?.includes(name)) return null;
    return `${layer} may not use the package ${name}`;
  }
  if (layer === "cli" && cliLoads.includes(target)) {
    return one.dynamic ? null : "the server may only be loaded when its command runs";
  }
  return fileProblem(one.from, target, layer, rule);
}

function fileProblem(from: string, target: string, layer: string, rule: Rule): string | null {
  if (target.endsWith(".json")) return null;
  const targetLayer = layerOf(target);
  if (targetLayer === null) return `${layer} may not use tests, scripts or benchmarks`;
  if (layer === "adapter" && (targetLayer === "adapter" || targetLayer === "port")) {
    return siblingProblem(from, target, targetLayer);
  }
  if (targetLayer === layer || rule.layers.includes(targetLayer)) return null;
  return `${layer} may not import ${targetLayer}`;
}

/** The port through which adapters reach services outside. */
const outbound = "server/adapters/outbound";

function siblingProblem(from: string, target: string, targetLayer: string): string | null {
  if (targetLayer === "port" && [adapterKind(from), outbound].includes(adapterKind(target))) return null;
  if (targetLayer === "adapter" && adapterFolder(from) === adapterFolder(target)) return null;
  return "an adapter may import its own folder, its own port and the outbound port, never a sibling";
}

/** Imports, exports-from, dynamic imports and `new URL("./x.ts", import.meta.url)` of a source text. */
export function importsIn(from: string, source: string): Import[] {
  const code = source.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
  const found: Import[] = [];
  const collect = (pattern: RegExp, dynamic: boolean): void => {
    for (const [statement, specifier] of code.matchAll(pattern)) {
      const typeOnly = /^\s*(?:import|export)\s+type\b/.test(statement);
      if (specifier !== undefined) found.push({ from, specifier, dynamic, typeOnly });
    }
  };
  collect(/^\s*(?:import|export)\b[^"'`;()]*?\bfrom\s*["']([^"']+)["']/gm, false);
  collect(/^\s*import\s+["']([^"']+)["']/gm, false);
  collect(/\bimport\s*\(\s*["']([^"']+)["']/g, true);
  collect(/\bnew URL\(\s*["'](\.[^"']+\.tsx?)["']/g, true);
  return found;
}
