import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

interface LockedPackage {
  readonly dependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
  readonly resolved?: string;
  readonly link?: boolean;
}
type Locked = Readonly<Record<string, LockedPackage>>;

/** Dependencies that no entry of the lock file satisfies, as `package -> dependency`. */
function unlocked(packages: Locked): string[] {
  return Object.entries(packages).flatMap(([path, { dependencies, optionalDependencies }]) =>
    Object.keys({ ...dependencies, ...optionalDependencies })
      .filter(
        (name) =>
          !foldersAbove(path).some((folder) => Object.hasOwn(packages, `${folder}node_modules/${name}`)),
      )
      .map((name) => `${path || "the product"} -> ${name}`),
  );
}

/** Where Node looks for a dependency of the package at `path`, nearest first: each prefix that ends before node_modules. */
function foldersAbove(path: string): string[] {
  const nested = path === "" ? [] : [`${path}/`];
  for (let at = path.lastIndexOf("node_modules/"); at >= 0; at = path.lastIndexOf("node_modules/", at - 1)) {
    nested.push(path.slice(0, at));
    if (at === 0) break;
  }
  return [...nested, ""];
}

const lockFile = join(dirname(dirname(fileURLToPath(import.meta.url))), "package-lock.json");
const { packages } = JSON.parse(readFileSync(lockFile, "utf8")) as { packages: Locked };

test("the lock file holds every dependency, those of other platforms too: otherwise npm ci refuses a clean clone", () => {
  assert.deepEqual(unlocked(packages), []);
});

test("the lock file names no host to download from, so that every registry and mirror works", () => {
  const hosts = Object.entries(packages).filter(([, { link, resolved }]) => !link && resolved !== undefined);
  assert.deepEqual(
    hosts.map(([path]) => path),
    [],
  );
});

test("a planted gap is found, at the top and in a nested package", () => {
  const whole: Locked = {
    "": { dependencies: { a: "1" } },
    "node_modules/a": { optionalDependencies: { "@b/linux": "1" } },
    "node_modules/a/node_modules/@b/linux": { dependencies: { c: "1" } },
    "node_modules/c": {},
  };
  assert.deepEqual(unlocked(whole), []);
  const { "node_modules/a/node_modules/@b/linux": _, ...without } = whole;
  assert.deepEqual(unlocked(without), ["node_modules/a -> @b/linux"]);
  assert.deepEqual(unlocked({ "": { dependencies: { z: "1" } } }), ["the product -> z"]);
});
