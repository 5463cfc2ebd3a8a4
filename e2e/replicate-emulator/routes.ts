import { createHash } from "node:crypto";
import type { Operation } from "./faults.ts";
import { models } from "./models.ts";
import type { StoredPrediction } from "./prediction-life.ts";
import { ApiProblem } from "./wire.ts";
import type { Behaviour, EmulatedWorld } from "./world.ts";

/** A request that has been read. */
export interface ReadRequest {
  /** What the path's pattern caught. */
  caught: readonly string[];
  query: URLSearchParams;
  body: Buffer;
  contentType: string;
}

/** JSON, bytes, or neither. */
export interface RouteAnswer {
  status: number;
  body?: unknown;
  bytes?: Uint8Array;
}

/** One call of the API. */
export interface Route {
  operation: Operation;
  method: string;
  path: RegExp;
  act(request: ReadRequest): Promise<RouteAnswer> | RouteAnswer;
}

const rowsOfPage = 100;

/** The calls there are. */
export function routesOf(world: EmulatedWorld, behaviour: Behaviour, now: () => number): readonly Route[] {
  return [...modelRoutes(world, behaviour), ...fileRoutes(world), ...predictionRoutes(world, behaviour, now)];
}

function modelRoutes(world: EmulatedWorld, behaviour: Behaviour): Route[] {
  return [
    {
      operation: "account",
      method: "GET",
      path: /^\/v1\/account$/,
      act: () => ({
        status: 200,
        body: { type: "user", username: "ada", name: "Ada", github_url: "https://github.com/ada" },
      }),
    },
    {
      operation: "secret",
      method: "GET",
      path: /^\/v1\/webhooks\/default\/secret$/,
      act: () => ({ status: 200, body: { key: world.webhooks.secret() } }),
    },
    {
      operation: "versions",
      method: "GET",
      path: /^\/v1\/models\/([\w.-]+)\/([\w.-]+)\/versions$/,
      act: ({ caught: [owner, name], query }) => {
        const { version } = found(models.get(`${owner}/${name}`));
        const older = createHash("sha256").update(version).digest("hex");
        const rows = [version, older].map((id, index) => ({
          id,
          created_at: new Date(Date.UTC(2026, 6 - index)).toISOString(),
          cog_version: "0.16.0",
          openapi_schema: {},
        }));
        return pageOf(rows, `${world.baseUrl}/models/${owner}/${name}/versions`, query);
      },
    },
    {
      operation: "status",
      method: "GET",
      path: /^\/status\/api\/v1\/summary$/,
      act: () => ({ status: 200, body: behaviour.statusPage }),
    },
    {
      operation: "model",
      method: "GET",
      path: /^\/v1\/models\/([\w.-]+)\/([\w.-]+)$/,
      act: ({ caught: [owner, name] }) => {
        const { version } = found(models.get(`${owner}/${name}`));
        return { status: 200, body: { owner, name, latest_version: { id: version } } };
      },
    },
  ];
}

function fileRoutes(world: EmulatedWorld): Route[] {
  return [
    {
      operation: "upload",
      method: "POST",
      path: /^\/v1\/files$/,
      act: async ({ body, contentType }) => ({
        status: 201,
        body: world.fileView(await world.storeFile(body, contentType)),
      }),
    },
    {
      operation: "files",
      method: "GET",
      path: /^\/v1\/files$/,
      act: ({ query }) => {
        const rows = [...world.files.values()].toReversed();
        return pageOf(rows, `${world.baseUrl}/files`, query, world.fileView);
      },
    },
    {
      operation: "deleteFile",
      method: "DELETE",
      path: /^\/v1\/files\/(\w+)$/,
      act: async ({ caught: [id = ""] }) => {
        await world.deleteFile(found(world.files.get(id)));
        return { status: 204 };
      },
    },
  ];
}

function predictionRoutes(world: EmulatedWorld, behaviour: Behaviour, now: () => number): Route[] {
  const one = (id: string | undefined) => found(world.predictions.find((each) => each.id === id));
  return [
    {
      operation: "create",
      method: "POST",
      path: /^\/v1\/predictions$/,
      act: ({ body }) => ({ status: 201, body: world.view(world.create(body)) }),
    },
    {
      operation: "list",
      method: "GET",
      path: /^\/v1\/predictions$/,
      act: ({ query }) => {
        const after = Date.parse(query.get("created_after") ?? "") || 0;
        const rows = world.predictions.filter(({ createdAtMs }) => createdAtMs >= after).toReversed();
        const viewOf = (row: StoredPrediction) => ({ ...world.view(row), logs: undefined });
        return pageOf(rows, `${world.baseUrl}/predictions`, query, viewOf);
      },
    },
    {
      operation: "get",
      method: "GET",
      path: /^\/v1\/predictions\/(\w+)$/,
      act: ({ caught: [id] }) => ({ status: 200, body: world.view(one(id)) }),
    },
    {
      operation: "cancel",
      method: "POST",
      path: /^\/v1\/predictions\/(\w+)\/cancel$/,
      act: ({ caught: [id] }) => {
        const prediction = one(id);
        prediction.canceledAtMs ??= now();
        prediction.ignoresCancel ||= behaviour.cancelsTooLate;
        return { status: 200, body: world.view(prediction) };
      },
    },
    {
      operation: "output",
      method: "GET",
      path: /^\/output\/(\w+)\/([^/]+)$/,
      act: ({ caught: [key, name = ""] }) => {
        const { outputs, dataRemoved } = found(world.predictions.find(({ outputKey }) => outputKey === key));
        if (dataRemoved || !outputs.includes(name)) throw notFound();
        return { status: 200, bytes: found(behaviour.files[name]) };
      },
    },
  ];
}

function pageOf<Row>(
  rows: readonly Row[],
  address: string,
  query: URLSearchParams,
  view: (row: Row) => unknown = (row) => row,
): RouteAnswer {
  const from = Number(Buffer.from(query.get("cursor") ?? "", "base64url").toString() || 0);
  const next = new URLSearchParams(query);
  next.set("cursor", Buffer.from(String(from + rowsOfPage)).toString("base64url"));
  const hasMore = from + rowsOfPage < rows.length;
  const results = rows.slice(from, from + rowsOfPage).map(view);
  return { status: 200, body: { previous: null, next: hasMore ? `${address}?${next}` : null, results } };
}

function notFound(): ApiProblem {
  return new ApiProblem(404, "", "The requested resource could not be found.");
}

/** The thing; 404 without one. */
export function found<Thing>(thing: Thing | undefined): Thing {
  if (thing === undefined) throw notFound();
  return thing;
}
