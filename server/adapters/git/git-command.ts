import { execFile } from "node:child_process";
import { fail } from "@simpletuner-cloud/contract/errors.ts";

/** Longest that a command on this machine may take, and one that talks to another. */
const localMs = 20_000;
const remoteMs = 120_000;
const mostOutputBytes = 16 << 20;

/** What holds for every call: nothing that a repository carries is run, nothing asks at a terminal. */
const settings = [
  ["core.hooksPath", "/dev/null"],
  ["core.fsmonitor", "false"],
  ["commit.gpgSign", "false"],
  ["core.quotePath", "false"],
  // `ext::` and other helpers would run a program named in an address.
  ["protocol.allow", "never"],
  ["protocol.https.allow", "always"],
  ["protocol.ssh.allow", "always"],
  ["protocol.file.allow", "always"],
].flatMap(([name, value]) => ["-c", `${name}=${value}`]);

/** git ended with an error; the message is its own first words. */
export class GitError extends Error {
  readonly code: number | null;

  constructor(message: string, code: number | null) {
    super(message);
    this.name = "GitError";
    this.code = code;
  }
}

/** Runs git in a folder and answers its output; throws {@link GitError}, and `git_unavailable` where there is no git. */
export function gitCommand(folder: string, env: NodeJS.ProcessEnv) {
  // A GIT_DIR of the server's own surroundings would have it work elsewhere.
  const clean = Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("GIT_")));
  return (args: readonly string[], { remote = false } = {}): Promise<string> =>
    new Promise((resolve, reject) => {
      execFile(
        "git",
        ["-C", folder, ...settings, ...args],
        {
          env: { ...clean, GIT_TERMINAL_PROMPT: "0", GIT_SSH_COMMAND: "ssh -oBatchMode=yes", LC_ALL: "C" },
          timeout: remote ? remoteMs : localMs,
          maxBuffer: mostOutputBytes,
          encoding: "utf8",
        },
        (error, output, complaint) => {
          if (!error) return resolve(output);
          if (error.code === "ENOENT") return reject(fail("git_unavailable"));
          reject(new GitError(reasonOf(complaint, error.killed), Number(error.code) || null));
        },
      );
    });
}

/** See {@link gitCommand}. */
export type GitCommand = ReturnType<typeof gitCommand>;

/** The first line that tells something; passwords in addresses are blotted out. */
function reasonOf(complaint: string, killed: boolean | undefined): string {
  if (killed) return "it took too long and was ended";
  const line =
    complaint.split("\n").find((each) => /^(fatal|error):/.test(each)) ?? complaint.split("\n")[0] ?? "";
  return line
    .replace(/^(fatal|error):\s*/, "")
    .replaceAll(/\/\/[^/@\s]+@/g, "//***@")
    .slice(0, 300);
}
