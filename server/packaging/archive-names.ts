import { createHash } from "node:crypto";

/** Names no Windows disk accepts for a folder. */
const reservedNames = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i;

/**
 * A folder name for every id: the id itself where every disk accepts it, else a readable part of it with a hash.
 * Ids that differ only by case or by characters that folder names cannot have never share a name, on any disk.
 */
export function archiveNames(ids: readonly string[]): ReadonlyMap<string, string> {
  const sharedBy = new Map<string, number>();
  for (const id of ids) {
    const folded = safePart(id).toLowerCase();
    sharedBy.set(folded, (sharedBy.get(folded) ?? 0) + 1);
  }
  const names = new Map<string, string>();
  const taken = new Set<string>();
  // Plain names first, so that a hashed name has to give way to an id that looks like it and not the other way round.
  const isPlain = (id: string): boolean => safePart(id) === id && sharedBy.get(id.toLowerCase()) === 1;
  for (const id of [...ids].sort((a, b) => Number(isPlain(b)) - Number(isPlain(a)) || (a < b ? -1 : 1))) {
    let name = isPlain(id) ? id : hashedName(id, 8);
    for (let digits = 16; taken.has(name.toLowerCase()) && digits <= 64; digits += 8)
      name = hashedName(id, digits);
    taken.add(name.toLowerCase());
    names.set(id, name);
  }
  return names;
}

function safePart(id: string): string {
  const text = id
    .replace(/[^A-Za-z0-9._-]/g, "_")
    .slice(0, 60)
    .replace(/^[.-]+|[.]+$/g, "");
  return text === "" || reservedNames.test(text) ? "dataset" : text;
}

function hashedName(id: string, digits: number): string {
  return `${safePart(id)}-${createHash("sha256").update(id).digest("hex").slice(0, digits)}`;
}
