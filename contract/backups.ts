import { Type, type Static } from "typebox";
import { endpoint } from "./endpoint.ts";
import { Instant, MaybeInstant, MaybeString } from "./instants.ts";

/** What a backup can hold: the database, the configurations, and a list of all stored outputs (not the outputs). */
export const backupComponents = ["database", "configs", "outputs"] as const;
/** One of {@link backupComponents}. */
export type BackupComponent = (typeof backupComponents)[number];
const Component = Type.Enum(backupComponents);

/** The file `manifest.json` of a backup: what it holds and how to tell that it is whole. */
export const BackupManifest = Type.Object({
  format: Type.Literal(1),
  id: Type.String(),
  name: MaybeString,
  description: MaybeString,
  created_at: Instant,
  created_by: Type.String({
    description:
      "A user's id, `schedule`, or `restore`: what a restore replaced on a database server; its description is the backup restored",
  }),
  version: Type.String({ description: "The release that wrote it" }),
  components: Type.Array(Component),
  files: Type.Array(Type.Object({ path: Type.String(), size_bytes: Type.Integer(), sha256: Type.String() })),
  migrations: Type.Array(Type.String(), { description: "The database's schema" }),
  rows: Type.Record(Type.String(), Type.Integer(), { description: "Rows of each table" }),
  outputs: Type.Object({ objects: Type.Integer(), size_bytes: Type.Integer() }),
  key_fingerprint: Type.String({
    description: "Tells, without holding it, which key opens the sealed secrets in the database",
  }),
});
/** See the schema. */
export type BackupManifest = Static<typeof BackupManifest>;

/** A backup as lists show it. */
export const BackupInfo = Type.Object({
  id: Type.String({ description: "YYYYmmdd_HHMMSS in UTC, with the name behind it" }),
  name: MaybeString,
  description: MaybeString,
  created_at: Instant,
  created_by: Type.String(),
  size_bytes: Type.Integer(),
  components: Type.Array(Component),
  path: Type.String(),
  /** Where else a copy lies. */
  copied_to: MaybeString,
});
/** See the schema. */
export type BackupInfo = Static<typeof BackupInfo>;

/** When backups are made by themselves, and how long those stay; backups made by hand are never removed. */
export const BackupSchedule = Type.Object(
  {
    every_hours: Type.Union([Type.Integer({ minimum: 1, maximum: 720 }), Type.Null()], {
      description: "Null: never",
    }),
    keep_days: Type.Integer({ minimum: 1, maximum: 3_650 }),
  },
  { additionalProperties: false },
);
/** See the schema. */
export type BackupSchedule = Static<typeof BackupSchedule>;

const tag = "Backup";
const Id = Type.Object({ backup_id: Type.String({ pattern: "^\\d{8}_\\d{6}(_[A-Za-z0-9-]{1,40})?$" }) });
const ScheduleState = Type.Object({
  ...BackupSchedule.properties,
  last_at: MaybeInstant,
  next_at: MaybeInstant,
  last_error: MaybeString,
});

/** Endpoints of backups (CONTRACT 1.17). */
export const backupEndpoints = {
  listBackups: endpoint({
    method: "GET",
    path: "/api/backup",
    access: "admin.backup",
    tag,
    summary: "Backups, newest first",
    query: Type.Object({ limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, default: 100 })) }),
    answer: Type.Object({
      backups: Type.Array(BackupInfo),
      total: Type.Integer(),
      total_size_bytes: Type.Integer(),
      backup_dir: Type.String(),
      copies_to: MaybeString,
      /** A restore that the next start applies. */
      pending_restore: MaybeString,
    }),
    errors: ["folder_unusable"],
  }),
  createBackup: endpoint({
    method: "POST",
    path: "/api/backup",
    access: "admin.backup",
    tag,
    status: 201,
    summary: "Make a backup while everything runs",
    body: Type.Object(
      {
        name: Type.Optional(Type.String({ pattern: "^[A-Za-z0-9-]{1,40}$" })),
        description: Type.Optional(Type.String({ maxLength: 500 })),
        components: Type.Optional(Type.Array(Component, { minItems: 1, uniqueItems: true })),
      },
      { additionalProperties: false },
    ),
    answer: Type.Object({ success: Type.Literal(true), backup_id: Type.String(), backup: BackupInfo }),
    errors: ["backup_running", "backup_failed", "disk_full"],
  }),
  getSchedule: endpoint({
    method: "GET",
    path: "/api/backup/schedule",
    access: "admin.backup",
    tag,
    summary: "When backups are made by themselves",
    answer: ScheduleState,
    errors: [],
  }),
  putSchedule: endpoint({
    method: "PUT",
    path: "/api/backup/schedule",
    access: "admin.backup",
    tag,
    summary: "Change when backups are made by themselves",
    body: BackupSchedule,
    answer: ScheduleState,
    errors: [],
  }),
  cancelRestore: endpoint({
    method: "DELETE",
    path: "/api/backup/restore",
    access: "admin.backup",
    tag,
    summary: "Give up a restore that the next start would apply",
    answer: Type.Object({ success: Type.Literal(true) }),
    errors: [],
  }),
  getBackup: endpoint({
    method: "GET",
    path: "/api/backup/{backup_id}",
    access: "admin.backup",
    tag,
    summary: "One backup with its manifest",
    params: Id,
    answer: Type.Object({ backup: BackupInfo, manifest: BackupManifest }),
    errors: ["backup_not_found", "backup_damaged"],
  }),
  verifyBackup: endpoint({
    method: "POST",
    path: "/api/backup/{backup_id}/verify",
    access: "admin.backup",
    tag,
    summary: "Read a backup through: checksums, database integrity, row counts",
    params: Id,
    answer: Type.Object({
      valid: Type.Boolean(),
      problems: Type.Array(Type.String()),
      outputs_missing: Type.Integer({ description: "Outputs on its list that are not stored any more" }),
    }),
    errors: ["backup_not_found", "backup_damaged", "folder_unusable", "disk_full"],
  }),
  restoreBackup: endpoint({
    method: "POST",
    path: "/api/backup/{backup_id}/restore",
    access: "admin.backup",
    tag,
    summary: "Check a backup and have the next start put it in place; what it replaces is kept",
    params: Id,
    body: Type.Object(
      {
        components: Type.Optional(Type.Array(Component, { minItems: 1, uniqueItems: true })),
        dry_run: Type.Optional(Type.Boolean()),
      },
      { additionalProperties: false },
    ),
    answer: Type.Object({
      success: Type.Literal(true),
      restored_components: Type.Array(Component),
      dry_run: Type.Boolean(),
      restart_required: Type.Boolean(),
      warnings: Type.Array(Type.String()),
    }),
    errors: ["backup_not_found", "backup_damaged", "backup_newer", "folder_unusable", "disk_full"],
  }),
  deleteBackup: endpoint({
    method: "DELETE",
    path: "/api/backup/{backup_id}",
    access: "admin.backup",
    tag,
    summary: "Delete a backup here and its copy",
    params: Id,
    answer: Type.Object({ success: Type.Literal(true), backup_id: Type.String() }),
    errors: ["backup_not_found"],
  }),
} as const;
