import { api } from "@simpletuner-cloud/contract/api.ts";
import type { Endpoint } from "@simpletuner-cloud/contract/endpoint.ts";
import { errorTable } from "@simpletuner-cloud/contract/errors.ts";

type Json = Record<string, unknown>;

/** Errors that any endpoint may answer. */
const everywhere = [
  "authentication_error",
  "credential_refused",
  "permission_denied",
  "api_key_scope",
  "validation_error",
  "rate_limit_exceeded",
  "internal",
] as const;

/** Every endpoint of the contract in its order. */
export function allEndpoints(): { name: string; endpoint: Endpoint }[] {
  return Object.values(api).flatMap((table) =>
    Object.entries(table).map(([name, endpoint]) => ({ name, endpoint: endpoint as Endpoint })),
  );
}

/** The OpenAPI 3.1 description of the whole contract; its schemas are the ones requests are checked with. */
export function openApi(version: string): Json {
  const paths: Record<string, Json> = {};
  for (const { name, endpoint } of allEndpoints()) {
    const path = (paths[endpoint.path] ??= {});
    path[endpoint.method.toLowerCase()] = operation(name, endpoint);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "simpletuner-cloud",
      version,
      description:
        "Plan, submit, follow and receive training jobs. Outputs travel through the S3 endpoint at /api/cloud/storage.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    security: [{ bearer: [] }, { apiKey: [] }],
    paths,
    components: {
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer" },
        apiKey: { type: "apiKey", in: "header", name: "X-API-Key" },
      },
      schemas: { Error: errorSchema },
    },
  };
}

const errorSchema: Json = {
  type: "object",
  required: ["error", "message", "details", "correlation_id"],
  properties: {
    error: { type: "string", enum: Object.keys(errorTable) },
    message: { type: "string", description: "One sentence: what is wrong and the way out" },
    details: { type: "object" },
    correlation_id: { type: "string" },
  },
};

function operation(name: string, endpoint: Endpoint): Json {
  const described: Json = {
    operationId: name,
    tags: [endpoint.tag],
    summary: endpoint.summary,
    description: accessText(endpoint),
    responses: responses(endpoint),
  };
  const parameters = [...parametersOf(endpoint.params, "path"), ...parametersOf(endpoint.query, "query")];
  if (parameters.length > 0) described["parameters"] = parameters;
  if (endpoint.body)
    described["requestBody"] = { required: true, content: { "application/json": { schema: endpoint.body } } };
  if (endpoint.rawBody)
    described["requestBody"] = { required: true, content: { "application/json": { schema: {} } } };
  if (typeof endpoint.access === "object" && "public" in endpoint.access) described["security"] = [];
  return described;
}

/** Who may call an endpoint, in words. */
export function accessText(endpoint: Endpoint): string {
  const { access } = endpoint;
  if (typeof access === "string") return `Needs the permission ${access}.`;
  return "public" in access
    ? `Public: ${access.public}.`
    : `For everybody who is signed in: ${access.everyUser}.`;
}

function parametersOf(schema: unknown, place: "path" | "query"): Json[] {
  const object = schema as { properties?: Record<string, Json>; required?: string[] } | undefined;
  return Object.entries(object?.properties ?? {}).map(([name, property]) => {
    const { description, ...rest } = property;
    return {
      name,
      in: place,
      required: place === "path" || (object?.required?.includes(name) ?? false),
      ...(description ? { description } : {}),
      schema: rest,
    };
  });
}

const streamTypes = {
  sse: "text/event-stream",
  text: "text/plain",
  zip: "application/zip",
  metrics: "text/plain",
} as const;

function responses(endpoint: Endpoint): Json {
  const { answer } = endpoint;
  const good: Json =
    "stream" in answer
      ? {
          description: answer.description,
          content: {
            [streamTypes[answer.stream]]: { schema: { type: "string" } },
          },
        }
      : { description: "OK", content: { "application/json": { schema: answer } } };
  const byStatus = new Map<number, string[]>();
  for (const code of [...everywhere, ...endpoint.errors]) {
    const [status, sentence] = errorTable[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), `\`${code}\`: ${sentence}`]);
  }
  const errors = [...byStatus].map(([status, texts]) => [
    String(status),
    {
      description: texts.join("\n\n"),
      content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } },
    },
  ]);
  return { [String(endpoint.status ?? 200)]: good, ...Object.fromEntries(errors) };
}
