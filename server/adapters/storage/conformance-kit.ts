import { createHash } from "node:crypto";
import { Failure } from "@simpletuner-cloud/contract/errors.ts";
import type { Body, ObjectDescription, ObjectStorage, UploadRef } from "./storage.ts";

/** An object without headers or metadata. */
export const plain: ObjectDescription = { headers: {}, userMetadata: {} };

/** `buffers` as a body. */
export async function* bodyOf(...buffers: (Buffer | string)[]): Body {
  for (const buffer of buffers) yield Buffer.from(buffer);
}

/** A body that breaks after its first bytes, as that of a client that goes away. */
export async function* brokenBody(before: Buffer | string): Body {
  yield Buffer.from(before);
  throw new Error("cut");
}

/** Stores a small object. */
export async function put(storage: ObjectStorage, key: string, content: string | Buffer): Promise<string> {
  return (await storage.putObject({ bucket: "outputs", key, ...plain, body: bodyOf(content) })).etag;
}

/** The bytes of an object (or of a range of it), null when there is none. */
export async function get(
  storage: ObjectStorage,
  key: string,
  range?: { start: number; end: number },
): Promise<Buffer | null> {
  const object = await storage.getObject("outputs", key);
  if (object === null) return null;
  const chunks: Buffer[] = [];
  try {
    await object.read(range ?? { start: 0, end: object.info.sizeBytes }, async (chunk) => {
      chunks.push(Buffer.from(chunk));
    });
  } finally {
    await object.close();
  }
  return Buffer.concat(chunks);
}

/** For `assert.rejects`: an expected failure with this code. */
export function failsWith(code: string): (error: unknown) => boolean {
  return (error) => error instanceof Failure && error.code === code;
}

/** MD5 in hex. */
export function md5(...buffers: (Buffer | string)[]): string {
  const hash = createHash("md5");
  for (const buffer of buffers) hash.update(buffer);
  return hash.digest("hex");
}

/** Opens a multipart upload without checksums to the bucket `outputs`. */
export async function createUpload(storage: ObjectStorage, key: string): Promise<UploadRef> {
  const upload = {
    bucket: "outputs",
    key,
    ...plain,
    checksumAlgorithm: null,
    checksumType: "COMPOSITE",
  } as const;
  const { uploadId } = await storage.createUpload(upload);
  return { bucket: "outputs", key, uploadId };
}
