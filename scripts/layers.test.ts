import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { forbiddenImports, importsIn, layerOf } from "./layer-rules.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const workspaces = ["contract", "server", "web", "cli", "worker", "trainer"];

test("every import of the sources points the way the architecture says", () => {
  const files = globSync(`{${workspaces.join(",")}}/**/*.{ts,tsx}`, {
    cwd: root,
    exclude: (path) => path.includes("node_modules"),
  });
  assert.ok(files.length > 50, `only ${files.length} files were found`);
  const imports = files.flatMap((file) => importsIn(file, readFileSync(join(root, file), "utf8")));
  assert.ok(imports.length > 100, `only ${imports.length} imports were found`);
  assert.deepEqual(forbiddenImports(imports), []);
});

test("every source folder of the server belongs to a layer", () => {
  const folders = new Set(
    globSync("server/**/*.ts", { cwd: root, exclude: (path) => path.includes("node_modules") })
      .filter((file) => !file.endsWith(".test.ts") && !file.includes("/testing/"))
      .map(dirname),
  );
  for (const folder of folders) {
    assert.notEqual(layerOf(join(folder, "any.ts")), null, `layer-rules.ts does not know ${folder}`);
  }
});

/** Each pair is a fault: the rule that forbids it must find it. */
const planted: readonly (readonly [from: string, statement: string])[] = [
  ["contract/jobs.ts", 'import { x } from "../server/domain/job-state.ts";'],
  ["contract/jobs.ts", 'import { Hono } from "hono";'],
  ["server/domain/quota.ts", 'import type { Store } from "../db/stores/jobs.ts";'],
  ["server/domain/quota.ts", 'import { sql } from "kysely";'],
  ["server/domain/quota.ts", 'import { x } from "../config.ts";'],
  ["server/db/stores/jobs.ts", 'import { x } from "../../services/jobs.ts";'],
  ["server/db/stores/jobs.ts", 'import sharp from "sharp";'],
  ["server/packaging/zip-writer.ts", 'import { x } from "../domain/job-state.ts";'],
  ["server/packaging/zip-writer.ts", 'import pino from "pino";'],
  ["server/adapters/providers/local/run.ts", 'import { x } from "../../storage/local/disk.ts";'],
  ["server/adapters/providers/local/run.ts", 'import { x } from "../../storage/storage.ts";'],
  ["server/adapters/providers/local/run.ts", 'import { x } from "../replicate/client.ts";'],
  ["server/adapters/providers/local/run.ts", 'import { x } from "../registry.ts";'],
  ["server/adapters/providers/local/run.ts", 'import { x } from "../../../db/stores/jobs.ts";'],
  ["server/adapters/providers/local/run.ts", 'import { x } from "../../../services/jobs.ts";'],
  ["server/adapters/providers/provider.ts", 'export { x } from "./local/run.ts";'],
  ["server/services/jobs.ts", 'import { x } from "../http/mount-api.ts";'],
  ["server/services/jobs.ts", 'import { x } from "../background/rescue-lost-jobs.ts";'],
  ["server/services/jobs.ts", 'import { x } from "../adapters/storage/local/disk.ts";'],
  ["server/services/jobs.ts", 'import { sql } from "kysely";'],
  ["server/services/jobs.ts", 'import { type Kysely, sql } from "kysely";'],
  ["server/background/start-queued-jobs.ts", 'import { x } from "../http/mount-api.ts";'],
  ["server/background/start-queued-jobs.ts", 'const x = await import("../adapters/providers/local/run.ts");'],
  ["server/http/mount-api.ts", 'import { x } from "../db/stores/jobs.ts";'],
  ["server/http/mount-api.ts", 'import { x } from "../domain/job-state.ts";'],
  ["server/http/mount-api.ts", 'import { x } from "../adapters/storage/storage.ts";'],
  ["server/http/s3/put.ts", 'import { x } from "../../adapters/storage/local/disk.ts";'],
  ["server/config.ts", 'import { x } from "./domain/job-state.ts";'],
  ["server/app.ts", 'import { x } from "./testing/create-test-app.ts";'],
  ["server/app.ts", 'import { x } from "../cli/output.ts";'],
  ["web/api.ts", 'import { x } from "@simpletuner-cloud/server/domain/job-state.ts";'],
  ["web/api.ts", 'import React from "react";'],
  ["cli/output.ts", 'import { x } from "@simpletuner-cloud/server/config.ts";'],
  ["cli/output.ts", 'import { startServer } from "@simpletuner-cloud/server/main.ts";'],
  ["cli/output.ts", 'import { x } from "../web/i18n.ts";'],
  ["worker/main.ts", 'import { x } from "../server/domain/job-state.ts";'],
  ["trainer/main.ts", 'import { x } from "@simpletuner-cloud/contract/jobs.ts";'],
  ["trainer/main.ts", 'const w = new Worker(new URL("../server/config.ts", import.meta.url));'],
];

test("each planted fault is found", () => {
  for (const [from, statement] of planted) {
    assert.equal(forbiddenImports(importsIn(from, statement)).length, 1, `${from}: ${statement}`);
  }
});

test("what the rules allow is not refused, in any way of writing an import", () => {
  const allowed: readonly (readonly [from: string, statement: string])[] = [
    ["contract/jobs.ts", 'import { Type } from "typebox";'],
    ["server/domain/quota.ts", 'import { createHash } from "node:crypto";'],
    ["server/adapters/providers/local/run.ts", 'import type { Provider } from "../provider.ts";'],
    ["server/adapters/providers/local/run.ts", "import {\n  a,\n  b,\n} from './follow-run.ts';"],
    ["server/adapters/providers/registry.ts", 'import { local } from "./local/provider.ts";'],
    ["server/services/jobs.ts", 'import { x } from "../adapters/storage/storage.ts";'],
    ["server/services/jobs.ts", 'import type { Kysely } from "kysely";'],
    ["server/services/jobs.test.ts", 'import { x } from "../http/mount-api.ts";'],
    ["server/app.ts", 'import { x } from "./adapters/storage/local/disk.ts";'],
    ["cli/commands/server.ts", 'const s = await import("@simpletuner-cloud/server/main.ts");'],
    ["cli/output.ts", '// import { x } from "../web/i18n.ts";\n/* import "../web/main.tsx"; */'],
  ];
  for (const [from, statement] of allowed) {
    assert.deepEqual(forbiddenImports(importsIn(from, statement)), [], `${from}: ${statement}`);
  }
  assert.equal(
    importsIn("a.ts", 'import "./b.ts";\nexport * from "./c.ts";\nimport x, { type y } from "z";').length,
    3,
  );
});
