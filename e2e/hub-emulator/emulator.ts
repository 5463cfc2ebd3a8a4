import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

/** A repository as it is after its last commit. */
export interface HubRepository {
  private: boolean;
  commits: { oid: string; title: string }[];
  files: Map<string, Buffer>;
}

/** How the emulator behaves. */
export interface HubEmulatorOptions {
  token?: string;
  account?: string;
  /** The token may only read. */
  readOnly?: boolean;
}

/** The Hugging Face Hub's HTTP API on this machine, as far as dataset repositories of one account use it. */
export async function startHubEmulator(options: HubEmulatorOptions = {}) {
  const token = options.token ?? `hf_${randomBytes(17).toString("hex")}`;
  const account = options.account ?? "ada";
  const repositories = new Map<string, HubRepository>();
  const blobs = new Map<string, Buffer>();
  const calls: { method: string; path: string }[] = [];
  const behaviour = {
    readOnly: options.readOnly === true,
    /** So many of the next uploads of files are answered with 500. */
    failUploads: 0,
    /** What each upload of a file takes. */
    uploadMs: 0,
    /** Repositories cannot be deleted. */
    keepsRepositories: false,
  };
  const world: World = { token, account, repositories, blobs, behaviour, origin: "" };
  const server = createServer((request, response) => {
    calls.push({ method: request.method ?? "", path: request.url ?? "" });
    answer(world, request, response).catch((error: unknown) => {
      if (error instanceof HubProblem) send(response, error.status, { error: error.message });
      else response.destroy();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  world.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: world.origin,
    token,
    account,
    repositories,
    behaviour,
    calls,
    async close(): Promise<void> {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** See {@link startHubEmulator}. */
export type HubEmulator = Awaited<ReturnType<typeof startHubEmulator>>;

interface World {
  token: string;
  account: string;
  repositories: Map<string, HubRepository>;
  blobs: Map<string, Buffer>;
  behaviour: { readOnly: boolean; failUploads: number; uploadMs: number; keepsRepositories: boolean };
  origin: string;
}

class HubProblem extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

async function answer(world: World, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname } = new URL(request.url ?? "/", world.origin);
  const body = await bodyOf(request);
  if (request.method === "PUT" && pathname.startsWith("/lfs/")) {
    await storeBlob(world, decodeURIComponent(pathname.slice("/lfs/".length)), body);
    return send(response, 200, {});
  }
  if (request.headers.authorization !== `Bearer ${world.token}`)
    throw new HubProblem(401, "Invalid username or password.");
  for (const { method, path, act } of routes) {
    const caught = path.exec(pathname);
    if (method === request.method && caught) return send(response, 200, act(world, body, caught.slice(1)));
  }
  throw new HubProblem(404, "Not found");
}

interface Route {
  method: string;
  path: RegExp;
  act: (world: World, body: Buffer, caught: readonly string[]) => unknown;
}

const routes: readonly Route[] = [
  {
    method: "GET",
    path: /^\/api\/whoami-v2$/,
    act: ({ account, behaviour }) => ({
      type: "user",
      id: "1",
      name: account,
      fullname: account,
      orgs: [],
      auth: { type: "access_token", accessToken: { role: behaviour.readOnly ? "read" : "write" } },
    }),
  },
  { method: "POST", path: /^\/api\/repos\/create$/, act: createRepository },
  { method: "DELETE", path: /^\/api\/repos\/delete$/, act: deleteRepository },
  {
    method: "GET",
    path: /^\/api\/datasets\/([^/]+\/[^/]+)\/tree\/main$/,
    act: (world, _, [name]) =>
      [...repositoryOf(world, name).files].map(([path, bytes]) => ({
        type: "file",
        oid: createHash("sha1").update(bytes).digest("hex"),
        size: bytes.length,
        path,
      })),
  },
  {
    method: "POST",
    path: /^\/api\/datasets\/([^/]+\/[^/]+)\/preupload\/main$/,
    act: (world, body, [name]) => {
      mustWrite(world);
      repositoryOf(world, name);
      const { files } = JSON.parse(body.toString()) as { files: { path: string }[] };
      return {
        files: files.map(({ path }) => ({
          path,
          uploadMode: /\.(jsonl|md)$/.test(path) ? "regular" : "lfs",
          shouldIgnore: false,
        })),
      };
    },
  },
  {
    method: "POST",
    path: /^\/datasets\/([^/]+\/[^/]+)\.git\/info\/lfs\/objects\/batch$/,
    act: (world, body, [name = ""]) => {
      const { objects } = JSON.parse(body.toString()) as { objects: { oid: string; size: number }[] };
      return {
        transfer: "basic",
        objects: objects.map((object) => ({
          ...object,
          // Objects belong to a repository.
          ...(!world.blobs.has(`${name}/${object.oid}`) && {
            actions: {
              upload: { href: `${world.origin}/lfs/${encodeURIComponent(`${name}/${object.oid}`)}` },
            },
          }),
        })),
      };
    },
  },
  { method: "POST", path: /^\/api\/datasets\/([^/]+\/[^/]+)\/commit\/main$/, act: commit },
];

function createRepository(world: World, body: Buffer): unknown {
  mustWrite(world);
  const { name, organization, visibility, ...given } = JSON.parse(body.toString()) as Record<string, unknown>;
  const full = `${String(organization)}/${String(name)}`;
  if (organization !== world.account) throw new HubProblem(403, "You don't have the rights");
  if (world.repositories.has(full)) throw new HubProblem(409, "You already created this dataset repo");
  const isPrivate = visibility === "private" || given["private"] === true;
  world.repositories.set(full, { private: isPrivate, commits: [], files: new Map() });
  return { url: `${world.origin}/datasets/${full}`, name: full };
}

function deleteRepository(world: World, body: Buffer): unknown {
  mustWrite(world);
  const { name, organization } = JSON.parse(body.toString()) as Record<string, unknown>;
  if (world.behaviour.keepsRepositories) throw new HubProblem(503, "Try again later");
  if (!world.repositories.delete(`${String(organization)}/${String(name)}`))
    throw new HubProblem(404, "Repository not found");
  return {};
}

function commit(world: World, body: Buffer, [name]: readonly string[]): unknown {
  mustWrite(world);
  const repository = repositoryOf(world, name);
  const lines = body.toString().trim().split("\n");
  const parsed = lines.map((line) => JSON.parse(line) as { key: string; value: Record<string, unknown> });
  for (const { key, value } of parsed) {
    if (key === "file")
      repository.files.set(String(value["path"]), Buffer.from(String(value["content"]), "base64"));
    if (key !== "lfsFile") continue;
    const blob = world.blobs.get(`${name}/${String(value["oid"])}`);
    if (!blob) throw new HubProblem(400, `the object ${String(value["oid"])} was not uploaded`);
    repository.files.set(String(value["path"]), blob);
  }
  const oid = randomBytes(20).toString("hex");
  const title = String(parsed.find(({ key }) => key === "header")?.value["summary"]);
  repository.commits.push({ oid, title });
  return { success: true, commitOid: oid, commitUrl: `${world.origin}/commit/${oid}`, hookOutput: "" };
}

async function storeBlob(world: World, name: string, body: Buffer): Promise<void> {
  await delay(world.behaviour.uploadMs);
  if (world.behaviour.failUploads > 0) {
    world.behaviour.failUploads--;
    throw new HubProblem(500, "Internal error");
  }
  if (createHash("sha256").update(body).digest("hex") !== name.slice(name.lastIndexOf("/") + 1))
    throw new HubProblem(400, "The object has another digest");
  world.blobs.set(name, body);
}

function mustWrite({ behaviour }: World): void {
  if (behaviour.readOnly) throw new HubProblem(403, "Forbidden: your token has the role read");
}

function repositoryOf({ repositories }: World, name: string | undefined): HubRepository {
  const found = repositories.get(name ?? "");
  if (!found) throw new HubProblem(404, "Repository not found");
  return found;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
