/** A repository as it is after its last commit. */
export interface HubRepository {
  private: boolean;
  commits: { oid: string; title: string }[];
  files: Map<string, Buffer>;
  /** Paths of files that lie in the large-file storage. */
  large?: Set<string>;
}

/** Somebody's token beside the account's own. */
export interface HubToken {
  account: string;
  role: "read" | "write" | "fineGrained";
  /** Owners that a fine-grained token may write to. */
  writesTo?: readonly string[];
}

/** An answer that is given instead of the right one. */
export interface HubTrouble {
  /** Of `METHOD /path`. */
  on: RegExp;
  /** `cut`: the connection breaks in the middle of the body; `hang`: nothing is ever answered; `through`: the right answer. */
  answer: "cut" | "hang" | "through" | { status: number; body: string; headers?: Record<string, string> };
  times: number;
}

/** What can be set while the emulator runs. */
export interface HubBehaviour {
  readOnly: boolean;
  /** So many of the next uploads of files are answered with 500. */
  failUploads: number;
  /** What each upload of a file takes. */
  uploadMs: number;
  /** Repositories cannot be deleted. */
  keepsRepositories: boolean;
  /** Files of more bytes go up in parts of so many; null: every file whole. */
  partBytes: number | null;
  /** A commit says that it took this path, and does not. */
  loses: string | null;
  /** Addresses for uploads name this origin instead of the emulator's own. */
  storageOrigin: string | null;
  trouble: HubTrouble[];
}

/** Everything that the emulator holds. */
export interface World {
  token: string;
  account: string;
  /** The account's organisations and its role in them. */
  organisations: Map<string, "admin" | "write" | "read">;
  tokens: Map<string, HubToken>;
  /** Dataset repositories and, apart from them, models. */
  repositories: Map<string, HubRepository>;
  models: Map<string, HubRepository>;
  /** Stored objects by `repository/sha256`, parts by `repository/sha256/number`. */
  blobs: Map<string, Buffer>;
  parts: Map<string, Buffer>;
  /** What calls did that the real Hub would refuse or a client must not do. */
  complaints: string[];
  behaviour: HubBehaviour;
  origin: string;
}

/** An error as the Hub answers it. */
export class HubProblem extends Error {
  readonly status: number;
  readonly headers: Record<string, string>;

  constructor(status: number, message: string, headers: Record<string, string> = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

/** One call as the routes see it. */
export interface HubCall {
  world: World;
  as: HubToken | null;
  body: Buffer;
  query: URLSearchParams;
  /** What the path's parentheses caught. */
  caught: readonly string[];
}

/** The repositories of a kind as it stands in addresses: `models` or `datasets`. */
export function repositoriesOf({ models, repositories }: World, kind: string): Map<string, HubRepository> {
  return kind.startsWith("model") ? models : repositories;
}

/** Throws as the Hub does for one that is not there, or whose reader may not know of it. */
export function repositoryOf({ world, as }: HubCall, kind: string, name: string): HubRepository {
  const found = repositoriesOf(world, kind).get(name);
  if (found && (!found.private || mayRead(world, as, name))) return found;
  if (as === null) throw new HubProblem(401, "Invalid username or password.");
  throw new HubProblem(404, "Repository not found", { "x-error-code": "RepoNotFound" });
}

function mayRead({ account, organisations }: World, as: HubToken | null, name: string): boolean {
  const owner = name.slice(0, name.indexOf("/"));
  return as !== null && (as.account === owner || (as.account === account && organisations.has(owner)));
}

/** Throws for a token that may not write to repositories of an owner. */
export function mustWrite({ world, as }: HubCall, owner: string): void {
  if (world.behaviour.readOnly || as?.role === "read")
    throw new HubProblem(403, "Forbidden: your token has the role read");
  if (as?.role === "fineGrained" && as.writesTo?.includes(owner) !== true)
    throw new HubProblem(403, "Forbidden: you must use a write token");
  const role = world.organisations.get(owner);
  if (as?.account !== owner && (as?.account !== world.account || role === undefined || role === "read"))
    throw new HubProblem(403, `You don't have the rights to create a model under the namespace "${owner}"`);
}
