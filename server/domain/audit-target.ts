/** What an event is about. */
export interface AuditTarget {
  type: string | null;
  id: string | null;
  name: string | null;
}

/** Kinds of events, by the start of their type: what they are about and which field of `data` names it. */
const kinds: readonly [start: string, target: string, field: string | null][] = [
  ["user.", "user", "target_id"],
  ["auth.", "user", "target_id"],
  ["level.", "level", "target_id"],
  ["api_key.", "api_key", "key_prefix"],
  ["provider.", "provider", "provider"],
  ["webhook_rejected", "provider", "provider"],
  ["circuit_breaker.", "circuit_breaker", "name"],
  ["secrets.", "secret", "name"],
  ["backup.", "backup", "backup_id"],
  ["settings.", "setting", "names"],
  ["audit.", "audit", null],
];

/** What an event is about: its job, or what its kind says. */
export function auditTarget(type: string, jobId: string | null, data: Record<string, unknown>): AuditTarget {
  if (jobId !== null) return { type: "job", id: jobId, name: textOf(data["name"]) };
  const kind = kinds.find(([start]) => type.startsWith(start));
  if (!kind) return { type: null, id: null, name: null };
  const id = kind[2] === null ? null : textOf(data[kind[2]]);
  return { type: kind[1], id, name: textOf(data["target_name"]) };
}

function textOf(value: unknown): string | null {
  if (Array.isArray(value)) return textOf(value.join(", "));
  return typeof value === "string" && value !== "" ? value : null;
}
