/**
 * Writes what docs/ says of the product's own tables: `node scripts/docs.ts`. A test fails while a file is not what
 * this would write.
 */
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { errorTable } from "@simpletuner-cloud/contract/errors.ts";
import { packageVersion } from "@simpletuner-cloud/server/config/package-files.ts";
import { metricCategories } from "@simpletuner-cloud/contract/metrics.ts";
import { categoryWords, metricsOf } from "@simpletuner-cloud/server/domain/metric-catalogue.ts";
import { environmentVariables } from "@simpletuner-cloud/server/environment-variables.ts";
import { openApi } from "@simpletuner-cloud/server/http/openapi.ts";

/** Folder of the documents. */
export const docsFolder = join(dirname(dirname(fileURLToPath(import.meta.url))), "docs");

/** Each generated file's name and text. */
export function generatedDocs(): [name: string, text: string][] {
  return [
    ["config.md", configPage()],
    ["errors.md", errorPage()],
    ["metrics.md", metricPage()],
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

function metricPage(): string {
  const sections = metricCategories.map((category) => {
    const lines = metricsOf(category).map(([name, { kind, labels, help, scope }]) => {
      const shown = labels.length === 0 ? name : `${name}{${labels.join(", ")}}`;
      return `- \`${shown}\` (${kind}, ${scope}): ${help}`;
    });
    return `## \`${category}\`\n\n${categoryWords[category].description}.\n\n${lines.join("\n")}\n`;
  });
  const about =
    "Every metric by category. _installation_: read from the database, every server tells the same number, so take `max`. _server_: counted by one process since its start, so take `sum` or name the `instance`.";
  return `# Metrics\n\n${about}\n\n${sections.join("\n")}`;
}

if (import.meta.main) for (const [name, text] of generatedDocs()) writeFileSync(join(docsFolder, name), text);
