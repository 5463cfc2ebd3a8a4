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
  webhook_rejected: "provider, reason, times: deliveries of webhooks that were refused",
  "security.permission_denied": "permission, method, path, times",
} as const;

/** A name of {@link auditEventTypes}. */
export type AuditEventType = keyof typeof auditEventTypes;

/** True for an event that only the audit shows. */
export function isAuditEvent(type: string): boolean {
  return Object.hasOwn(auditEventTypes, type);
}
