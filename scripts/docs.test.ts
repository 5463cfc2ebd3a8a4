import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { environmentVariables } from "@simpletuner-cloud/server/environment-variables.ts";
import { docsFolder, generatedDocs } from "./docs.ts";

for (const [name, text] of generatedDocs()) {
  test(`docs/${name} is what the tables say; else run node scripts/docs.ts`, () => {
    assert.ok(readFileSync(join(docsFolder, name), "utf8") === text, `docs/${name} is out of date`);
  });
}

test("every variable the server reads is listed, and no other", () => {
  const read = new Set<string>();
  const server = join(docsFolder, "..", "server");
  for (const file of globSync(["config.ts", "config/*.ts", "credential-key.ts"], { cwd: server })) {
    const source = readFileSync(join(server, file), "utf8");
    for (const [, name = ""] of source.matchAll(
      /"((?:SIMPLETUNER|REPLICATE|HF|HTTPS?|NO|VAULT|STATE|RATE|OTEL)_[A-Z0-9_]+|STATE_BACKEND)"/g,
    ))
      read.add(name);
  }
  // Read by the names that a prefix makes.
  for (const purpose of ["SIMPLETUNER_STORAGE", "SIMPLETUNER_BACKUP", "SIMPLETUNER_STAGING"]) {
    read.delete(purpose);
    for (const name of ["URL", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY"]) read.add(`${purpose}_${name}`);
  }
  for (const name of ["ENDPOINT", "TRACES_ENDPOINT", "PROTOCOL", "HEADERS", "TIMEOUT"])
    read.add(`OTEL_EXPORTER_OTLP_${name}`);
  // Read as secrets, by whatever name is asked for.
  for (const name of ["REPLICATE_API_TOKEN", "HF_TOKEN"]) read.add(name);
  assert.deepEqual([...read].sort(), environmentVariables.map(({ name }) => name).sort());
});

test("every link of the pages leads to a file, and one to a test to a test of that name", () => {
  const root = join(docsFolder, "..");
  const wrong = globSync(["*.md", "docs/*.md"], { cwd: root }).flatMap((page) => {
    const text = readFileSync(join(root, page), "utf8");
    return [...text.matchAll(/\[([^\]]+)\]\(([^)#]+)[^)]*\)/g)].flatMap(([link, name = "", target = ""]) => {
      if (/^\w+:/.test(target)) return [];
      const file = join(root, dirname(page), target);
      if (!existsSync(file)) return [`${page}: ${link}`];
      const isProof = target.endsWith(".test.ts") && name !== "test";
      // A name may go on in the next line of the page.
      return isProof && !readFileSync(file, "utf8").includes(name.replaceAll(/\s+/g, " "))
        ? [`${page}: no test "${name}" in ${target}`]
        : [];
    });
  });
  assert.deepEqual(wrong, []);
});
