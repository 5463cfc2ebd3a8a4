import type { Database } from "./schema.ts";

/** A column that holds sealed text. */
export interface SealedColumn {
  readonly table: keyof Database & string;
  /** The primary key, one column of text. */
  readonly key: string;
  readonly column: string;
  /** `whole`: the value itself; `json`: strings somewhere in a JSON text. */
  readonly holds: "whole" | "json";
}

/**
 * Everything that is sealed at rest; a new key moves what is listed here, and a test looks for what is not. No file holds
 * sealed text: a backup is a copy of the database under the key of its day, and its manifest names that key.
 */
export const sealedColumns: readonly SealedColumn[] = [
  { table: "job_snapshots", key: "job_id", column: "config", holds: "json" },
  { table: "job_snapshots", key: "job_id", column: "dataloader", holds: "json" },
  { table: "upload_tokens", key: "access_key_id", column: "sealed_secret", holds: "whole" },
  { table: "storage_keys", key: "access_key_id", column: "sealed_secret", holds: "whole" },
  { table: "provider_settings", key: "provider", column: "value", holds: "json" },
  { table: "destinations", key: "id", column: "sealed_secret", holds: "whole" },
  { table: "audit_exports", key: "name", column: "sealed_token", holds: "whole" },
];
