import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { type ErrorCode, type ErrorDetails, fail } from "@simpletuner-cloud/contract/errors.ts";
import type { DatabaseServerAddress } from "../../config/database.ts";
import { packageRoot } from "../../config/package-files.ts";
import type { SqliteContent } from "../sqlite-copy.ts";
import type { DatabaseStats } from "./database-stats.ts";
import type { MigrationState } from "./migration-state.ts";
import type { Vacuumed } from "./vacuum-database.ts";
import type { DatabaseVerdict } from "./verify-database.ts";

/** What is done with a database file in a thread of its own, because it blocks for long, and what comes of it. */
interface SqliteTasks {
  /** Reads a file through that is not in use; see `inspectSqlite`. */
  inspect: SqliteContent;
  verify: DatabaseVerdict;
  migrations: MigrationState;
  stats: DatabaseStats;
  vacuum: Vacuumed;
}

/** A name of {@link SqliteTasks}. */
export type SqliteTaskName = keyof SqliteTasks;

/** A database of a server, and what its certificate is verified with. */
export interface ServerPlace {
  readonly address: DatabaseServerAddress;
  /** PEM of authorities to trust beside the known ones. */
  readonly caBundle: string | null;
}

/** What the thread is asked: a task with a file, or to copy a server's database into one. */
export type ThreadQuestion =
  | { readonly task: SqliteTaskName; readonly path: string }
  | { readonly task: "copy"; readonly path: string; readonly from: ServerPlace };

/** What the thread answers: errors do not keep their kind between threads. */
export type ThreadAnswer =
  | { readonly answer: unknown }
  | { readonly failure: { readonly code: ErrorCode; readonly details: ErrorDetails } }
  | { readonly error: string };

/** Does a task with a SQLite file without holding up this thread. Throws what the task throws. */
export async function sqliteAside<Task extends SqliteTaskName>(
  task: Task,
  path: string,
): Promise<SqliteTasks[Task]> {
  return (await asked({ task, path })) as SqliteTasks[Task];
}

/**
 * Copies the database of a server while it is in use into a SQLite file that does not exist, without holding up this
 * thread or who writes: the copy is the state at one moment, compared by counts and checksums. When this fails, what is
 * there is no database.
 */
export async function copyServerAside(from: ServerPlace, path: string): Promise<void> {
  await asked({ task: "copy", path, from });
}

async function asked(question: ThreadQuestion): Promise<unknown> {
  const worker = new Worker(threadFile(), { workerData: question });
  const answer = await new Promise<ThreadAnswer>((resolve, reject) => {
    worker.once("message", resolve).once("error", reject);
  });
  if ("failure" in answer) throw fail(answer.failure.code, answer.failure.details);
  if ("error" in answer) throw new Error(answer.error);
  return answer.answer;
}

/** In the sources, or beside the bundles of a built product. */
function threadFile(): string {
  const source = fileURLToPath(new URL("../sqlite-thread.ts", import.meta.url));
  return existsSync(source) ? source : join(packageRoot(), "dist", "sqlite-thread.js");
}
