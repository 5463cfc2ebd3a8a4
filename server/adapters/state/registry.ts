import { rootCertificates } from "node:tls";
import type { StateBackendConfig } from "../../config/state-backend.ts";
import { StartError } from "../../config/values.ts";
import { memoryState } from "./memory/memory-state.ts";
import { sqliteState, type SqliteStateOptions } from "./sqlite/sqlite-state.ts";
import type { StateStore } from "./state.ts";

/** What {@link openState} needs beside the configuration. */
export interface OpenStateOptions extends StateBackendConfig {
  /** File of the SQLite state. */
  path: string;
  /** PEM of authorities to trust beside the known ones. */
  caBundle: string | null;
  now: () => number;
  /** Told of a lost connection, and of a damaged file that was replaced. */
  onError: (error: unknown) => void;
}

/** Longest wait for another process's write to the state file: the whole process waits. */
const longestLockWaitMs = 5_000;

/** Opens the state that is configured. A server on the network is not asked yet: this server starts without it, too. */
export async function openState(options: OpenStateOptions): Promise<StateStore> {
  const { kind, timeoutMs, onError, tls, caBundle } = options;
  const ca = tls ? [...rootCertificates, ...(caBundle === null ? [] : [caBundle])] : null;
  const remote = { ...options, ca };
  switch (kind) {
    case "memory":
      return memoryState(options.now);
    case "sqlite":
      return stateFile({
        ...options,
        lockWaitMs: Math.min(timeoutMs, longestLockWaitMs),
        onReplaced: onError,
      });
    // Most servers never need a driver.
    case "redis":
      return (await import("./redis/redis-state.ts")).redisState(remote);
    case "postgres":
      return (await import("./postgres/postgres-state.ts")).postgresState(remote);
    case "mysql":
      return (await import("./mysql/mysql-state.ts")).mysqlState(remote);
  }
}

function stateFile(options: SqliteStateOptions): StateStore {
  try {
    return sqliteState(options);
  } catch (error) {
    throw new StartError(
      `The state file ${options.path} cannot be opened (${(error as Error).message}). Free some space or give this user write permission to its folder, and stop other programs that use it.`,
      { cause: error },
    );
  }
}
