import { Failure, fail } from "@simpletuner-cloud/contract/errors.ts";

/** A folder of the server, for a sentence to a person who may change where it is. */
export interface NamedFolder {
  path: string;
  /** The variable that says where it is. */
  setting: string;
}

/** What is wrong with a folder by the code of the call that failed there, as the end of a sentence. */
const problems: Readonly<Record<string, string>> = {
  EEXIST: "a file stands in its way",
  ENOTDIR: "a file stands in its way",
  ELOOP: "links on the way to it lead in a circle",
  EACCES: "the server's user has no right to",
  EPERM: "the server's user has no right to",
  EROFS: "its file system is read-only",
  ENAMETOOLONG: "its path is too long",
  EIO: "its disk, or the network drive, fails",
  ESTALE: "the network drive it lies on is gone",
  ENOTCONN: "the network drive it lies on is gone",
  EMFILE: "the server has too many files open",
};

/** What a call in a folder says of it; null for what is no matter of the folder, or of its disk being full. */
export function folderProblem(error: unknown): string | null {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  return error instanceof Failure ? null : (problems[String(code)] ?? null);
}

/**
 * What to throw for an error of work in a folder: `folder_unusable` or `disk_full` where the folder or its disk is why, else
 * the error itself.
 */
export function folderTrouble(error: unknown, { path, setting }: NamedFolder): unknown {
  const problem = folderProblem(error);
  if (problem !== null) return fail("folder_unusable", { path, problem, setting }, error);
  const code = error instanceof Failure ? null : (error as NodeJS.ErrnoException | null)?.code;
  const isFull = code === "ENOSPC" || code === "EDQUOT";
  return isFull ? fail("disk_full", { path, free: "0 bytes" }, error) : error;
}

/** Codes that say of any folder of the server that it cannot be worked in, whatever was done there. */
const ofAny = new Set(["EACCES", "EPERM", "EROFS", "EIO", "ESTALE", "ENOTCONN"]);
const fileCalls = /^(open|mkdir|mkdtemp|rename|unlink|rmdir|rm|link|write|fsync|ftruncate|copyfile|scandir)$/;

/**
 * The same for an error of which nothing is known but that it came up while a request was answered; null for what is no
 * matter of a folder. Names no path, since anybody may have asked.
 */
export function unknownFolderTrouble(error: unknown): Failure | null {
  const { code = "", syscall = "" } = (error ?? {}) as NodeJS.ErrnoException;
  if (code === "ENOSPC") return fail("disk_full", { path: "the server's data", free: "0 bytes" }, error);
  if (!ofAny.has(code) || !fileCalls.test(syscall)) return null;
  const problem = folderProblem(error) ?? code;
  return fail(
    "folder_unusable",
    { path: "of the server's data", problem, setting: "SIMPLETUNER_STATE_DIR" },
    error,
  );
}
