import { Type, type Static } from "typebox";
import { endpoint } from "./endpoint.ts";
import { Instant, MaybeNumber } from "./instants.ts";

/** Names that programs call parts of the state by. Everything lies in one database, so each means all of it. */
export const databaseNames = ["state", "jobs", "auth", "approvals", "notifications", "webui"] as const;
const DatabaseName = Type.Enum(databaseNames, {
  description: "Everything lies in one database: each name means all of it",
});
const Named = Type.Object({ database: DatabaseName });

/** What the schema was made by. */
export const DatabaseMigrations = Type.Object({
  applied: Type.Array(Type.Object({ name: Type.String(), applied_at: Instant })),
  pending: Type.Array(Type.String(), { description: "Of this release, and not made yet" }),
  unknown: Type.Array(Type.String(), { description: "Made by a newer release" }),
});
/** See the schema. */
export type DatabaseMigrations = Static<typeof DatabaseMigrations>;

/** What reading the database through has shown. */
export const DatabaseVerdict = Type.Object({
  valid: Type.Boolean(),
  problems: Type.Array(Type.String()),
  rows: Type.Record(Type.String(), Type.Integer(), { description: "Rows of each table that could be read" }),
  duration_ms: Type.Integer(),
});
/** See the schema. */
export type DatabaseVerdict = Static<typeof DatabaseVerdict>;

/** Where the database is and how large. */
export const DatabaseStats = Type.Object({
  engine: Type.String({ description: "SQLite, PostgreSQL, MySQL or MariaDB" }),
  version: Type.String(),
  location: Type.String({ description: "A path, or an address without its password" }),
  size_bytes: Type.Integer(),
  size_mb: Type.Number({ description: "Mebibytes, to two places" }),
  reclaimable_bytes: Type.Union([Type.Integer(), Type.Null()], {
    description: "What vacuuming can give back; null where the database does not tell",
  }),
  connections: MaybeNumber,
  job_count: Type.Integer(),
  rows_are_exact: Type.Boolean({ description: "False: rows are the database's own estimates" }),
  tables: Type.Array(Type.Object({ name: Type.String(), rows: Type.Integer(), size_bytes: Type.Integer() })),
});
/** See the schema. */
export type DatabaseStats = Static<typeof DatabaseStats>;

/** Size of the database before and after it was vacuumed. */
export const DatabaseVacuumed = Type.Object({
  before_bytes: Type.Integer(),
  after_bytes: Type.Integer(),
  duration_ms: Type.Integer(),
});
/** See the schema. */
export type DatabaseVacuumed = Static<typeof DatabaseVacuumed>;

const tag = "Database";

/** Endpoints of the database (CONTRACT 1.17). */
export const databaseEndpoints = {
  databaseHealth: endpoint({
    method: "GET",
    path: "/api/database/health",
    access: "admin.database",
    tag,
    summary: "Whether the database answers, how fast, and whether its schema is this release's",
    answer: Type.Object({
      status: Type.Union([Type.Literal("healthy"), Type.Literal("degraded")]),
      engine: Type.String(),
      location: Type.String(),
      latency_ms: Type.Number(),
      pending_migrations: Type.Array(Type.String()),
    }),
    errors: ["database_unavailable", "database_busy", "database_corrupt"],
  }),
  verifyDatabase: endpoint({
    method: "GET",
    path: "/api/database/verify/{database}",
    access: "admin.database",
    tag,
    summary: "Read the database through while everything runs: damage, schema, and what has to agree",
    params: Named,
    answer: DatabaseVerdict,
    errors: ["database_unavailable", "database_busy"],
  }),
  databaseStats: endpoint({
    method: "GET",
    path: "/api/database/stats",
    access: "admin.database",
    tag,
    summary: "Where the database is, how large it is, and its tables",
    answer: DatabaseStats,
    errors: ["database_unavailable", "database_busy", "database_corrupt"],
  }),
  listMigrations: endpoint({
    method: "GET",
    path: "/api/database/migrations",
    access: "admin.database",
    tag,
    summary: "The migrations that made the schema",
    query: Type.Object({ database: Type.Optional(DatabaseName) }),
    answer: DatabaseMigrations,
    errors: ["database_unavailable", "database_busy", "database_corrupt"],
  }),
  runMigrations: endpoint({
    method: "POST",
    path: "/api/database/migrations/run",
    access: "admin.database",
    tag,
    summary: "Make the migrations that the database lacks; a server does so itself at its start",
    query: Type.Object({
      database: Type.Optional(DatabaseName),
      dry_run: Type.Optional(Type.Boolean({ default: false })),
    }),
    answer: Type.Object({ dry_run: Type.Boolean(), migrations: Type.Array(Type.String()) }),
    errors: ["database_unavailable", "database_busy", "database_corrupt"],
  }),
  vacuumDatabase: endpoint({
    method: "POST",
    path: "/api/database/vacuum/{database}",
    access: "admin.database",
    tag,
    summary: "Give unused space back and renew what queries are planned with",
    params: Named,
    answer: DatabaseVacuumed,
    errors: [
      "database_work_running",
      "database_too_large",
      "disk_full",
      "database_unavailable",
      "database_busy",
      "database_corrupt",
    ],
  }),
} as const;
