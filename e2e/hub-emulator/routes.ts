import { createHash, randomBytes } from "node:crypto";
import {
  type HubCall,
  HubProblem,
  type HubRepository,
  mustWrite,
  repositoriesOf,
  repositoryOf,
} from "./world.ts";

/** One address of the Hub's interface. */
export interface Route {
  method: string;
  path: RegExp;
  act: (call: HubCall) => { body: unknown; headers?: Record<string, string> };
}

const repository = String.raw`([^/]+\/[^/]+)`;
/** Files of a list's page; the real Hub's is larger. */
const pageSize = 50;
/** The largest file that a commit may carry in its own text. */
const largestInlineBytes = 10 * 1024 * 1024;

/** Every address but those of the storage. */
export const routes: readonly Route[] = [
  { method: "GET", path: /^\/api\/whoami-v2$/, act: whoAmI },
  { method: "POST", path: /^\/api\/repos\/create$/, act: createRepository },
  { method: "DELETE", path: /^\/api\/repos\/delete$/, act: deleteRepository },
  { method: "GET", path: at(`/api/(models|datasets)/${repository}/tree/main`), act: tree },
  { method: "GET", path: at(`/api/(models|datasets)/${repository}/revision/HEAD`), act: info },
  { method: "GET", path: at(`/api/(models|datasets)/${repository}`), act: info },
  { method: "POST", path: at(`/api/(models|datasets)/${repository}/preupload/main`), act: preupload },
  { method: "POST", path: at(`/(datasets/)?${repository}\\.git/info/lfs/objects/batch`), act: batch },
  { method: "POST", path: at(`/api/(models|datasets)/${repository}/commit/main`), act: commit },
];

function at(path: string): RegExp {
  return new RegExp(`^${path}$`);
}

function whoAmI({ world, as }: HubCall) {
  if (as === null) throw new HubProblem(401, "Invalid username or password.");
  const role = world.behaviour.readOnly ? "read" : as.role;
  const scoped = (as.writesTo ?? []).map((name) => ({
    entity: { _id: "1", type: name === as.account ? "user" : "org", name },
    permissions: ["repo.content.read", "repo.write"],
  }));
  const accessToken = {
    displayName: "a token",
    role,
    createdAt: "2026-01-01T00:00:00.000Z",
    ...(role === "fineGrained" && { fineGrained: { canReadGatedRepos: false, global: [], scoped } }),
  };
  const orgs = [...world.organisations].map(([name, roleInOrg]) => ({
    type: "org",
    id: name,
    name,
    roleInOrg,
  }));
  const body = {
    type: "user",
    id: "1",
    name: as.account,
    fullname: as.account,
    orgs: as.account === world.account ? orgs : [],
    auth: { type: "access_token", accessToken },
  };
  return { body };
}

function createRepository(call: HubCall) {
  const { world } = call;
  const { name, organization, visibility, type, ...given } = fieldsOf(call.body);
  const owner = String(organization);
  const full = `${owner}/${String(name)}`;
  mustWrite(call, owner);
  if (!/^[\w.-]{1,96}$/.test(String(name)) || /--|\.\.|^[-.]|[-.]$|\.git$/.test(String(name)))
    throw new HubProblem(400, `Invalid repo name: ${String(name)}`);
  const kind = type === "dataset" ? "datasets" : "models";
  const all = repositoriesOf(world, kind);
  if (all.has(full)) throw new HubProblem(409, `You already created this ${String(type)} repo`);
  const isPrivate = visibility === "private" || given["private"] === true;
  const files = new Map(
    kind === "models" ? [[".gitattributes", Buffer.from("*.safetensors filter=lfs\n")]] : [],
  );
  all.set(full, { private: isPrivate, commits: [], files, large: new Set() });
  const path = kind === "datasets" ? `datasets/${full}` : full;
  return { body: { url: `${world.origin}/${path}`, name: full, id: full } };
}

function deleteRepository(call: HubCall) {
  const { name, organization, type } = fieldsOf(call.body);
  mustWrite(call, String(organization));
  if (call.world.behaviour.keepsRepositories) throw new HubProblem(503, "Try again later");
  const all = repositoriesOf(call.world, type === "dataset" ? "datasets" : "models");
  if (!all.delete(`${String(organization)}/${String(name)}`))
    throw new HubProblem(404, "Repository not found");
  return { body: {} };
}

function tree(call: HubCall) {
  const [kind = "", name = ""] = call.caught;
  const { files, large } = repositoryOf(call, kind, name);
  const from = Number(call.query.get("cursor") ?? 0);
  const all = [...files].sort(([a], [b]) => (a < b ? -1 : 1));
  const body = all.slice(from, from + pageSize).map(([path, bytes]) => ({
    type: "file",
    oid: gitSha1(bytes),
    size: bytes.length,
    path,
    ...(large?.has(path) === true && {
      lfs: { oid: sha256(bytes), size: bytes.length, pointerSize: 134 },
    }),
  }));
  const next = `${call.world.origin}/api/${kind}/${name}/tree/main?recursive=true&cursor=${from + pageSize}`;
  return { body, headers: from + pageSize < all.length ? { link: `<${next}>; rel="next"` } : {} };
}

function info(call: HubCall) {
  const [kind = "", name = ""] = call.caught;
  const { private: isPrivate } = repositoryOf(call, kind, name);
  return {
    body: {
      _id: "1",
      id: name,
      private: isPrivate,
      downloads: 0,
      likes: 0,
      gated: false,
      lastModified: "2026-01-01T00:00:00.000Z",
    },
  };
}

function preupload(call: HubCall) {
  const [kind = "", name = ""] = call.caught;
  mustWrite(call, ownerOf(name));
  repositoryOf(call, kind, name);
  const files = fieldsOf(call.body)["files"] as { path: string; size: number; sample: string }[];
  for (const { path, size, sample } of files)
    if (Buffer.from(sample, "base64").length !== Math.min(size, 512))
      call.world.complaints.push(`the sample of ${path} has other bytes than its beginning`);
  return {
    body: {
      files: files.map(({ path, size }) => ({
        path,
        uploadMode:
          size > 0 && (size > largestInlineBytes || !/\.(jsonl?|md|txt|gitattributes)$/.test(path))
            ? "lfs"
            : "regular",
        shouldIgnore: false,
      })),
    },
  };
}

function batch(call: HubCall) {
  const { world, caught } = call;
  const [kind, name = ""] = caught;
  mustWrite(call, ownerOf(name));
  repositoryOf(call, kind === undefined ? "models" : "datasets", name);
  const { objects, transfers } = fieldsOf(call.body) as {
    objects: { oid: string; size: number }[];
    transfers: string[];
  };
  if (!transfers.includes("basic")) world.complaints.push("basic transfers were not offered");
  const { partBytes, storageOrigin } = world.behaviour;
  return {
    body: {
      transfer: partBytes === null ? "basic" : "multipart",
      objects: objects.map((object) => {
        // Objects belong to a repository.
        const key = encodeURIComponent(`${name}/${object.oid}`);
        if (world.blobs.has(`${name}/${object.oid}`)) return object;
        const href = `${storageOrigin ?? world.origin}/lfs/${key}?X-Amz-Signature=${randomBytes(8).toString("hex")}`;
        const upload =
          partBytes === null || object.size <= partBytes
            ? { href }
            : {
                href: href.replace("/lfs/", "/lfs-complete/"),
                header: partAddresses(href, object.size, partBytes),
              };
        return { ...object, actions: { upload } };
      }),
    },
  };
}

function partAddresses(href: string, bytes: number, partBytes: number): Record<string, string> {
  const header: Record<string, string> = { chunk_size: String(partBytes) };
  for (let part = 1; (part - 1) * partBytes < bytes; part++)
    header[String(part).padStart(5, "0")] = `${href}&partNumber=${part}`;
  return header;
}

function commit(call: HubCall) {
  const { world, caught } = call;
  const [kind = "", name = ""] = caught;
  mustWrite(call, ownerOf(name));
  const found = repositoryOf(call, kind, name);
  const lines = call.body.toString().trim().split("\n");
  const parsed = lines.map((line) => JSON.parse(line) as { key: string; value: Record<string, unknown> });
  const changed = new Map<string, { bytes: Buffer; isLarge: boolean }>();
  for (const { key, value } of parsed) {
    if (key === "file") changed.set(String(value["path"]), { bytes: inlineBytes(value), isLarge: false });
    if (key !== "lfsFile") continue;
    const bytes = world.blobs.get(`${name}/${String(value["oid"])}`);
    if (bytes === undefined || bytes.length !== value["size"])
      throw new HubProblem(400, `the object ${String(value["oid"])} was not uploaded`);
    changed.set(String(value["path"]), { bytes, isLarge: true });
  }
  const card = changed.get("README.md");
  if (card && kind === "models") checkCard(card.bytes.toString());
  take(found, changed, world.behaviour.loses);
  const oid = randomBytes(20).toString("hex");
  const title = String(parsed.find(({ key }) => key === "header")?.value["summary"]);
  found.commits.push({ oid, title });
  return {
    body: { success: true, commitOid: oid, commitUrl: `${world.origin}/commit/${oid}`, hookOutput: "" },
  };
}

function take(
  found: HubRepository,
  changed: ReadonlyMap<string, { bytes: Buffer; isLarge: boolean }>,
  loses: string | null,
): void {
  for (const [path, { bytes, isLarge }] of changed) {
    if (path === loses) continue;
    found.files.set(path, bytes);
    found.large?.[isLarge ? "add" : "delete"](path);
  }
}

function inlineBytes(value: Record<string, unknown>): Buffer {
  const bytes = Buffer.from(String(value["content"]), "base64");
  if (bytes.length > largestInlineBytes)
    throw new HubProblem(400, "Your push was rejected because it contains files larger than 10 MiB");
  return bytes;
}

/** The front matter that the Hub reads; what it does not know there makes it refuse the commit. */
function checkCard(card: string): void {
  const front = /^---\n([\s\S]*?)\n---\n/.exec(card)?.[1];
  if (front === undefined) throw new HubProblem(400, "Your push was rejected: README.md has no metadata");
  const license = /^license: "?([^"\n]*)"?$/m.exec(front)?.[1];
  if (license !== undefined && !/^[a-z0-9][a-z0-9.+-]*$/.test(license))
    throw new HubProblem(400, 'Invalid metadata in README.md: "license" must be one of the known ones');
}

function ownerOf(name: string): string {
  return name.slice(0, name.indexOf("/"));
}

function fieldsOf(body: Buffer): Record<string, unknown> {
  return JSON.parse(body.toString()) as Record<string, unknown>;
}

function gitSha1(bytes: Buffer): string {
  return createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
