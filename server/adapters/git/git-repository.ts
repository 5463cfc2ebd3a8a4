import { appendFile, mkdir, readFile, realpath } from "node:fs/promises";
import { dirname, isAbsolute, resolve } from "node:path";
import { Failure, fail } from "@simpletuner-cloud/contract/errors.ts";
import { gitCommand, type GitCommand, GitError } from "./git-command.ts";

/** Where a repository stands. */
export interface RepositoryState {
  /** Null: HEAD is not on a branch. */
  branch: string | null;
  /** Null before the first commit. */
  commit: string | null;
  remote: string | null;
  ahead: number;
  behind: number;
  /** Paths below the folder that are not committed as they are now. */
  dirtyPaths: string[];
  userName: string | null;
  userEmail: string | null;
}

/** One commit. */
export interface Commit {
  commit: string;
  message: string;
  author: string;
  atMs: number;
}

/** The server's own files in the folder; what a person tracks all the same is theirs to judge. */
const neverVersioned = ["/cloud/*", "!/cloud/dataloaders/", "/.deleted-*/", "*.new"];
const everything = ["."];

/**
 * The git repository that a folder is. A folder that only lies inside somebody else's repository is none: its changes
 * would be committed there unasked. Errors of git become `git_refused` with git's own reason.
 */
export function gitRepository(folder: string, env: NodeJS.ProcessEnv, inTurn: InTurn) {
  const git = told(gitCommand(folder, env));
  const isRepository = async (): Promise<boolean> => {
    const top = await git(["rev-parse", "--show-toplevel"]).catch((error: unknown) => {
      if (error instanceof Failure && error.code === "git_refused") return null;
      throw error;
    });
    if (top === null || (await realpath(top.trim())) !== (await realpath(folder))) return false;
    await keepServerFilesOut(git, folder);
    return true;
  };
  return {
    isRepository,
    ...standing(git),
    ...versions(git),
    ...inTurns(writes(git, folder), inTurn),
    ...inTurns(remotes(git), inTurn),
  };
}

/** Runs what writes one after the other: two commits at once would fight for git's index lock. */
export type InTurn = <Result>(work: () => Promise<Result>) => Promise<Result>;

function inTurns<Calls extends Record<string, (...args: never[]) => Promise<unknown>>>(
  calls: Calls,
  inTurn: InTurn,
): Calls {
  const entries = Object.entries(calls).map(([name, call]) => [
    name,
    (...args: never[]) => inTurn(() => call(...args)),
  ]);
  return Object.fromEntries(entries) as Calls;
}

/** See {@link gitRepository}. */
export type GitRepository = ReturnType<typeof gitRepository>;

/** Throws `git_refused` instead of git's own error. */
function told(git: GitCommand): GitCommand {
  return (args, options) =>
    git(args, options).catch((error: unknown) => {
      throw error instanceof GitError ? fail("git_refused", { reason: error.message }, error) : error;
    });
}

/** The output, or null where git has none to give. */
async function orNull(output: Promise<string>): Promise<string | null> {
  return output.then(
    (text) => text.trim() || null,
    (error: unknown) => {
      if (error instanceof Failure && error.code === "git_refused") return null;
      throw error;
    },
  );
}

function standing(git: GitCommand) {
  return {
    async state(): Promise<RepositoryState> {
      const status = await git([
        "status",
        "--porcelain=v2",
        "--branch",
        "-z",
        "--untracked-files=all",
        "--no-renames",
        "--",
        ...everything,
      ]);
      const entries = status.split("\0").filter((entry) => entry !== "");
      const header = (name: string): string | null =>
        entries.find((entry) => entry.startsWith(`# ${name} `))?.slice(name.length + 3) ?? null;
      const branch = header("branch.head");
      const commit = header("branch.oid");
      const [, ahead, behind] = /\+(\d+) -(\d+)/.exec(header("branch.ab") ?? "") ?? [];
      return {
        branch: branch === "(detached)" ? null : branch,
        commit: commit === "(initial)" ? null : commit,
        remote: await orNull(git(["remote", "get-url", "origin"])).then((url) => url && withoutPassword(url)),
        ahead: Number(ahead ?? 0),
        behind: Number(behind ?? 0),
        dirtyPaths: entries.filter((entry) => /^[12u?] /.test(entry)).map(pathOf),
        userName: await orNull(git(["config", "user.name"])),
        userEmail: await orNull(git(["config", "user.email"])),
      };
    },
  };
}

function versions(git: GitCommand) {
  return {
    /** Commits that touch the path, newest first. */
    async history(path: string | null, skip: number, limit: number): Promise<Commit[]> {
      const output = await orNull(
        git([
          "log",
          `--skip=${skip}`,
          `--max-count=${limit}`,
          "--format=%H%x1f%an%x1f%ct%x1f%s%x1e",
          "--",
          ...(path === null ? everything : [literal(path)]),
        ]),
      );
      return (output ?? "")
        .split("\x1e")
        .map((line) => line.trim())
        .filter((line) => line !== "")
        .map((line) => {
          const [commit = "", name = "", seconds = "0", message = ""] = line.split("\x1f");
          return { commit, author: name, message, atMs: Number(seconds) * 1_000 };
        });
    },
    /** What a commit changed, or what is changed and not committed, as a patch. */
    async diff(commit: string | null, path: string | null): Promise<string> {
      const paths = path === null ? everything : [literal(path)];
      if (commit !== null)
        return git(["show", "--format=", "--no-ext-diff", "--no-textconv", commit, "--", ...paths]);
      return git(["diff", "HEAD", "--no-ext-diff", "--no-textconv", "--", ...paths]);
    },
    /** A file as it was at a commit; null when it was not there. */
    fileAt: (commit: string, path: string) => orNull(git(["cat-file", "blob", `${commit}:./${path}`])),
    /** The full name of a commit; throws `git_refused` for one that is not there. */
    async fullName(commit: string): Promise<string> {
      return (await git(["rev-parse", "--verify", "--end-of-options", `${commit}^{commit}`])).trim();
    },
  };
}

function writes(git: GitCommand, folder: string) {
  const commitAll = async (message: string) => {
    await git(["add", "--all", "--", ...everything]);
    const staged = await git(["diff", "--cached", "--name-only", "--", ...everything]);
    const committed = staged !== "";
    if (committed)
      await git([
        ...(await authorOptions(git)),
        "commit",
        "--quiet",
        "--message",
        message,
        "--",
        ...everything,
      ]);
    return { commit: await orNull(git(["rev-parse", "--verify", "HEAD"])), committed };
  };
  return {
    /** Makes the folder a repository; the server's own files stay out of it. */
    async init(branch: string): Promise<void> {
      await mkdir(folder, { recursive: true });
      await git(["init", "--quiet", `--initial-branch=${branch}`]);
      await keepServerFilesOut(git, folder);
    },
    /** Commits everything in the folder that changed, unless nothing did; answers the commit that holds it now. */
    commitAll,
    async setIdentity(name: string, email: string): Promise<void> {
      await git(["config", "--local", "user.name", name]);
      await git(["config", "--local", "user.email", email]);
    },
    /** Goes to a branch; what is not committed comes along, or git refuses. */
    async switchTo(branch: string, create: boolean): Promise<void> {
      await git(["switch", "--quiet", ...(create ? ["--create"] : []), branch]);
    },
  };
}

function remotes(git: GitCommand) {
  return {
    /** Sets or, with null, removes `origin`. */
    async setRemote(url: string | null): Promise<void> {
      const known = (await git(["remote"])).split("\n").includes("origin");
      if (url === null) return known ? void (await git(["remote", "remove", "origin"])) : undefined;
      if (!/^(https:\/\/|ssh:\/\/|[\w.-]+@[\w.-]+:)\S+$/.test(url) && !isAbsolute(url))
        throw fail("validation_error", {
          field: "remote",
          problem: "write an https or ssh address, or an absolute path of this machine.",
        });
      await git(known ? ["remote", "set-url", "origin", url] : ["remote", "add", "origin", url]);
    },
    async push(branch: string): Promise<void> {
      await git(["push", "--quiet", "--set-upstream", "origin", `refs/heads/${branch}`], { remote: true });
    },
    /** Only forward: what both sides changed is for a person to merge. */
    async pull(branch: string): Promise<void> {
      await git(["pull", "--quiet", "--ff-only", "origin", branch], { remote: true });
    },
  };
}

/** The path of a line of `status --porcelain=v2`. */
function pathOf(entry: string): string {
  if (entry.startsWith("? ")) return entry.slice(2);
  return entry
    .split(" ")
    .slice(entry.startsWith("u ") ? 10 : 8)
    .join(" ");
}

function literal(path: string): string {
  return `:(literal)${path}`;
}

/** Who commits where nobody is named: a snapshot is not lost for want of a name. */
async function authorOptions(git: GitCommand): Promise<string[]> {
  const known = await git(["config", "user.email"]).catch(() => "");
  if (known.trim() !== "") return [];
  return ["-c", "user.name=SimpleTuner Cloud", "-c", "user.email=simpletuner-cloud@localhost"];
}

function withoutPassword(url: string): string {
  return url.replace(/\/\/[^/@]+@/, "//");
}

/** Also in a repository that a person made; in a file of this repository alone, not in one that is committed. */
async function keepServerFilesOut(git: GitCommand, folder: string): Promise<void> {
  const exclude = resolve(folder, (await git(["rev-parse", "--git-path", "info/exclude"])).trim());
  const present = await readFile(exclude, "utf8").catch(() => "");
  const missing = neverVersioned.filter((line) => !present.split("\n").includes(line));
  if (missing.length === 0) return;
  await mkdir(dirname(exclude), { recursive: true });
  await appendFile(exclude, `${missing.join("\n")}\n`);
}
