/**
 * Every event by name with what its `data` holds. State changes are stored and numbered; `job.progress`
 * is live only: it is sent to open streams and never replayed, since the job itself holds the latest value.
 */
export const eventTypes = {
  "job.created": "status, name, provider",
  "job.status": "status, previous, reason?",
  "job.cancel_requested": "by, reason?",
  "job.plan": "fingerprint, files, bytes, consent: token | allow | in_place",
  "job.packaged": "files, bytes, archive_bytes, seconds",
  "job.attempt": "attempt, resumed_from?",
  "job.checkpoint": "step, key",
  "job.sample": "step, key",
  "job.artifact": "key, size_bytes, kind",
  "job.artifacts_deleted": "by, key? | prefix?, files, bytes",
  "job.artifacts_pruned": "files, bytes, kept: older checkpoints were deleted, the last `kept` stay",
  "job.report_ignored": "report, status: a late or duplicate report that was recorded, not applied",
  "job.delivery": "the delivery as it is now",
  "job.delivery_progress": "the delivery as it is now (live only)",
  "job.deleted": "",
  "job.progress": "progress?, upload_progress? (live only)",
  "settings.changed": "names",
  "tunnel.started": "program, by: from here on the internet may reach this server",
  "tunnel.stopped": "program, by",
  "provider.run_cancelled": "provider, external_id, reason: a run that no job owned was stopped",
  "provider.configured": "provider, names, by, acknowledged?: a risk that was confirmed",
  "circuit_breaker.reset": "name, by",
  "secrets.changed": "name, stored: false when it was removed, by; never the value",
  "secrets.key_rotated": "key_id, moved: values sealed anew, unreadable, by",
  "secrets.keys_forgotten": "key_ids, by: old keys were taken out of the key file",
  "backup.created": "backup_id, by, bytes",
  "backup.failed": "by, reason",
  "backup.deleted": "backup_id, by",
  "backup.restored": "backup_id: the database is the one of that backup from here on",
  "jobs.pruned": "jobs, older_than_days, file, by: jobs that ended long ago were moved into this file",
  "audit.archived": "first_id, last_id, file: old audit entries were moved into this file",
  "rate_limits.reset": "client, rule: null for every rule, by: what the client had used was forgotten",
  "rate_limits.suspended": "reason: the state backend does not answer, so requests are not counted",
  "rate_limits.resumed": "seconds, unchecked: requests that were let through uncounted meanwhile",
} as const;

/** A name of {@link eventTypes}. */
export type EventType = keyof typeof eventTypes;

/** Event types that are sent live and never stored. */
export const liveOnlyEvents: readonly EventType[] = ["job.progress", "job.delivery_progress"];
