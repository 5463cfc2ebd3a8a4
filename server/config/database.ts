import { readFileSync } from "node:fs";
import { integerOf, StartError } from "./values.ts";

/** A database, wherever it is: a file of this machine, or one of a server. */
export type DatabaseAddress = { readonly kind: "sqlite"; readonly path: string } | DatabaseServerAddress;

/** A database of a PostgreSQL, or of a MySQL or MariaDB. */
export interface DatabaseServerAddress {
  readonly kind: "postgres" | "mysql";
  /** Holds the password; what people see is {@link shownAddress}. Says nothing of TLS. */
  readonly url: string;
  /** Null: in plain text. */
  readonly tls: DatabaseTls | null;
  /** Connections at most. */
  readonly poolSize: number;
}

/** How the connection is encrypted. The server's certificate is always verified. */
export interface DatabaseTls {
  /** PEM of the only authorities to trust; null: those that Node knows. */
  readonly ca: string | null;
  /** PEM of this client's own certificate and key. */
  readonly cert: string | null;
  readonly key: string | null;
  /** False: any name will do in a certificate of a trusted authority. */
  readonly checksName: boolean;
}

const poolVariable = "SIMPLETUNER_DATABASE_POOL_SIZE";
const urlVariable = "SIMPLETUNER_DATABASE_URL";

/** Reads SIMPLETUNER_DATABASE_URL; null: the SQLite file of the state directory. */
export function databaseOf(env: NodeJS.ProcessEnv): DatabaseServerAddress | null {
  const poolSize = poolSizeOf(env);
  const text = env[urlVariable];
  if (!text) return null;
  const address = serverAddress(text, urlVariable, poolSize);
  if (address === null)
    throw new StartError(
      `${urlVariable}: this is not an address that begins with postgres://, mysql:// or mariadb://. Without it the SQLite file of the state directory is used.`,
    );
  return address;
}

/** A database as a person names it: the address of one on a server, `sqlite:<path>`, or the path of a SQLite file. */
export function databaseAddress(text: string, name: string, env: NodeJS.ProcessEnv): DatabaseAddress {
  const address = serverAddress(text, name, poolSizeOf(env));
  if (address !== null) return address;
  const path = text.replace(/^sqlite:(\/\/(?=\/))?/, "");
  if (path === "" || /^\w[\w+.-]+:\/\//.test(path))
    throw new StartError(
      `${name}: name the file of a SQLite database, or an address that begins with postgres://, mysql:// or mariadb://.`,
    );
  return { kind: "sqlite", path };
}

/** An address without its password. */
export function shownAddress(address: DatabaseAddress): string {
  if (address.kind === "sqlite") return address.path;
  const url = new URL(address.url);
  url.password = "";
  url.search = "";
  return url.href;
}

function poolSizeOf(env: NodeJS.ProcessEnv): number {
  return integerOf(env, poolVariable, 10, 1, 200);
}

const kinds: Readonly<Record<string, DatabaseServerAddress["kind"]>> = {
  "postgres:": "postgres",
  "postgresql:": "postgres",
  "mysql:": "mysql",
  "mariadb:": "mysql",
};

/** Null for what is no address of a server. The address is not repeated in an error: it may hold a password. */
function serverAddress(text: string, name: string, poolSize: number): DatabaseServerAddress | null {
  const scheme = /^(\w+:)\/\//.exec(text)?.[1] ?? "";
  const kind = kinds[scheme];
  if (kind === undefined) return null;
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || url.pathname.length < 2)
    throw new StartError(
      `${name}: this is no address of the form ${scheme}//user:password@host/database; in a password write / as %2F, @ as %40, : as %3A, # as %23.`,
    );
  const tls = tlsOf(url, kind, name);
  return { kind, url: url.href.replace(/^mariadb:/, "mysql:"), tls, poolSize };
}

/** Names of the parameters that tell of TLS, each in its database's own tradition. */
const parameters = {
  postgres: { mode: "sslmode", ca: "sslrootcert", cert: "sslcert", key: "sslkey" },
  mysql: { mode: "ssl-mode", ca: "ssl-ca", cert: "ssl-cert", key: "ssl-key" },
} as const;

/** What each mode comes to: plain text, a trusted authority, or a trusted authority and the right name. */
const modes: Readonly<Record<string, "plain" | "authority" | "name">> = {
  "": "plain",
  disable: "plain",
  disabled: "plain",
  allow: "plain",
  prefer: "plain",
  preferred: "plain",
  "verify-ca": "authority",
  verify_ca: "authority",
  require: "name",
  required: "name",
  "verify-full": "name",
  verify_identity: "name",
};

/** Takes what it says of TLS out of the address. */
function tlsOf(url: URL, kind: "postgres" | "mysql", name: string): DatabaseTls | null {
  const taken = (parameter: string): string | null => {
    const value = url.searchParams.get(parameter);
    url.searchParams.delete(parameter);
    return value || null;
  };
  const names = parameters[kind];
  const word = taken(names.mode) ?? "";
  const mode = modes[word.toLowerCase()];
  if (mode === undefined)
    throw new StartError(
      `${name}: ${names.mode}=${word} is not one of ${kind === "postgres" ? "disable, require, verify-ca, verify-full" : "DISABLED, REQUIRED, VERIFY_CA, VERIFY_IDENTITY"}.`,
    );
  const [ca, cert, key] = [names.ca, names.cert, names.key].map((parameter) => {
    const path = taken(parameter);
    return path === null ? null : pemOf(path, `${name}: ${parameter}`);
  }) as [string | null, string | null, string | null];
  return mode === "plain" ? null : { ca, cert, key, checksName: mode === "name" };
}

function pemOf(path: string, what: string): string {
  try {
    const text = readFileSync(path, "utf8");
    if (text.includes("-----BEGIN ")) return text;
  } catch (error) {
    throw new StartError(`${what}=${path} cannot be read (${(error as NodeJS.ErrnoException).code}).`, {
      cause: error,
    });
  }
  throw new StartError(`${what}=${path} is no file in PEM form.`);
}
