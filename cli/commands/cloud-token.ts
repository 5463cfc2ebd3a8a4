import type { Command } from "commander";
import type { AccountCheck } from "@simpletuner-cloud/contract/provider-account.ts";
import { serverOf } from "../command-options.ts";
import { CommandFailure, type Io, usageExitCode } from "../io.ts";
import { printLine, withoutControls } from "../output.ts";
import { secretFor } from "../secret-input.ts";

interface Options {
  provider: string;
  token?: string;
  tokenFile?: string;
}

/** Adds `cloud config set-token` and `delete-token`. */
export function addCloudToken(config: Command, io: Io): void {
  config
    .command("set-token")
    .description("store the account's token on the server and check it; asks for it, or reads it from a file")
    .option("-p, --provider <id>", "the provider", "replicate")
    .option("-t, --token <token>", "the token; other users of this machine can see it while it runs")
    .option("--token-file <file>", 'file whose first line is the token, "-" for the input')
    .action(async (options: Options, command: Command) => {
      onlyReplicate(options.provider);
      const said = { value: options.token, file: options.tokenFile, fileOption: "--token-file" };
      const api_token = await secretFor(said, io, "token", "Token from replicate.com/account/api-tokens");
      const answer = await serverOf(command, io).call("PUT /api/cloud/providers/replicate/token", {
        body: { api_token },
      });
      printLine(io.out, `Stored in ${withoutControls(answer.file_path)}. ${accountLine(answer)}`);
      if (answer.overridden_by !== null)
        printLine(
          io.err,
          `It is not used: the ${answer.overridden_by} has another REPLICATE_API_TOKEN, which comes first.`,
        );
      if (answer.valid === false) throw new CommandFailure("The token is stored, but it does not work.");
    });
  config
    .command("delete-token")
    .description("remove the stored token from the server")
    .option("-p, --provider <id>", "the provider", "replicate")
    .action(async (options: Options, command: Command) => {
      onlyReplicate(options.provider);
      const { still_in } = await serverOf(command, io).call("DELETE /api/cloud/providers/replicate/token");
      printLine(
        io.out,
        still_in === null
          ? "Removed."
          : `Removed from the file; the ${still_in} still has one, which is used.`,
      );
    });
}

function onlyReplicate(provider: string): void {
  if (provider !== "replicate")
    throw new CommandFailure(
      `--provider: "${provider}" needs no token. Those that do: replicate.`,
      usageExitCode,
    );
}

/** One line about whose token it is. */
export function accountLine({ valid, user_info, error }: AccountCheck): string {
  if (user_info)
    return `Account ${withoutControls(user_info.username)}, token from the ${user_info.token_source}.`;
  return withoutControls(error ?? (valid === null ? "Nobody could tell whose token it is." : ""));
}
