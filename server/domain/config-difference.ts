import type { ConfigDifference } from "@simpletuner-cloud/contract/config-versions.ts";

/**
 * What two JSON values set differently, by JSON pointer, in order of the paths. Objects are compared field by field;
 * lists whose entries all have an `id` are compared by it, so that an inserted dataset does not shift all others.
 */
export function configDifferences(before: unknown, after: unknown, path = ""): ConfigDifference[] {
  const left = fieldsOf(before);
  const right = fieldsOf(after);
  if (left === null || right === null) {
    if (JSON.stringify(sorted(before)) === JSON.stringify(sorted(after))) return [];
    return [{ path, ...(before !== undefined && { before }), ...(after !== undefined && { after }) }];
  }
  return [...new Set([...left.keys(), ...right.keys()])]
    .sort()
    .flatMap((name) => configDifferences(left.get(name), right.get(name), `${path}/${escaped(name)}`));
}

/** The fields to compare one by one; null for what is compared as a whole. */
function fieldsOf(value: unknown): Map<string, unknown> | null {
  if (typeof value !== "object" || value === null) return null;
  if (!Array.isArray(value)) return new Map(Object.entries(value));
  const named = value.map((entry) => [(entry as { id?: unknown } | null)?.id, entry] as const);
  const ids = named.map(([id]) => id).filter((id): id is string => typeof id === "string");
  if (ids.length < value.length || new Set(ids).size < ids.length) return null;
  return new Map(named.map(([id, entry]) => [id as string, entry]));
}

/** The same value with the fields of every object in order, so that their order makes no difference. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(fields.map(([name, each]) => [name, sorted(each)]));
}

/** RFC 6901. */
function escaped(name: string): string {
  return name.replaceAll("~", "~0").replaceAll("/", "~1");
}
