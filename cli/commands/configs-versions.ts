import type { Command } from "commander";
import type { ConfigRepository } from "@simpletuner-cloud/contract/config-versions.ts";
import { formatOption, serverOf, wholeNumber } from "../command-options.ts";
import { CommandFailure, type Io } from "../io.ts";
import { counted, formatTime, printJson, printLine, printTable, type OutputFormat } from "../output.ts";

/** Adds `configs versions …`: the states of the configurations that git keeps. */
export function addConfigsVersions(parent: Command, io: Io): void {
  const versions = parent.command("versions").description("versions of the configurations, kept with git");
  addStatus(versions, io);
  addInit(versions, io);
  addSnapshot(versions, io);
  addList(versions, io);
  addDiff(versions, io);
  addRestore(versions, io);
}

function addStatus(parent: Command, io: Io): void {
  parent
    .command("status")
    .description("the branch and what is not committed")
    .addOption(formatOption("-f, --format <format>"))
    .action(async (options: { format: OutputFormat }, command: Command) => {
      const repository = await serverOf(command, io).call("GET /api/git/status");
      if (options.format === "json") return printJson(io.out, repository);
      for (const line of statusLines(repository)) printLine(io.out, line);
    });
}

function statusLines(repository: ConfigRepository): string[] {
  if (!repository.git_available) return ["git is not installed on the server, so no versions are kept."];
  if (!repository.repo_present) return ["No versions are kept. Start with: configs versions init"];
  return [
    `${repository.config_dir} on ${repository.branch ?? "no branch"}`,
    repository.dirty_count === 0
      ? "Everything is committed."
      : `${counted(repository.dirty_count, "file")} not committed:`,
    ...repository.dirty_paths.map((path) => `  ${path}`),
    `Submitting a job ${repository.snapshot_on_submit ? "commits" : "does not commit"} what is not committed.`,
  ];
}

function addInit(parent: Command, io: Io): void {
  parent
    .command("init")
    .description("start keeping versions")
    .action(async (_options: object, command: Command) => {
      const repository = await serverOf(command, io).call("POST /api/git/init", { body: {} });
      printLine(io.out, `Versions of ${repository.config_dir} are kept from now on.`);
    });
}

function addSnapshot(parent: Command, io: Io): void {
  parent
    .command("commit")
    .description("commit what is not committed")
    .option("-m, --message <text>", "what changed")
    .option("--push", "push it to the remote, too")
    .action(async (options: { message?: string; push?: boolean }, command: Command) => {
      const taken = await serverOf(command, io).call("POST /api/git/snapshot", {
        body: {
          ...(options.message !== undefined && { message: options.message }),
          push: options.push ?? false,
        },
      });
      printLine(
        io.out,
        taken.committed ? `Committed as ${taken.commit?.slice(0, 8)}.` : "There was nothing to commit.",
      );
    });
}

function addList(parent: Command, io: Io): void {
  parent
    .command("list")
    .description("commits, newest first")
    .argument("[name]", "only those of this configuration")
    .option("-l, --limit <n>", "how many", wholeNumber(1, 200), 20)
    .addOption(formatOption("-f, --format <format>"))
    .action(
      async (
        name: string | undefined,
        options: { limit: number; format: OutputFormat },
        command: Command,
      ) => {
        const { commits } = await serverOf(command, io).call("GET /api/git/history", {
          query: { limit: options.limit, ...(name !== undefined && { name }) },
        });
        if (options.format === "json") return printJson(io.out, commits);
        if (commits.length === 0) return printLine(io.out, "Nothing was committed yet.");
        printTable(io.out, commits, [
          { title: "COMMIT", value: (commit) => commit.abbrev },
          { title: "WHEN", value: (commit) => formatTime(commit.at) },
          { title: "WHO", value: (commit) => commit.author },
          { title: "CHANGE", value: (commit) => commit.message },
        ]);
      },
    );
}

function addDiff(parent: Command, io: Io): void {
  parent
    .command("diff")
    .description("what a commit changed; without one, what is not committed")
    .argument("[commit]", "a commit, whole or shortened")
    .option("--name <name>", "only this configuration")
    .action(async (commit: string | undefined, options: { name?: string }, command: Command) => {
      const { patch, truncated } = await serverOf(command, io).call("GET /api/git/diff", {
        query: {
          ...(commit !== undefined && { commit }),
          ...(options.name !== undefined && { name: options.name }),
        },
      });
      io.out.write(patch);
      if (truncated) printLine(io.err, "The rest is not shown: it is very long.");
    });
}

function addRestore(parent: Command, io: Io): void {
  parent
    .command("restore")
    .description("bring a configuration back as it was at a commit")
    .argument("<name>", "name of the configuration")
    .argument("<commit>", "a commit, whole or shortened")
    .option("--force", "replace what is not committed, too")
    .action(async (name: string, commit: string, options: { force?: boolean }, command: Command) => {
      const server = serverOf(command, io);
      const { dirty_paths } = await server.call("GET /api/git/status");
      if (options.force !== true && dirty_paths.some((path) => path.startsWith(`${name}/`)))
        throw new CommandFailure(
          `"${name}" has changes that are not committed. Commit them with \`configs versions commit\`, or add --force to lose them.`,
        );
      await server.call("POST /api/git/revert", { body: { name, commit } });
      printLine(io.out, `${name} is as it was at ${commit}.`);
    });
}
