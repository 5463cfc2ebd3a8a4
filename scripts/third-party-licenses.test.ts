import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { bundledPackages, licensesDocument, packageFolderOf } from "./third-party-licenses.ts";

const root = mkdtempSync(join(tmpdir(), "licenses "));
after(() => rmSync(root, { recursive: true, force: true }));

function addPackage(path: string, about: object, files: Record<string, string> = {}): string {
  const folder = join(root, "node_modules", path);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), JSON.stringify(about));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return join(folder, "index.js");
}

test("a module id leads to its package, scoped and nested ones too; own code leads nowhere", () => {
  assert.equal(packageFolderOf("/w/cli/main.ts"), null);
  assert.equal(packageFolderOf("\0/w/node_modules/a/lib/x.js?commonjs"), "/w/node_modules/a");
  assert.equal(
    packageFolderOf("/w/node_modules/a/node_modules/@s/b/x.js"),
    "/w/node_modules/a/node_modules/@s/b",
  );
});

test("each package is named once with all its license files; one without says so", () => {
  const one = addPackage(
    "one",
    { name: "one", version: "1.0.0", license: "MIT" },
    { LICENSE: "Permission", "NOTICE.txt": "Notice" },
  );
  const bare = addPackage("@s/bare", { name: "@s/bare", version: "2.0.0", license: "ISC" });
  const found = bundledPackages([one, `${one}?again`, bare, "/elsewhere/own.ts", "\0virtual"]);
  assert.deepEqual(
    found.map(({ name, text }) => [name, text]),
    [
      ["@s/bare", null],
      ["one", "Permission\n\nNotice"],
    ],
  );
  const document = licensesDocument(found);
  assert.match(document, /these 2 packages/);
  assert.match(document, /one 1\.0\.0\nLicense: MIT\n\nPermission\n\nNotice/);
  assert.match(document, /@s\/bare 2\.0\.0\nLicense: ISC\n\nThe package ships no license file/);
});
