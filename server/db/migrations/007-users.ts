import type { Kysely } from "kysely";
import type { Database } from "../schema.ts";

/** People, what they may do, how they sign in, and who saved which configuration. */
export async function users(db: Kysely<Database>): Promise<void> {
  await createUsers(db);
  await createRights(db);
  await createCredentials(db);
  await db.schema
    .createTable("login_attempts")
    .addColumn("subject", "varchar(64)", (column) => column.primaryKey())
    .addColumn("failures", "integer", (column) => column.notNull())
    .addColumn("last_failed_at", "bigint", (column) => column.notNull())
    .addColumn("blocked_until", "bigint", (column) => column.notNull())
    .execute();
  await db.schema
    .createTable("config_owners")
    .addColumn("kind", "varchar(20)", (column) => column.notNull())
    .addColumn("name", "varchar(100)", (column) => column.notNull())
    .addColumn("user_id", "varchar(64)", (column) => column.notNull())
    .addPrimaryKeyConstraint("config_owners_pk", ["kind", "name"])
    .execute();
  // Whoever changes who may do what locks this row first, and every process sees by its value that something changed.
  await db.insertInto("counters").values({ name: "access", value: 0 }).execute();
}

async function createUsers(db: Kysely<Database>): Promise<void> {
  await db.schema
    .createTable("users")
    .addColumn("id", "varchar(64)", (column) => column.primaryKey())
    .addColumn("username", "varchar(50)", (column) => column.notNull())
    .addColumn("username_key", "varchar(50)", (column) => column.notNull().unique())
    .addColumn("email", "varchar(254)", (column) => column.notNull())
    .addColumn("email_key", "varchar(254)", (column) => column.notNull().unique())
    .addColumn("display_name", "varchar(100)")
    .addColumn("auth_source", "varchar(64)", (column) => column.notNull())
    .addColumn("password_hash", "varchar(255)")
    .addColumn("is_active", "integer", (column) => column.notNull())
    .addColumn("invite_hash", "varchar(64)")
    .addColumn("invite_expires_at", "bigint")
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("last_login_at", "bigint")
    .execute();
  await db.schema.createIndex("users_by_invite").on("users").column("invite_hash").execute();
}

async function createRights(db: Kysely<Database>): Promise<void> {
  await db.schema
    .createTable("levels")
    .addColumn("id", "varchar(64)", (column) => column.primaryKey())
    .addColumn("name", "varchar(50)", (column) => column.notNull())
    .addColumn("name_key", "varchar(50)", (column) => column.notNull().unique())
    .addColumn("description", "varchar(500)", (column) => column.notNull())
    .addColumn("priority", "integer", (column) => column.notNull())
    .addColumn("grants", "text", (column) => column.notNull())
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .execute();
  await db.schema
    .createTable("user_levels")
    .addColumn("user_id", "varchar(64)", (column) => column.notNull())
    .addColumn("level_id", "varchar(64)", (column) => column.notNull())
    .addPrimaryKeyConstraint("user_levels_pk", ["user_id", "level_id"])
    .execute();
  await db.schema.createIndex("user_levels_by_level").on("user_levels").column("level_id").execute();
  await db.schema
    .createTable("user_overrides")
    .addColumn("user_id", "varchar(64)", (column) => column.notNull())
    .addColumn("permission", "varchar(64)", (column) => column.notNull())
    .addColumn("granted", "integer", (column) => column.notNull())
    .addPrimaryKeyConstraint("user_overrides_pk", ["user_id", "permission"])
    .execute();
}

async function createCredentials(db: Kysely<Database>): Promise<void> {
  await db.schema
    .createTable("sessions")
    .addColumn("id", "varchar(64)", (column) => column.primaryKey())
    .addColumn("token_hash", "varchar(64)", (column) => column.notNull().unique())
    .addColumn("user_id", "varchar(64)", (column) => column.notNull())
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("last_seen_at", "bigint", (column) => column.notNull())
    .addColumn("expires_at", "bigint", (column) => column.notNull())
    .addColumn("ends_at", "bigint", (column) => column.notNull())
    .addColumn("idle_ms", "bigint", (column) => column.notNull())
    .addColumn("address", "varchar(64)", (column) => column.notNull())
    .addColumn("user_agent", "varchar(200)", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("sessions_by_user").on("sessions").column("user_id").execute();
  await db.schema.createIndex("sessions_by_end").on("sessions").column("expires_at").execute();
  await db.schema
    .createTable("api_keys")
    .addColumn("id", "varchar(64)", (column) => column.primaryKey())
    .addColumn("key_hash", "varchar(64)", (column) => column.notNull().unique())
    .addColumn("key_prefix", "varchar(16)", (column) => column.notNull())
    .addColumn("user_id", "varchar(64)", (column) => column.notNull())
    .addColumn("name", "varchar(100)", (column) => column.notNull())
    .addColumn("scopes", "text")
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("last_used_at", "bigint")
    .addColumn("expires_at", "bigint")
    .execute();
  await db.schema.createIndex("api_keys_by_user").on("api_keys").columns(["user_id", "created_at"]).execute();
}
