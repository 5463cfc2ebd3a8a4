import { constants } from "node:fs";
import { access, realpath, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { isAbsolute, join, relative, resolve, sep } from "node:path";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { LocalDataset } from "./dataloader-config.ts";
import { errorCode } from "./file-calls.ts";

/** Where relative and `~/` paths start, and which folders of the server itself never leave it. */
export interface HostFolders {
  /** Folder that relative dataset paths start from; the working directory by default. */
  readonly baseDir?: string;
  /** What `~` stands for, and is itself never packaged; the user's home by default. */
  readonly homeDir?: string;
  /** Folders with the server's database, keys and outputs. */
  readonly privateDirs?: readonly string[];
}

/** System folders of CONTRACT 3.2 (less /root, /tmp and /var, where people do keep datasets) and of other systems. */
const systemFolders = [
  "/etc",
  "/usr",
  "/bin",
  "/sbin",
  "/lib",
  "/lib64",
  "/boot",
  "/dev",
  "/proc",
  "/sys",
  "/run",
  "/private/etc",
  "/System",
  "/Library",
  "C:\\Windows",
  "C:\\Program Files",
];

/** Below /run, but where desktops mount a plugged-in disk. */
const removableDisks = "/run/media";

const credentialFolders = new Set([
  ".git",
  ".ssh",
  ".gnupg",
  ".aws",
  ".azure",
  ".config",
  ".env",
  ".kube",
  ".docker",
  ".gcloud",
  ".password-store",
]);

/**
 * The real absolute folder of a dataset, links resolved. Throws `dataset_missing`, `dataset_not_a_folder`,
 * `dataset_unreadable` or `dataset_refused`.
 */
export async function datasetRoot(dataset: LocalDataset, host: HostFolders = {}): Promise<string> {
  const given = absoluteFolder(dataset.instanceDataDir, host);
  refuse(dataset.id, given, host);
  const details = { dataset_id: dataset.id, path: given };
  const real = await realpath(given).catch((error: unknown) => {
    const code = errorCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") throw fail("dataset_missing", details, error);
    throw fail("dataset_unreadable", { ...details, reason: readProblem(error) }, error);
  });
  // Checked again because a link may point into a folder that the given path does not name.
  refuse(dataset.id, real, { ...host, homeDir: await realpath(homeOf(host)).catch(() => homeOf(host)) });
  if (!(await stat(real)).isDirectory()) throw fail("dataset_not_a_folder", details);
  await access(real, constants.R_OK | constants.X_OK).catch((error: unknown) => {
    throw fail("dataset_unreadable", { ...details, reason: readProblem(error) }, error);
  });
  return real;
}

/** `folder` made absolute: `~/` from the home folder, anything relative from the base folder. */
export function absoluteFolder(folder: string, host: HostFolders): string {
  if (folder === "~") return homeOf(host);
  if (/^~[/\\]/.test(folder)) return join(homeOf(host), folder.slice(2));
  return resolve(host.baseDir ?? process.cwd(), folder);
}

/** True when `path` is `folder` or lies below it; both absolute and normal. */
export function isWithin(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way === "" || (way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}

/** A system error's reason for a sentence: "permission denied" rather than "EACCES". */
export function readProblem(error: unknown): string {
  const code = errorCode(error);
  if (code === "EACCES" || code === "EPERM") return "permission denied";
  if (code === "ENOENT") return "it does not exist";
  if (code === "ELOOP") return "too many links";
  if (code === "EIO") return "the disk reports a read error";
  return code ?? "unknown error";
}

function homeOf(host: HostFolders): string {
  return resolve(host.homeDir ?? homedir());
}

function refuse(datasetId: string, folder: string, host: HostFolders): void {
  const reason = refusal(folder, host);
  if (reason !== undefined) throw fail("dataset_refused", { dataset_id: datasetId, path: folder, reason });
}

function refusal(folder: string, host: HostFolders): string | undefined {
  if (folder === resolve(folder, "..")) return "the whole disk";
  if (isWithin(folder, homeOf(host)))
    return folder === homeOf(host) ? "the home folder" : "it holds the home folder";
  const system = isWithin(removableDisks, folder)
    ? undefined
    : systemFolders.find((name) => isWithin(name, folder));
  if (system !== undefined) return `below ${system}`;
  const secret = folder.split(sep).find((part) => credentialFolders.has(part.toLowerCase()));
  if (secret !== undefined) return `inside ${secret}`;
  const own = host.privateDirs?.some((name) => isWithin(resolve(name), folder)) ?? false;
  return own ? "this server's own data" : undefined;
}
