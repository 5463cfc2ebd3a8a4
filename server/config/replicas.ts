import type { DatabaseServerAddress } from "./database.ts";
import type { StateBackendConfig } from "./state-backend.ts";
import { integerOf, oneOf, StartError } from "./values.ts";

/** How this server shares its work with others. */
export interface ReplicaConfig {
  /** SIMPLETUNER_REPLICAS: true when several servers run on the same database, state backend and state directory. */
  areMany: boolean;
  /** SIMPLETUNER_DRAIN_SECONDS: so long a server that is told to stop is not ready, and answers all the same; default 0. */
  drainMs: number;
  /** SIMPLETUNER_STOP_GRACE_SECONDS: so long answers that are under way may take after that; default 5. */
  stopGraceMs: number;
}

/** Reads {@link ReplicaConfig}; throws {@link StartError} where what replicas share is kept for one server alone. */
export function replicasOf(
  env: NodeJS.ProcessEnv,
  database: DatabaseServerAddress | null,
  state: StateBackendConfig,
): ReplicaConfig {
  const areMany = oneOf(env, "SIMPLETUNER_REPLICAS", ["true", "false"], "false") === "true";
  if (areMany && database === null)
    throw new StartError(
      "SIMPLETUNER_REPLICAS: several servers need a database that they can share. Set SIMPLETUNER_DATABASE_URL to a PostgreSQL, MySQL or MariaDB.",
    );
  if (areMany && (state.kind === "memory" || state.kind === "sqlite"))
    throw new StartError(
      "SIMPLETUNER_REPLICAS: several servers need a state backend that they can share. Set STATE_BACKEND to redis, postgresql or mysql, and STATE_BACKEND_URL.",
    );
  return {
    areMany,
    drainMs: integerOf(env, "SIMPLETUNER_DRAIN_SECONDS", 0, 0, 3_600) * 1_000,
    stopGraceMs: integerOf(env, "SIMPLETUNER_STOP_GRACE_SECONDS", 5, 0, 86_400) * 1_000,
  };
}
