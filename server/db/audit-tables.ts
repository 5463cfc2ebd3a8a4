/** Tables of the audit. */
export interface AuditTables {
  audit_entries: AuditEntriesTable;
  audit_chain: AuditChainTable;
  audit_exports: AuditExportsTable;
}

/** The chain of entries; `id` counts from 1 without gaps. */
export interface AuditEntriesTable {
  id: number;
  event_id: number;
  at: number;
  type: string;
  actor_id: string | null;
  actor_name: string | null;
  address: string | null;
  target_type: string | null;
  target_id: string | null;
  target_name: string | null;
  data: string;
  /** Which key made the hash. */
  key_id: string;
  hash: string;
}

/** Where the chain starts and ends. */
export interface AuditChainTable {
  name: string;
  last_id: number;
  last_hash: string;
  /** Events up to this number have their entries, or need none. */
  seen_event_id: number;
  /** The last entry that went into an archive; 0 and `genesis` at first. */
  start_id: number;
  start_hash: string;
  /** Empty while nothing was archived. */
  start_proof: string;
}

/** Where the audit is sent to, in one row; none while it is not sent. */
export interface AuditExportsTable {
  name: string;
  /** Another one after each change of the settings; who writes how far it has come names the one it began with. */
  revision: string;
  format: string;
  url: string;
  scheme: string;
  sealed_token: string | null;
  security_only: number;
  /** Entries up to this number were taken, or are not wanted. */
  position: number;
  last_sent_id: number | null;
  last_sent_at: number | null;
  attempts: number;
  problem: string | null;
  problem_entry: number | null;
  failing_since: number | null;
  /** Null, while there is a problem: it was refused, and is not tried before somebody says so. */
  next_try_at: number | null;
  changed_at: number;
  changed_by: string;
}
