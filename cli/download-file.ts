import { createHash } from "node:crypto";
import { constants, createReadStream } from "node:fs";
import { type FileHandle, mkdir, open, rename, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { errorOf } from "@simpletuner-cloud/contract/client.ts";
import type { Artifact } from "@simpletuner-cloud/contract/results.ts";
import { CommandFailure } from "./io.ts";
import { formatBytes } from "./output.ts";
import type { ServerConnection } from "./server-address.ts";

/** What a download does and where it goes. */
export interface FileDownload {
  server: ServerConnection;
  artifact: Pick<Artifact, "key" | "url" | "etag" | "size_bytes">;
  /** Where the finished file lies. */
  path: string;
  /** Replaces another file that is there. */
  replace: boolean;
  interrupted: AbortSignal;
  /** Called with all bytes of the file that are here. */
  onBytes: (bytes: number) => void;
  /** First pause after a broken connection; each further one is twice as long. */
  retryMs?: number;
  /** A connection that brings nothing for so long is taken for broken. */
  stallMs?: number;
}

/** How a download ended: the file was fetched, or lay there already. */
export type Downloaded = "fetched" | "already here";

/** Broken connections in a row without a new byte before the download gives up. */
const mostFailures = 5;

/**
 * Brings one file home: into `.<name>.<etag>.part` beside its place, continued where an earlier attempt ended, checked by
 * size and by ETag where that is the MD5, then renamed. Broken off at any moment, it leaves the old file or the new one
 * whole. Throws a {@link CommandFailure} or the server's error.
 */
export async function downloadFile(download: FileDownload): Promise<Downloaded> {
  const { artifact, path } = download;
  const there = await sizeOf(path);
  // Only an MD5 can tell that nothing has to be replaced.
  const isSure = isMd5(artifact.etag) || !download.replace;
  if (there !== null && isSure && (await isWanted(path, artifact))) return "already here";
  if (there !== null && !download.replace)
    throw new CommandFailure(
      `${path} exists and is another file. Add --force to replace it, or choose another folder with --to.`,
    );
  await mkdir(dirname(path), { recursive: true });
  const partPath = join(dirname(path), `.${basename(path).slice(0, 100)}.${partTag(artifact)}.part`);
  // Made when it is absent, kept when it is there, and written at positions, which appending would ignore.
  const handle = await open(partPath, constants.O_RDWR | constants.O_CREAT, 0o666);
  try {
    await fill(download, handle);
    if (!(await isWanted(partPath, artifact))) {
      await handle.truncate(0);
      throw new CommandFailure(
        `${artifact.key} arrived damaged: its MD5 is not the server's. Run the command again to fetch it anew.`,
      );
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(partPath, path);
  return "fetched";
}

/** Fetches what is missing of the part, over broken connections, until it has the whole size. */
async function fill(download: FileDownload, part: FileHandle): Promise<void> {
  const { artifact } = download;
  let failures = 0;
  for (;;) {
    const have = (await part.stat()).size;
    if (have > artifact.size_bytes) await part.truncate(0);
    download.onBytes(Math.min(have, artifact.size_bytes));
    if (have === artifact.size_bytes) return;
    try {
      await fetchRest(download, part, have > artifact.size_bytes ? 0 : have);
    } catch (error) {
      download.interrupted.throwIfAborted();
      if (!(error instanceof BrokenOff)) throw error;
      failures = (await part.stat()).size > have ? 0 : failures + 1;
      if (failures >= mostFailures)
        throw new CommandFailure(
          `${artifact.key} broke off at ${formatBytes((await part.stat()).size)} of ${formatBytes(artifact.size_bytes)}: ${error.message}. Run the command again to continue.`,
        );
      await delay((download.retryMs ?? 500) * 2 ** failures, undefined, { signal: download.interrupted });
    }
  }
}

/** The connection failed: trying again may help. */
class BrokenOff extends Error {}

async function fetchRest(download: FileDownload, part: FileHandle, have: number): Promise<void> {
  const { artifact, server } = download;
  const stalled = new AbortController();
  const watch = setTimeout(
    () => stalled.abort(new Error("nothing arrived any more")),
    download.stallMs ?? 60_000,
  );
  const signal = AbortSignal.any([download.interrupted, stalled.signal]);
  try {
    const answer = await server
      .open(
        artifact.url,
        {
          "if-match": `"${artifact.etag}"`,
          "accept-encoding": "identity",
          ...(have > 0 ? { range: `bytes=${have}-` } : {}),
        },
        signal,
      )
      .catch(asBroken);
    await checkAnswer(answer, artifact.key);
    // A server that does not know ranges sends the whole file.
    let position = answer.status === 206 ? have : 0;
    if (position === 0) await part.truncate(0);
    const chunks = (answer.body ?? new ReadableStream<Uint8Array>())[Symbol.asyncIterator]();
    for (;;) {
      const { done, value } = await chunks.next().catch(asBroken);
      if (done) break;
      watch.refresh();
      if (position + value.length > artifact.size_bytes)
        throw new CommandFailure(`${artifact.key} is longer than the server said. List the artifacts again.`);
      await writeAll(part, value, position);
      position += value.length;
      download.onBytes(position);
    }
    if (position < artifact.size_bytes) throw new BrokenOff("the connection ended early");
  } finally {
    clearTimeout(watch);
  }
}

async function checkAnswer(answer: Response, key: string): Promise<void> {
  if (answer.ok) return;
  if (answer.status === 412 || answer.status === 404)
    throw new CommandFailure(`${key} was changed or deleted on the server meanwhile. Run the command again.`);
  if (answer.status >= 500) throw new BrokenOff(`the server answered ${answer.status}`);
  throw await errorOf(answer);
}

async function writeAll(part: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const { bytesWritten } = await part.write(bytes, at, bytes.length - at, position + at);
    at += bytesWritten;
  }
}

function asBroken(error: unknown): never {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  throw new BrokenOff(cause instanceof Error ? cause.message : String(cause), { cause: error });
}

/** An ETag of 32 hex digits is the MD5 of the file; one of a multipart upload says nothing about its bytes alone. */
function isMd5(etag: string): boolean {
  return /^[0-9a-f]{32}$/.test(etag);
}

async function isWanted(path: string, { etag, size_bytes }: FileDownload["artifact"]): Promise<boolean> {
  if ((await sizeOf(path)) !== size_bytes) return false;
  if (!isMd5(etag)) return true;
  const digest = createHash("md5");
  for await (const chunk of createReadStream(path)) digest.update(chunk as Buffer);
  return digest.digest("hex") === etag;
}

async function sizeOf(path: string): Promise<number | null> {
  try {
    const found = await stat(path);
    if (!found.isFile())
      throw new CommandFailure(`${path} exists and is not a file. Choose another folder with --to.`);
    return found.size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** Another version of the file must not be continued with this one's bytes. */
function partTag({ url, etag, size_bytes }: FileDownload["artifact"]): string {
  return createHash("sha256").update(`${url} ${etag} ${size_bytes}`).digest("hex").slice(0, 12);
}
