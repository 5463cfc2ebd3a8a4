import type { IncomingMessage } from "node:http";
import type { Static, TSchema } from "typebox";
import { Compile, type Validator } from "typebox/compile";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import { chosenSchema } from "./chosen-schema.ts";

/** The largest JSON body; datasets and models never travel as JSON. */
const largestBodyBytes = 8 << 20;

const validators = new WeakMap<TSchema, Validator>();

/** Checks a value against a schema, compiled on first use; throws `validation_error` naming the first wrong field. */
export function check<S extends TSchema>(schema: S, value: unknown, where: string): Static<S> {
  const validator = validatorOf(schema);
  if (validator.Check(value)) return value as Static<S>;
  const chosen = chosenSchema(schema, value);
  const first = (chosen === schema ? validator : Compile(chosen)).Errors(value)[0];
  const field = first?.instancePath.slice(1).replaceAll("/", ".") ?? "";
  throw fail("validation_error", {
    field: fieldName(field, first) || where,
    problem: `${first?.message ?? "is not valid"}.`,
  });
}

/** The compiled validator of a schema. */
export function validatorOf(schema: TSchema): Validator {
  let validator = validators.get(schema);
  if (!validator) {
    validator = Compile(schema);
    validators.set(schema, validator);
  }
  return validator;
}

/** Turns query strings into what the schema asks for (numbers, booleans), then checks them. */
export function checkQuery<S extends TSchema>(schema: S, query: URLSearchParams): Static<S> {
  const properties = (schema as { properties?: Record<string, { type?: string }> }).properties ?? {};
  const values: Record<string, unknown> = {};
  for (const [name, text] of query) {
    const type = properties[name]?.type;
    if (type === undefined && !(name in properties)) continue;
    if ((type === "integer" || type === "number") && text.trim() !== "") values[name] = Number(text);
    else if (type === "boolean")
      values[name] = text === "true" || text === "1" ? true : text === "false" || text === "0" ? false : text;
    else values[name] = text;
  }
  return check(schema, values, "query");
}

/** Reads a body as it came; throws `body_too_large` and `request_cut_off`. */
export async function readRaw(
  request: IncomingMessage,
  limitBytes: number,
  onPiece: (bytes: number) => void = () => undefined,
): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let size = 0;
  try {
    for await (const piece of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      size += piece.length;
      if (size > limitBytes) throw fail("body_too_large", { limit_bytes: limitBytes });
      onPiece(piece.length);
      pieces.push(piece);
    }
  } catch (error) {
    // The rest passes by unread: the client hears the answer, and the connection's next request is not stuck behind it.
    request.resume();
    throw request.errored ? fail("request_cut_off", {}, error) : error;
  }
  return Buffer.concat(pieces);
}

/** Bytes of bodies that nobody has proved to be allowed to send and that are held at once. */
const mostUnprovenBytes = 128 << 20;
let unprovenBytes = 0;

/**
 * Reads a body whose sender is proved by the body itself. However many send, and however slowly, the process holds a
 * bounded number of bytes for them; throws `too_many_deliveries` beyond.
 */
export async function readBounded(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  let held = 0;
  try {
    return await readRaw(request, limitBytes, (bytes) => {
      held += bytes;
      unprovenBytes += bytes;
      if (unprovenBytes > mostUnprovenBytes) throw fail("too_many_deliveries");
    });
  } finally {
    unprovenBytes -= held;
  }
}

/** Reads a JSON body; throws `unsupported_media_type`, `body_too_large` or `invalid_json`. */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const type = request.headers["content-type"] ?? "";
  const body = await readRaw(request, largestBodyBytes);
  if (body.length === 0) return {};
  if (!/^application\/(\w+\+)?json\b/i.test(type)) throw fail("unsupported_media_type");
  try {
    return JSON.parse(body.toString("utf8"));
  } catch (error) {
    throw fail("invalid_json", { problem: (error as Error).message }, error);
  }
}

interface SchemaError {
  keyword: string;
  params?: unknown;
}

/** Errors about a missing or an unknown field name that field rather than the object it should be in. */
function fieldName(field: string, error: SchemaError | undefined): string {
  const params = (error?.params ?? {}) as { requiredProperties?: string[]; additionalProperties?: string[] };
  const names = params.requiredProperties ?? params.additionalProperties;
  return names?.[0] === undefined ? field : [field, names[0]].filter(Boolean).join(".");
}
