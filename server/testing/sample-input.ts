import type { TSchema } from "typebox";
import { Check } from "typebox/value";

interface JsonSchema {
  type?: string;
  const?: unknown;
  enum?: readonly unknown[];
  anyOf?: readonly JsonSchema[];
  properties?: Record<string, JsonSchema>;
  required?: readonly string[];
  items?: JsonSchema;
  minItems?: number;
  minLength?: number;
  minimum?: number;
}

/**
 * A small value that fits a schema: required properties only, the first of several choices. `known` gives the values of
 * properties by name, for texts that must have a form. Throws, naming the schema, when the value would not be taken.
 */
export function sampleOf(schema: TSchema, known: Readonly<Record<string, unknown>>): unknown {
  const value = sample(schema as JsonSchema, known);
  if (!Check(schema, value))
    throw new Error(
      `no sample fits ${JSON.stringify(schema)}: ${JSON.stringify(value)}; name its properties`,
    );
  return value;
}

function sample(schema: JsonSchema, known: Readonly<Record<string, unknown>>): unknown {
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[0];
  if (schema.anyOf) return sample(schema.anyOf[0] ?? {}, known);
  switch (schema.type) {
    case "object":
      return Object.fromEntries(
        (schema.required ?? []).map((name) => [
          name,
          known[name] ?? sample(schema.properties?.[name] ?? {}, known),
        ]),
      );
    case "array":
      return Array.from({ length: schema.minItems ?? 0 }, () => sample(schema.items ?? {}, known));
    case "integer":
    case "number":
      return schema.minimum ?? 1;
    case "boolean":
      return true;
    case "string":
      return "x".repeat(Math.max(1, schema.minLength ?? 1));
    default:
      return {};
  }
}
