import { Type, type TSchema } from "typebox";

interface SchemaParts {
  anyOf?: TSchema[];
  properties?: Record<string, TSchema>;
  const?: unknown;
}

/**
 * A schema whose choices between objects are narrowed to the one that the value means by its `kind`, so that what is
 * wrong is told of that one and not of all; a kind that there is not is what is wrong then. The schema itself without
 * such a choice.
 */
export function chosenSchema(schema: TSchema, value: unknown): TSchema {
  if (typeof value !== "object" || value === null) return schema;
  const { anyOf, properties } = schema as SchemaParts;
  const fields = value as Record<string, unknown>;
  if (anyOf) return chosenOf(anyOf, fields) ?? schema;
  if (!properties) return schema;
  const narrowed = Object.entries(properties)
    .map(([name, field]) => [name, chosenSchema(field, fields[name])] as const)
    .filter(([name, field]) => field !== properties[name]);
  if (narrowed.length === 0) return schema;
  return { ...schema, properties: { ...properties, ...Object.fromEntries(narrowed) } } as TSchema;
}

function chosenOf(choices: readonly TSchema[], fields: Record<string, unknown>): TSchema | null {
  const kinds = choices.map((choice) => {
    const kind = (choice as SchemaParts).properties?.["kind"];
    return kind === undefined ? undefined : (kind as SchemaParts).const;
  });
  if (kinds.some((kind) => kind === undefined)) return null;
  const chosen = choices[kinds.indexOf(fields["kind"])];
  return chosen ?? Type.Object({ kind: Type.Enum(kinds.map(String)) });
}
