import { type Command } from "commander";
import { formatOption } from "../command-options.ts";
import { CommandFailure, type Io } from "../io.ts";
import {
  counted,
  formatBytes,
  printJson,
  printLine,
  styled,
  withoutControls,
  type OutputFormat,
} from "../output.ts";
import { stateFolder } from "../server-process.ts";

interface Options {
  stateDir?: string;
  bucket?: string;
  prefix?: string;
  quarantine?: true;
  format: OutputFormat;
}

/** One finding as it is printed; the fields of the JSON output. */
interface Finding {
  kind: "damaged" | "missing" | "stray";
  bucket: string | null;
  key: string | null;
  path: string;
  problem: string;
  quarantined_to: string | null;
}

const styles = { damaged: "red", missing: "red", stray: "yellow" } as const;

/** Adds `storage verify`. */
export function addStorageVerify(parent: Command, io: Io): void {
  parent
    .command("verify")
    .description(
      "read every stored file and compare it with its checksums; changes nothing, the server may run",
    )
    .option("--state-dir <folder>", "folder of the database, jobs and models (default: ~/.simpletuner)")
    .option("--bucket <name>", "only this bucket")
    .option("--prefix <prefix>", "only keys that start with this, such as a job's id; needs --bucket")
    .option("--quarantine", "move damaged files to cloud_outputs/.s3/quarantine, out of their buckets")
    .addOption(formatOption("-f, --format <format>"))
    .action(async ({ format, stateDir: folder, ...options }: Options) => {
      if (options.prefix !== undefined && options.bucket === undefined)
        throw new CommandFailure("--prefix needs --bucket: say which bucket's keys you mean.");
      const stateDir = stateFolder(folder, io);
      const findings: Finding[] = [];
      const onFinding = ({
        quarantinedTo,
        ...rest
      }: Omit<Finding, "quarantined_to"> & { quarantinedTo: string | null }): void => {
        const finding = { ...rest, quarantined_to: quarantinedTo };
        if (format === "json") findings.push(finding);
        else printFinding(io, finding);
      };
      // Loaded here only, as the server is.
      const { verifyOutputs } = await import("@simpletuner-cloud/server/verify-storage.ts");
      const verdict = await verifyOutputs({ ...options, stateDir, onFinding });
      if (verdict === null)
        throw new CommandFailure(`There is no storage in ${stateDir}. Name the folder with --state-dir.`);
      const { objects, sizeBytes, unchecked, damaged, missing, stray } = verdict;
      const isSound = damaged + missing === 0;
      if (format === "json") {
        const counts = { objects, size_bytes: sizeBytes, unchecked, damaged, missing, stray };
        printJson(io.out, { ok: isSound, ...counts, findings });
      } else {
        const without = unchecked === 0 ? "" : `, ${unchecked} without a checksum`;
        const others = stray === 0 ? "" : `, ${counted(stray, "stray file")}`;
        printLine(
          io.out,
          `${counted(objects, "object")} read (${formatBytes(sizeBytes)})${without}${others}.`,
        );
      }
      if (!isSound) throw new CommandFailure(`${damaged} damaged and ${missing} missing.`);
    });
}

function printFinding(io: Io, { kind, bucket, key, path, problem, quarantined_to: moved }: Finding): void {
  const name = key === null ? path : `${bucket ?? ""}/${key}`;
  const mark = styled(io.out, styles[kind], kind.padEnd(8));
  printLine(io.out, `${mark} ${withoutControls(name)}: ${withoutControls(problem)}`);
  if (moved !== null) printLine(io.out, `${" ".repeat(9)}moved to ${withoutControls(moved)}`);
}
