import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { type ErrorCode, type ErrorDetails, fail } from "@simpletuner-cloud/contract/errors.ts";
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

/** What the thread is asked. */
export interface ThreadQuestion {
  readonly task: SqliteTaskName;
  readonly path: string;
}

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
  const worker = new Worker(threadFile(), { workerData: { task, path } satisfies ThreadQuestion });
  const answer = await new Promise<ThreadAnswer>((resolve, reject) => {
    worker.once("message", resolve).once("error", reject);
  });
  if ("failure" in answer) throw fail(answer.failure.code, answer.failure.details);
  if ("error" in answer) throw new Error(answer.error);
  return answer.answer as SqliteTasks[Task];
}

/** In the sources, or beside the bundles of a built product. */
function threadFile(): string {
  const source = fileURLToPath(new URL("../sqlite-thread.ts", import.meta.url));
  return existsSync(source) ? source : join(packageRoot(), "dist", "sqlite-thread.js");
}
