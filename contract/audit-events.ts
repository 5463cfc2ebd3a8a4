import type { EventType } from "./event-types.ts";

/**
 * Events of accounts and of who may do what (CONTRACT 2.9), with what their `data` holds beside who did it
 * (`actor_id`, `actor_name`, `address`) and to whom (`target_id`, `target_name`). They are stored in the one event log
 * and never sent on the event stream.
 */
export const auditEventTypes = {
  "auth.login.success": "remember",
  "auth.login.failed": "reason: unknown_name | wrong_password | switched_off",
  "auth.logout": "",
  "auth.session.expired": "session_id",
  "auth.session.revoked": "sessions",
  "user.created": "by: setup | administrator | registration; levels",
  "user.updated": "fields",
  "user.deleted": "",
  "user.invited": "expires_at",
  "user.unlocked": "",
  "user.password.changed": "by: user | administrator | invitation | recovery",
  "user.level.changed": "added? | removed?",
  "user.permission.changed": "permission, granted?: absent when it was left to the levels again",
  "level.created": "permissions",
  "level.updated": "permissions",
  "level.deleted": "users",
  "api_key.created": "key_prefix, scopes, expires_at",
  "api_key.revoked": "key_prefix",
  "audit.export_changed": "on, host, format?, security_only?, from_entry?: entries after this one are sent",
  "audit.export_stopped": "host, entry, status: the collector refused this entry, and nothing more is sent",
  "audit.export_resumed": "host, skipped: an entry that the collector will not get, or null",
  webhook_rejected: "provider, reason, times: deliveries of webhooks that were refused",
  "security.permission_denied": "permission, method, path, times",
  "security.rate_limited":
    "rule, client, limit, window_seconds, method, path, user_agent, times: requests over a limit since the last such entry",
} as const;

/** A name of {@link auditEventTypes}. */
export type AuditEventType = keyof typeof auditEventTypes;

/** True for an event that only the audit shows. */
export function isAuditEvent(type: string): boolean {
  return Object.hasOwn(auditEventTypes, type);
}

/** Events of other kinds that the audit keeps too: what people did to jobs, money, providers, secrets and backups. */
const alsoAudited = [
  "job.created",
  "job.cancel_requested",
  "job.deleted",
  "job.artifacts_deleted",
  "settings.changed",
  "tunnel.started",
  "tunnel.stopped",
  "provider.configured",
  "provider.run_cancelled",
  "circuit_breaker.reset",
  "secrets.changed",
  "secrets.key_rotated",
  "secrets.keys_forgotten",
  "backup.created",
  "backup.failed",
  "backup.deleted",
  "backup.restored",
  "jobs.pruned",
  "audit.archived",
  "rate_limits.reset",
  "rate_limits.suspended",
  "rate_limits.resumed",
] as const satisfies readonly EventType[];

/** Every event that gets an entry in the audit. */
export const auditedEventTypes: readonly string[] = [...Object.keys(auditEventTypes), ...alsoAudited].sort();

/** What a security review looks at first (CONTRACT 1.16): refusals and everything under `security.`. */
export const securityEventTypes: readonly string[] = auditedEventTypes.filter(
  (type) => type.startsWith("security.") || type === "auth.login.failed" || type === "webhook_rejected",
);
