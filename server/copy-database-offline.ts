import { existsSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { readConfig } from "./config.ts";
import { type DatabaseAddress, databaseAddress, shownAddress } from "./config/database.ts";
import { statePaths } from "./config/state-paths.ts";
import { StartError } from "./config/values.ts";
import { type CopiedTable, copyDatabase } from "./db/care/copy-database.ts";
import { refuseInUse } from "./db/care/in-use.ts";
import type { JobDatabase } from "./db/job-database.ts";
import { connectPatiently } from "./db/open-database.ts";
import { lockState } from "./state-lock.ts";

/** What is copied where, as a person says it. */
export interface CopyWish {
  stateDir: string;
  env: NodeJS.ProcessEnv;
  /** Folder that relative paths start from. */
  cwd: string;
  /** An address or a file; null: the SQLite file of the state directory. */
  from: string | null;
  /** An address or a file; null: SIMPLETUNER_DATABASE_URL. */
  to: string | null;
  /** Told of both sides before anything is done, without passwords. */
  onStart: (from: string, to: string) => void;
  onTable: (name: string, rows: number) => void;
}

/**
 * Copies the state of a server that does not run from one database to another, empty one and compares both. Throws
 * {@link StartError} with one sentence when it cannot, and then the target is empty or not used by any server.
 */
export async function copyOffline(wish: CopyWish): Promise<CopiedTable[]> {
  const { database, outbound } = readConfig(wish.env);
  const from = placeOf(wish.from, "--from", wish) ?? {
    kind: "sqlite",
    path: statePaths(wish.stateDir).database,
  };
  const to = placeOf(wish.to, "--to", wish) ?? database;
  if (to === null) throw new StartError("Say where to copy to, with --to or with SIMPLETUNER_DATABASE_URL.");
  if (keyOf(from) === keyOf(to)) throw new StartError("Both sides are the same database. Name another one.");
  if (from.kind === "sqlite" && !existsSync(from.path))
    throw new StartError(`There is no database ${from.path}. Name it with --from.`);
  wish.onStart(shownAddress(from), shownAddress(to));
  const unlocks = [from, to].flatMap(lockOf);
  const opened: JobDatabase[] = [];
  const open = async (address: DatabaseAddress): Promise<JobDatabase> => {
    const db = await connectPatiently(address, outbound);
    opened.push(db);
    return db;
  };
  try {
    const source = await open(from);
    await refuseInUse(source, source.engine.kind);
    return await copyDatabase({ source, target: await open(to), now: Date.now, onTable: wish.onTable });
  } finally {
    for (const db of opened) await db.destroy();
    for (const unlock of unlocks) unlock();
  }
}

function placeOf(text: string | null, option: string, { env, cwd }: CopyWish): DatabaseAddress | null {
  if (text === null) return null;
  const address = databaseAddress(text, option, env);
  return address.kind === "sqlite" ? { ...address, path: resolve(cwd, address.path) } : address;
}

function keyOf(address: DatabaseAddress): string {
  const { protocol, host, pathname } = new URL(
    address.kind === "sqlite" ? `file://${encodeURI(address.path)}` : address.url,
  );
  return `${protocol}//${host}${pathname}`;
}

/** Keeps servers away from a file that lies where theirs does. */
function lockOf(address: DatabaseAddress): (() => void)[] {
  if (address.kind !== "sqlite") return [];
  const stateDir = join(dirname(address.path), "..", "..");
  const isOfState = statePaths(stateDir).database === address.path && basename(stateDir) !== "";
  return isOfState ? [lockState(statePaths(stateDir).lock)] : [];
}
