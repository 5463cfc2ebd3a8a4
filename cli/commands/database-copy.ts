import type { Command } from "commander";
import { formatOption } from "../command-options.ts";
import type { Io } from "../io.ts";
import { formatCount, printJson, printLine, printTable, type OutputFormat } from "../output.ts";
import { stateFolder } from "../server-process.ts";

interface Options {
  from?: string;
  to?: string;
  stateDir?: string;
  format: OutputFormat;
}

/** Adds `database copy`. */
export function addDatabaseCopy(parent: Command, io: Io): void {
  parent
    .command("copy")
    .description("copy everything into another, empty database and compare both; no server may run")
    .option("--from <database>", "an address or a SQLite file (default: the file of the state directory)")
    .option("--to <database>", "an address or a SQLite file (default: SIMPLETUNER_DATABASE_URL)")
    .option("--state-dir <folder>", "folder of the database (default: ~/.simpletuner)")
    .addOption(formatOption("-f, --format <format>"))
    .action(async ({ from, to, stateDir, format }: Options) => {
      // Loaded here only, as the server is.
      const { copyOffline } = await import("@simpletuner-cloud/server/copy-database-offline.ts");
      const tables = await copyOffline({
        stateDir: stateFolder(stateDir, io),
        env: io.env,
        cwd: io.cwd,
        from: from ?? null,
        to: to ?? null,
        onStart: (source, target) => printLine(io.err, `Copying ${source} to ${target} …`),
        onTable: (name, rows) => printLine(io.err, `${name}: ${formatCount(rows)} rows written`),
      });
      if (format === "json") return printJson(io.out, { tables });
      printTable(io.out, tables, [
        { title: "TABLE", value: ({ name }) => name },
        { title: "ROWS", value: ({ rows }) => formatCount(rows), alignRight: true },
        { title: "CHECKSUM", value: ({ checksum }) => checksum },
      ]);
      const rows = tables.reduce((sum, table) => sum + table.rows, 0);
      printLine(
        io.out,
        `${formatCount(rows)} rows in ${tables.length} tables were copied; counts and checksums of both sides are equal.`,
      );
      printLine(io.out, "Start the server with the new database, and keep the old one until you are sure.");
    });
}
