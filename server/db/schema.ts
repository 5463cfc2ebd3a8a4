import type { Generated } from "kysely";
import type { AccountTables } from "./account-tables.ts";
import type { AuditTables } from "./audit-tables.ts";

/**
 * The database as the code sees it. Instants are epoch milliseconds, JSON is text, money is integer
 * micro-dollars. Columns exist for what is filtered, sorted, guarded or summed; the rest of a record is JSON.
 */
export interface Database extends AccountTables, AuditTables {
  jobs: JobsTable;
  job_counts: JobCountsTable;
  job_snapshots: JobSnapshotsTable;
  job_events: JobEventsTable;
  job_logs: JobLogsTable;
  job_metrics: JobMetricsTable;
  counters: CountersTable;
  idempotency_keys: IdempotencyKeysTable;
  upload_tokens: UploadTokensTable;
  storage_keys: StorageKeysTable;
  settings: SettingsTable;
  external_runs: ExternalRunsTable;
  job_charges: JobChargesTable;
  cost_days: CostDaysTable;
  spend_limits: SpendLimitsTable;
  provider_settings: ProviderSettingsTable;
  destinations: DestinationsTable;
  deliveries: DeliveriesTable;
  key_holders: KeyHoldersTable;
  servers: ServersTable;
  schema_migrations: { name: string; applied_at: number };
}

/** One row a job. `wire` is the contract's Job as JSON text, ready to be answered; `private` never leaves. */
export interface JobsTable {
  id: string;
  user_id: string;
  job_type: string;
  provider: string;
  status: string;
  created_at: number;
  started_at: number | null;
  completed_at: number | null;
  cost_micros: number | null;
  /** Lower-case name, config name and id, for the list's text search. */
  search_text: string;
  /** Grows with every write; a write that expects another version is refused. */
  version: number;
  wire: string;
  private: string;
}

/**
 * Exact numbers of jobs by every filter the list offers, kept in the transaction of each change. All but `jobs` only
 * grow, so that they go on when jobs are deleted; the cost may be corrected down.
 */
export interface JobCountsTable {
  user_id: string;
  job_type: string;
  provider: string;
  status: string;
  jobs: number;
  /** Jobs that came into being in this state, and that ended in it. */
  made: Generated<number>;
  ended: Generated<number>;
  /** Of those that ended, the ones that had started, and how long these took together. */
  timed: Generated<number>;
  duration_ms: Generated<number>;
  /** What jobs cost while they were in this state. */
  cost_micros: Generated<number>;
}

/** The frozen inputs of a job; secret values inside are sealed. */
export interface JobSnapshotsTable {
  job_id: string;
  config: string;
  dataloader: string;
  plan: string;
}

/** The event log: append only, numbered in commit order. */
export interface JobEventsTable {
  id: number;
  job_id: string | null;
  user_id: string | null;
  type: string;
  at: number;
  data: string;
  /** Who caused it and from where, as JSON; null when the server did by itself. Only the audit shows it. */
  origin: string | null;
}

/** Log text in pieces of whole lines. */
export interface JobLogsTable {
  job_id: string;
  first_line: number;
  line_count: number;
  at: number;
  text: string;
}

/** Measured values. */
export interface JobMetricsTable {
  job_id: string;
  key: string;
  step: number;
  value: number;
}

/** Named counters; the row's lock makes numbers appear in commit order on every database. */
export interface CountersTable {
  name: string;
  value: number;
}

/** Which job a key of a user made. */
export interface IdempotencyKeysTable {
  user_id: string;
  idempotency_key: string;
  request_hash: string;
  job_id: string;
  expires_at: number;
}

/** Storage credentials of a job; the secret is sealed because signatures need it back. */
export interface UploadTokensTable {
  access_key_id: string;
  job_id: string;
  sealed_secret: string;
  created_at: number;
}

/** Access keys of people for the storage endpoint; the secret is sealed because signatures need it back. */
export interface StorageKeysTable {
  access_key_id: string;
  user_id: string;
  name: string;
  access: string;
  sealed_secret: string;
  created_at: number;
  last_used_at: number | null;
  expires_at: number | null;
}

/** Server settings by name, as JSON. */
export interface SettingsTable {
  name: string;
  value: string;
  updated_at: Generated<number>;
}

/** Runs at providers by their own ids. */
export interface ExternalRunsTable {
  provider: string;
  external_id: string;
  job_id: string;
}

/** What one job costs: one row a job that has a price, kept when the job is deleted, because the money is spent. */
export interface JobChargesTable {
  job_id: string;
  user_id: string;
  provider: string;
  hardware: string;
  rate_micros_per_hour: number;
  /** What it will probably cost; null when nobody can tell. */
  estimate_micros: number | null;
  /** `waiting` before its first start, `reserved` while a run is being handed over, `running`, `final`. */
  state: string;
  /** The run that is counted, or was last. */
  run_token: string | null;
  from_at: number | null;
  /** The wall clock when it was counted last; the two `seen` columns are the machine's own clock at that moment. */
  until_at: number | null;
  /** Milliseconds of all runs, and of the current one among them. */
  counted_ms: number;
  run_ms: number;
  micros: number;
  /** The larger of the estimate and what is held; 0 when final. */
  planned_micros: number;
  /** Spent and reserved under a hard limit; 0 when nothing is reserved. */
  held_micros: number;
  seen_uptime_ms: number;
  seen_boot_id: string;
}

/** What a job cost on one UTC day; all days of a job together are its cost. */
export interface CostDaysTable {
  job_id: string;
  day: string;
  user_id: string;
  provider: string;
  hardware: string;
  micros: number;
}

/** Limits on spending; the empty provider means all together. */
export interface SpendLimitsTable {
  provider: string;
  amount_micros: number;
  period: string;
  action: string;
  slice_ms: number;
  updated_at: number;
  updated_by: string;
}

/** What an administrator has set for a provider; `value` is JSON, secrets inside are sealed. */
export interface ProviderSettingsTable {
  provider: string;
  value: string;
  /** Grows with every write. */
  version: number;
  updated_at: number;
  updated_by: string;
}

/** Places that results go to. `settings` is the contract's, as JSON; the one secret a place may have is sealed. */
export interface DestinationsTable {
  id: string;
  name: string;
  is_default: number;
  settings: string;
  sealed_secret: string | null;
  created_at: number;
  updated_at: number;
}

/** One row for a job's results and a place. `wire` is the contract's Delivery as JSON text. */
export interface DeliveriesTable {
  id: string;
  job_id: string;
  /** `trainer:…` for what the trainer publishes itself. */
  destination_id: string;
  status: string;
  due_at: number | null;
  lease: string | null;
  lease_until: number | null;
  /** Grows with every write; a write that expects another version is refused. */
  version: number;
  wire: string;
  memory: string;
}

/** Servers that use the database. `seen_at` is by the database's clock; `is_shared` is 1 for one of several. */
export interface ServersTable {
  server_id: string;
  run_id: string;
  is_shared: number;
  place: string;
  seen_at: number;
}

/** A server of the database and the keys it holds. */
export interface KeyHoldersTable {
  server_id: string;
  /** Machine and state directory, for a person. */
  place: string;
  /** Ids of keys with commas between them, the one that should seal first. */
  key_ids: string;
  seals_with: string;
  seen_at: number;
}
