/** Tables of the audit. */
export interface AuditTables {
  audit_entries: AuditEntriesTable;
  audit_chain: AuditChainTable;
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
