import { Failure, fail, type ErrorCode } from "@simpletuner-cloud/contract/errors.ts";

/** What is wrong with a database, told without its address. */
interface Trouble {
  code: Extract<ErrorCode, "database_unavailable" | "database_busy" | "disk_full" | "database_corrupt">;
  reason: string;
}

const unavailable = (reason: string): Trouble => ({ code: "database_unavailable", reason });
const busy = (reason: string): Trouble => ({ code: "database_busy", reason });
const full: Trouble = { code: "disk_full", reason: "" };
const corrupt: Trouble = { code: "database_corrupt", reason: "" };

const cut = unavailable("the connection was lost");
const tooMany = unavailable(
  "it takes no more connections; lower SIMPLETUNER_DATABASE_POOL_SIZE or raise its limit",
);
const refused = unavailable("it refuses this server's user or password");
const noDatabase = unavailable("it has no such database, or this server's user may not use it");
const readOnly = unavailable("it only reads, as a standby does; name the one that writes");

/** What Node says when a server cannot be reached. */
const networkTroubles: Readonly<Record<string, Trouble>> = {
  ECONNREFUSED: unavailable("nothing listens there"),
  ENOENT: unavailable("its socket is not there"),
  ENOTFOUND: unavailable("its name is not known"),
  EAI_AGAIN: unavailable("its name cannot be looked up now"),
  ETIMEDOUT: unavailable("it does not answer in time"),
  EHOSTUNREACH: unavailable("there is no way to it"),
  ENETUNREACH: unavailable("there is no way to it"),
  ECONNRESET: cut,
  EPIPE: cut,
};

/** SQLSTATEs of PostgreSQL (appendix A of its manual), whole or their first two characters. */
const postgresTroubles: Readonly<Record<string, Trouble>> = {
  "08": cut,
  "57P01": unavailable("it is shutting down"),
  "57P02": unavailable("it crashed"),
  "57P03": unavailable("it is starting or stopping"),
  "53300": tooMany,
  "28P01": refused,
  "28000": refused,
  "3D000": noDatabase,
  "25006": readOnly,
  "55P03": busy("another one holds what this needs"),
  "57014": busy("it took too long and was given up"),
  "53100": full,
  XX001: corrupt,
  XX002: corrupt,
};

/** Errors of MySQL and MariaDB by their numbers, which do not differ between the two. */
const mysqlTroubles: Readonly<Record<number, Trouble>> = {
  1021: full,
  1034: corrupt,
  1035: corrupt,
  1040: tooMany,
  1044: noDatabase,
  1045: refused,
  1049: noDatabase,
  1053: unavailable("it is shutting down"),
  1114: full,
  1159: cut,
  1161: cut,
  1194: corrupt,
  1203: tooMany,
  1205: busy("another one holds what this needs"),
  1226: tooMany,
  1290: readOnly,
  1712: corrupt,
  1836: readOnly,
  1877: corrupt,
  1927: unavailable("it ended the connection"),
  1969: busy("it took too long and was given up"),
  3024: busy("it took too long and was given up"),
};

/** Words of drivers that give no code. */
const wordedTroubles: readonly [RegExp, Trouble][] = [
  [
    /timeout exceeded when trying to connect|Query read timeout|inactivity timeout/i,
    unavailable("it does not answer in time"),
  ],
  [/Connection terminated|closed state|not queryable|connection error/i, cut],
  [/certificate|self[- ]signed|SSL|TLS/i, unavailable("its certificate is not trusted, or it speaks no TLS")],
];

/** The {@link Failure} that an error of a database server comes to; the error itself when it says nothing of its health. */
export function troubleOf(error: unknown, database: string): unknown {
  const trouble = error instanceof Failure ? null : found(error);
  if (trouble === null) return error;
  const { code, reason } = trouble;
  if (code === "disk_full") return fail(code, { path: `the database (${database})`, free: "0 bytes" }, error);
  if (code === "database_corrupt")
    return fail(code, { path: `(${database})`, problem: (error as Error).message }, error);
  return fail(code, { reason }, error);
}

/** True for what passes by itself: the database does not answer, or has no time. */
export function passes(error: unknown): boolean {
  return (
    error instanceof Failure && (error.code === "database_unavailable" || error.code === "database_busy")
  );
}

function found(thrown: unknown): Trouble | null {
  const { code, errno, message, errors } = thrown as {
    code?: unknown;
    errno?: unknown;
    message?: unknown;
    errors?: unknown[];
  };
  // Several addresses of one name were tried.
  if (Array.isArray(errors) && errors.length > 0) return found(errors[0]);
  if (typeof errno === "number" && mysqlTroubles[errno]) return mysqlTroubles[errno];
  if (typeof code === "string") {
    if (code === "PROTOCOL_CONNECTION_LOST") return cut;
    if (code === "PROTOCOL_SEQUENCE_TIMEOUT") return unavailable("it does not answer in time");
    if (code === "HANDSHAKE_NO_SSL_SUPPORT") return unavailable("it speaks no TLS");
    const known = networkTroubles[code] ?? postgresTroubles[code] ?? postgresTroubles[code.slice(0, 2)];
    if (known) return known;
    if (/^[0-9A-Z]{5}$/.test(code) || code.startsWith("ER_")) return null;
  }
  const words = typeof message === "string" ? message : "";
  return wordedTroubles.find(([pattern]) => pattern.test(words))?.[1] ?? null;
}
