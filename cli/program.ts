import { Command, CommanderError } from "commander";
import { addBackup } from "./commands/backup.ts";
import { addBackupRestore } from "./commands/backup-restore.ts";
import { addAudit } from "./commands/audit.ts";
import { addAuth } from "./commands/auth.ts";
import { addCloud } from "./commands/cloud.ts";
import { addConfigsImport } from "./commands/configs-import.ts";
import { addConfigsList } from "./commands/configs-list.ts";
import { addConfigsShow } from "./commands/configs-show.ts";
import { addConfigsValidate } from "./commands/configs-validate.ts";
import { addConfigsVersions } from "./commands/configs-versions.ts";
import { addCostLimit } from "./commands/cost-limit.ts";
import { addCostSummary } from "./commands/cost-summary.ts";
import { addDatabase } from "./commands/database.ts";
import { addDatabaseCopy } from "./commands/database-copy.ts";
import { addDemo } from "./commands/demo.ts";
import { addDestinations } from "./commands/destinations.ts";
import { addDoctor } from "./commands/doctor.ts";
import { addJobsArtifacts } from "./commands/jobs-artifacts.ts";
import { addJobsCancel } from "./commands/jobs-cancel.ts";
import { addJobsImportHistory } from "./commands/jobs-import-history.ts";
import { addJobsPurge } from "./commands/jobs-purge.ts";
import { addJobsDelete } from "./commands/jobs-delete.ts";
import { addJobsDeliver, addJobsDeliveries } from "./commands/jobs-deliver.ts";
import { addJobsDiff } from "./commands/jobs-diff.ts";
import { addJobsDownload } from "./commands/jobs-download.ts";
import { addJobsFollow } from "./commands/jobs-follow.ts";
import { addJobsGet } from "./commands/jobs-get.ts";
import { addJobsList } from "./commands/jobs-list.ts";
import { addJobsLogs } from "./commands/jobs-logs.ts";
import { addJobsRetry } from "./commands/jobs-retry.ts";
import { addJobsSubmit } from "./commands/jobs-submit.ts";
import { addMetrics } from "./commands/metrics.ts";
import { addSecrets } from "./commands/secrets.ts";
import { addServer } from "./commands/server.ts";
import { addStatus } from "./commands/status.ts";
import { addRateLimits } from "./commands/rate-limits.ts";
import { addStorageKeys } from "./commands/storage-keys.ts";
import { addStorageVerify } from "./commands/storage-verify.ts";
import { CommandFailure, interruptedExitCode, usageExitCode, type Io } from "./io.ts";
import { printLine, styled } from "./output.ts";
import { productVersion } from "./package-root.ts";
import { sentenceOf } from "./server-address.ts";

/** Commands after those that jobs are about. */
const topics = [
  addDestinations,
  addCloud,
  addSecrets,
  addAuth,
  addAudit,
  addRateLimits,
  addMetrics,
  addStatus,
  addDoctor,
];

/** Everything about jobs. */
function addJobs(program: Command, io: Io): void {
  const jobs = program.command("jobs").description("submit, list and follow jobs");
  for (const add of [
    addJobsSubmit,
    addJobsList,
    addJobsGet,
    addJobsFollow,
    addJobsLogs,
    addJobsArtifacts,
    addJobsDownload,
    addJobsDeliveries,
    addJobsDeliver,
    addJobsCancel,
    addJobsRetry,
    addJobsDelete,
    addJobsPurge,
    addJobsImportHistory,
    addJobsDiff,
  ]) {
    add(jobs, io);
  }
}

/** The whole command line. */
function cliProgram(io: Io): Command {
  const program = new Command("simpletuner-cloud")
    .description("Trains image models: plans, asks consent, queues, runs, follows and brings the model home.")
    .version(productVersion(), "-V, --version", "print the version")
    .option("--server <url>", "address of the server (default: http://127.0.0.1:8001)")
    .helpCommand(false)
    .showHelpAfterError("(add --help for the options)")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.out.write(text),
      writeErr: (text) => io.err.write(text),
      getOutHelpWidth: io.out.columns,
      getErrHelpWidth: io.err.columns,
      getOutHasColors: () => io.out.hasColors,
      getErrHasColors: () => io.err.hasColors,
    });
  addServer(program, io);
  addDemo(program, io);
  addJobs(program, io);
  const configs = program.command("configs").description("saved configurations");
  for (const add of [
    addConfigsList,
    addConfigsShow,
    addConfigsValidate,
    addConfigsImport,
    addConfigsVersions,
  ])
    add(configs, io);
  const cost = program.command("cost").description("what jobs cost, and the limits on it");
  for (const add of [addCostSummary, addCostLimit]) add(cost, io);
  const storage = program.command("storage").description("the storage endpoint for outputs");
  for (const add of [addStorageKeys, addStorageVerify]) add(storage, io);
  addBackupRestore(addBackup(program, io), io);
  addDatabaseCopy(addDatabase(program, io), io);
  for (const add of topics) add(program, io);
  return program;
}

/**
 * Runs one command line (without the program's name) and answers its exit code: 0 done, 1 failed with a sentence
 * on `io.err`, 2 not understood, 128 + n ended by signal n.
 */
export async function runCli(args: readonly string[], io: Io): Promise<number> {
  try {
    await cliProgram(io).parseAsync(args, { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : usageExitCode;
    if (io.interrupted.aborted && !(error instanceof CommandFailure)) {
      return interruptedExitCode(io.interrupted);
    }
    printLine(io.err, styled(io.err, "red", sentenceOf(error)));
    return error instanceof CommandFailure ? error.exitCode : 1;
  }
}
