import { createHash } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { HubProblem, type World } from "./world.ts";

/** A call to the storage behind the Hub, which knows addresses and no tokens. */
export interface StorageCall {
  method: string;
  url: URL;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** Answers a call to the storage; null when it is none. */
export async function storageAnswer(
  world: World,
  { method, url, headers, body }: StorageCall,
): Promise<{ body: unknown; headers?: Record<string, string> } | null> {
  const found = /^\/lfs(-complete)?\/(.+)$/.exec(url.pathname);
  if (!found) return null;
  if (headers.authorization !== undefined) {
    world.complaints.push("the token was sent to the storage");
    throw new HubProblem(400, "Only one auth mechanism allowed");
  }
  const name = decodeURIComponent(found[2] ?? "");
  if (method === "POST" && found[1] !== undefined) return complete(world, name, body);
  if (method !== "PUT") return null;
  if (Number(headers["content-length"]) !== body.length) throw new HubProblem(411, "A length is required");
  const part = url.searchParams.get("partNumber");
  if (part === null) {
    await storeBlob(world, name, body);
    return { body: {} };
  }
  await trouble(world);
  world.parts.set(`${name}/${part}`, body);
  return { body: {}, headers: { etag: etagOf(body) } };
}

function complete(world: World, name: string, body: Buffer) {
  const { parts } = JSON.parse(body.toString()) as { parts: { partNumber: number; etag: string }[] };
  const pieces = parts.map(({ partNumber, etag }) => {
    const piece = world.parts.get(`${name}/${partNumber}`);
    if (!piece || etagOf(piece) !== etag) throw new HubProblem(400, `part ${partNumber} is missing`);
    return piece;
  });
  keep(world, name, Buffer.concat(pieces));
  return { body: {} };
}

async function storeBlob(world: World, name: string, body: Buffer): Promise<void> {
  await trouble(world);
  keep(world, name, body);
}

async function trouble({ behaviour }: World): Promise<void> {
  await delay(behaviour.uploadMs);
  if (behaviour.failUploads <= 0) return;
  behaviour.failUploads--;
  throw new HubProblem(500, "Internal error");
}

function keep({ blobs }: World, name: string, body: Buffer): void {
  if (createHash("sha256").update(body).digest("hex") !== name.slice(name.lastIndexOf("/") + 1))
    throw new HubProblem(400, "The object has another digest");
  blobs.set(name, body);
}

function etagOf(body: Buffer): string {
  return `"${createHash("md5").update(body).digest("hex")}"`;
}
