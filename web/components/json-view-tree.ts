/** A JSON value as the server sends it. */
export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue };

/** One entry of a tree: a value with its key, its path, and its children when it has some. */
export interface JsonNode {
  key: string;
  /** `a.b[0]`: how the value is reached. */
  path: string;
  /** The text of a value without children; null for lists and objects. */
  text: string | null;
  type: "string" | "number" | "boolean" | "null" | "list" | "object";
  children: JsonNode[];
}

/** The tree of `value`; keys keep the order in which they were written. */
export function jsonTree(value: unknown, key = "", path = ""): JsonNode {
  if (Array.isArray(value)) {
    const children = value.map((item, index) => jsonTree(item, `[${index}]`, `${path}[${index}]`));
    return { key, path, text: null, type: "list", children };
  }
  if (typeof value === "object" && value !== null) {
    const children = Object.entries(value).map(([name, item]) =>
      jsonTree(item, name, path === "" ? name : `${path}.${name}`),
    );
    return { key, path, text: null, type: "object", children };
  }
  const type =
    value === null
      ? "null"
      : typeof value === "number"
        ? "number"
        : typeof value === "boolean"
          ? "boolean"
          : "string";
  return { key, path, text: type === "string" ? JSON.stringify(value) : String(value), type, children: [] };
}

/**
 * The part of the tree whose path or value contains `query`, ignoring case, with what leads there; a list or an object
 * whose own path matches keeps all of its children. Null when nothing matches.
 */
export function filteredTree(node: JsonNode, query: string): JsonNode | null {
  const wanted = query.trim().toLowerCase();
  if (wanted === "") return node;
  if (node.path.toLowerCase().includes(wanted) || (node.text ?? "").toLowerCase().includes(wanted))
    return node;
  const children = node.children
    .map((child) => filteredTree(child, wanted))
    .filter((child) => child !== null);
  return children.length > 0 ? { ...node, children } : null;
}

/** How many values without children the tree holds. */
export function leafCount(node: JsonNode): number {
  if (node.text !== null) return 1;
  return node.children.reduce((count, child) => count + leafCount(child), 0);
}
