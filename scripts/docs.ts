/**
 * Writes what docs/ says of the product's own tables: `node scripts/docs.ts`. A test fails while a file is not what
 * this would write.
 */
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { errorTable } from "@simpletuner-cloud/contract/errors.ts";
import { packageVersion } from "@simpletuner-cloud/server/config/package-files.ts";
import { environmentVariables } from "@simpletuner-cloud/server/environment-variables.ts";
import { openApi } from "@simpletuner-cloud/server/http/openapi.ts";

/** Folder of the documents. */
export const docsFolder = join(dirname(dirname(fileURLToPath(import.meta.url))), "docs");

/** Each generated file's name and text. */
export function generatedDocs(): [name: string, text: string][] {
  return [
    ["config.md", configPage()],
    ["errors.md", errorPage()],
    ["openapi.json", `${JSON.stringify(openApi(packageVersion()))}\n`],
  ];
}

function configPage(): string {
  const lines = environmentVariables.map(
    ({ name, otherwise, text }) => `- \`${name}\`${otherwise === "" ? "" : ` (${otherwise})`}: ${text}`,
  );
  return `# Configuration\n\nEnvironment variables of the server, with what holds without them.\n\n${lines.join("\n")}\n`;
}

function errorPage(): string {
  const lines = Object.entries(errorTable).map(
    ([code, [status, sentence]]) => `- \`${code}\` (${status}): ${sentence.replaceAll(/\{(\w+)\}/g, "_$1_")}`,
  );
  return `# Errors\n\nEvery error answer holds \`error\` (the code), \`message\` (the sentence), \`details\` and \`correlation_id\`.\n\n${lines.join("\n")}\n`;
}

if (import.meta.main) for (const [name, text] of generatedDocs()) writeFileSync(join(docsFolder, name), text);
