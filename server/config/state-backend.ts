import { integerOf, oneOf, StartError } from "./values.ts";

/** Where the state is kept that all replicas share (CONTRACT 5.2). */
export interface StateBackendConfig {
  /** STATE_BACKEND: memory, sqlite, redis, postgresql, mysql; default sqlite. */
  kind: "memory" | "sqlite" | "redis" | "postgres" | "mysql";
  /** STATE_BACKEND_URL without what it says of TLS; empty for memory and sqlite. */
  url: string;
  /** True for `rediss://`, for `sslmode=require` or stricter at PostgreSQL, and for the same `ssl-mode` at MySQL. */
  tls: boolean;
  /** STATE_BACKEND_POOL_SIZE: connections at most, default 10. */
  poolSize: number;
  /** STATE_BACKEND_TIMEOUT in seconds, default 30: so long one question may take. */
  timeoutMs: number;
  /** STATE_BACKEND_KEY_PREFIX, default `st:`. */
  keyPrefix: string;
}

const schemes = {
  redis: ["redis:", "rediss:"],
  postgres: ["postgres:", "postgresql:"],
  mysql: ["mysql:", "mariadb:"],
} as const;

const kinds = ["memory", "sqlite", "redis", "postgresql", "postgres", "mysql", "mariadb"] as const;

/** Reads {@link StateBackendConfig}. The address is not repeated in an error: it may hold a password. */
export function stateBackendOf(env: NodeJS.ProcessEnv): StateBackendConfig {
  const named = oneOf(env, "STATE_BACKEND", kinds, "sqlite");
  const kind = named === "postgresql" ? "postgres" : named === "mariadb" ? "mysql" : named;
  const keyPrefix = env["STATE_BACKEND_KEY_PREFIX"] ?? "st:";
  if (!/^[\w:.-]{0,32}$/.test(keyPrefix))
    throw new StartError(
      "STATE_BACKEND_KEY_PREFIX: use at most 32 of letters, digits, '_', ':', '.' and '-'.",
    );
  return {
    kind,
    ...(kind === "memory" || kind === "sqlite"
      ? { url: "", tls: false }
      : addressOf(env["STATE_BACKEND_URL"], kind)),
    poolSize: integerOf(env, "STATE_BACKEND_POOL_SIZE", 10, 1, 200),
    timeoutMs: secondsOf(env["STATE_BACKEND_TIMEOUT"]) * 1_000,
    keyPrefix,
  };
}

/** What leaves a connection in plain text, in the words of either database. */
const plainModes = new Set(["", "disable", "disabled", "allow", "prefer", "preferred"]);

function addressOf(text: string | undefined, kind: keyof typeof schemes): { url: string; tls: boolean } {
  const allowed: readonly string[] = schemes[kind];
  if (!text)
    throw new StartError(
      `STATE_BACKEND_URL: name where it is, for example ${allowed[0]}//user:password@host/0.`,
    );
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url || !allowed.includes(url.protocol))
    throw new StartError(`STATE_BACKEND_URL: this is not an address that begins with ${allowed[0]}//.`);
  const mode = kind === "postgres" ? "sslmode" : "ssl-mode";
  const tls = url.protocol === "rediss:" || !plainModes.has((url.searchParams.get(mode) ?? "").toLowerCase());
  url.searchParams.delete(mode);
  return { url: url.href.replace(/^mariadb:/, "mysql:"), tls };
}

/** Seconds, with fractions as in `30.0`. */
function secondsOf(text: string | undefined): number {
  const seconds = Number(text || "30");
  if (!(seconds >= 0.1 && seconds <= 3_600))
    throw new StartError(`STATE_BACKEND_TIMEOUT: "${text}" is not a number of seconds from 0.1 to 3600.`);
  return seconds;
}
