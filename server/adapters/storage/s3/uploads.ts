import { randomBytes } from "node:crypto";
import {
  AbortMultipartUploadCommand,
  ListPartsCommand,
  PutObjectCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { Checksums, CreateUpload, PartInfo, PutPart, UploadInfo, UploadRef } from "../storage.ts";
import { compareKeys } from "../object-names.ts";
import { parseObject, plainEtag } from "./connection.ts";
import { newVersionId } from "./descriptions.ts";
import { isUnknownUpload } from "./external-errors.ts";
import { md5Field, openUpload } from "./object-writing.ts";
import { bodyPieces, sendStreamed } from "./streamed-body.ts";
import type { ReadingParts } from "./versions.ts";

const mebibyte = 1024 * 1024;
const maxPartNumber = 10_000;
/** A part of unknown length, or one this short, is held to be sent. */
const heldBytes = 8 * mebibyte;
const heldDeclaredBytes = mebibyte;

/** An upload as every server knows it: ours, and the external one that takes the parts. */
export interface UploadState {
  info: UploadInfo;
  externalId: string;
  /** Of the object that it becomes. */
  versionId: string;
}

/** Where the state of an open upload is. */
export function stateName({ connection }: ReadingParts, bucket: string, uploadId: string): string {
  return connection.own("uploads", bucket, uploadId);
}

/** Opens an upload; the external one comes first, so a crash between leaves one that the sweep aborts. */
export async function createUpload(
  parts: ReadingParts,
  input: CreateUpload,
  nowMs: number,
): Promise<UploadInfo> {
  const versionId = newVersionId();
  const mark = { id: versionId, description: null };
  const externalId = await openUpload(parts, input.bucket, input.key, mark, input);
  const info: UploadInfo = { ...input, uploadId: randomBytes(16).toString("hex"), createdMs: nowMs };
  const state: UploadState = { info, externalId, versionId };
  await parts.connection.writeDocument(stateName(parts, input.bucket, info.uploadId), state);
  return info;
}

/** Null when the upload is unknown, aborted or completed. */
export async function findState(parts: ReadingParts, ref: UploadRef): Promise<UploadState | null> {
  if (!/^[0-9a-f]{32}$/.test(ref.uploadId)) return null;
  const document = await parts.connection.readDocument(stateName(parts, ref.bucket, ref.uploadId));
  const state = document?.value;
  if (state === undefined || !isState(state)) return null;
  return state.info.bucket === ref.bucket && state.info.key === ref.key ? state : null;
}

/** As {@link findState}, refusing with `upload_not_found`. */
export async function requireState(parts: ReadingParts, ref: UploadRef): Promise<UploadState> {
  const state = await findState(parts, ref);
  if (state === null) throw unknownUpload(ref);
  return state;
}

/** The refusal of an upload that is not open. */
export function unknownUpload({ uploadId }: UploadRef): Error {
  return fail("upload_not_found", { upload_id: uploadId.slice(0, 80) });
}

function isState(value: object): value is UploadState {
  return "info" in value && "externalId" in value && "versionId" in value;
}

/** Every open upload of a bucket whose key starts with `prefix`, by key, then by age. */
export async function listStates(
  parts: ReadingParts,
  bucket: string,
  prefix: string,
): Promise<UploadState[]> {
  const { connection } = parts;
  const found: UploadState[] = [];
  for await (const { name } of connection.list(connection.own("uploads", bucket, ""))) {
    const state = (await connection.readDocument(name))?.value;
    if (state !== undefined && isState(state) && state.info.key.startsWith(prefix)) found.push(state);
  }
  return found.sort(
    ({ info: left }, { info: right }) => compareKeys(left.key, right.key) || left.createdMs - right.createdMs,
  );
}

/** Stores one part; streamed when its length is known. */
export async function putPart(parts: ReadingParts, input: PutPart, nowMs: () => number): Promise<PartInfo> {
  const { partNumber } = input;
  if (!Number.isInteger(partNumber) || partNumber < 1 || partNumber > maxPartNumber)
    throw fail("upload_part_invalid", { part_number: partNumber });
  const state = await requireState(parts, input);
  const { etag, sizeBytes } = await sendPart(parts, state, input);
  const checksums = input.checksums?.() ?? {};
  if (Object.keys(checksums).length > 0) await keepChecksums(parts, state, partNumber, etag, checksums);
  return { partNumber, sizeBytes, etag, checksums, lastModifiedMs: nowMs() };
}

async function sendPart(
  parts: ReadingParts,
  state: UploadState,
  input: PutPart,
): Promise<{ etag: string; sizeBytes: number }> {
  const fields = {
    Key: parts.nameOf(state.info.bucket, state.info.key),
    UploadId: state.externalId,
    PartNumber: input.partNumber,
    ...md5Field(input.expectedMd5),
  };
  const { declaredBytes } = input;
  if (declaredBytes !== null && declaredBytes > heldDeclaredBytes) {
    const answer = await sendStreamed({ body: input.body, declaredBytes }, (stream, abortSignal) =>
      onUpload(parts, input, (Bucket, client) => {
        const command = new UploadPartCommand({
          ...fields,
          Bucket,
          Body: stream,
          ContentLength: declaredBytes,
        });
        return client.send(command, { abortSignal });
      }),
    );
    return { etag: plainEtag(answer.ETag), sizeBytes: declaredBytes };
  }
  const body = await takeShort(input);
  const { ETag } = await onUpload(parts, input, (Bucket, client) =>
    client.send(new UploadPartCommand({ ...fields, Bucket, Body: body })),
  );
  return { etag: plainEtag(ETag), sizeBytes: body.length };
}

async function takeShort(input: PutPart): Promise<Buffer> {
  const pieces = bodyPieces(input.body);
  try {
    const { piece, isLast } = await pieces.take(heldBytes);
    if (!isLast) throw fail("body_length_required", { limit_bytes: heldBytes });
    if (input.declaredBytes !== null && piece.length !== input.declaredBytes)
      throw new Error(`A part of ${piece.length} bytes was declared with ${input.declaredBytes}.`);
    return piece;
  } finally {
    await pieces.close();
  }
}

type Client = Parameters<Parameters<ReadingParts["connection"]["call"]>[0]>[0];

/** A request about the external upload; one that the service no longer knows is `upload_not_found`. */
async function onUpload<Output>(
  { connection }: ReadingParts,
  ref: UploadRef,
  request: (bucket: string, client: Client) => Promise<Output>,
): Promise<Output> {
  const answer = await connection.call((client, bucket) =>
    request(bucket, client).catch((error: unknown) => {
      if (isUnknownUpload(error)) return null;
      throw error;
    }),
  );
  if (answer === null) throw unknownUpload(ref);
  return answer;
}

/**
 * The checksums of a part, in the name of an empty object beside the upload: one list tells them all, and services
 * keep only some of them. The ETag says which version of the part they belong to.
 */
async function keepChecksums(
  { connection }: ReadingParts,
  { info }: UploadState,
  partNumber: number,
  etag: string,
  checksums: Checksums,
): Promise<void> {
  const told = Buffer.from(JSON.stringify({ etag, checksums })).toString("base64url");
  const Key = connection.own("parts", info.uploadId, `${String(partNumber).padStart(5, "0")}-${told}`);
  await connection.call((client, Bucket) => client.send(new PutObjectCommand({ Bucket, Key, Body: "" })));
}

/** The names of what is kept about the parts of an upload. */
export async function partNames({ connection }: ReadingParts, uploadId: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of connection.list(connection.own("parts", uploadId, ""))) names.push(name);
  return names;
}

/** The stored parts in ascending order. */
export async function listParts(parts: ReadingParts, state: UploadState): Promise<PartInfo[]> {
  const [checksums, stored] = await Promise.all([keptChecksums(parts, state), externalParts(parts, state)]);
  return stored.map((part) => ({
    ...part,
    checksums: checksums.get(`${part.partNumber}-${part.etag}`) ?? {},
  }));
}

async function keptChecksums(parts: ReadingParts, { info }: UploadState): Promise<Map<string, Checksums>> {
  const kept = new Map<string, Checksums>();
  for (const name of await partNames(parts, info.uploadId)) {
    const [, number = "", told = ""] = /\/(\d{5})-([\w-]+)$/.exec(name) ?? [];
    const value = parseObject(Buffer.from(told, "base64url").toString());
    if (value === null || !("etag" in value) || !("checksums" in value)) continue;
    const { checksums } = value;
    if (typeof checksums === "object" && checksums !== null)
      kept.set(`${Number(number)}-${String(value.etag)}`, checksums);
  }
  return kept;
}

/** As the service knows them; `checksums` are left out. */
export async function externalParts(
  parts: ReadingParts,
  state: UploadState,
): Promise<Omit<PartInfo, "checksums">[]> {
  const input = { Key: parts.nameOf(state.info.bucket, state.info.key), UploadId: state.externalId };
  const found: Omit<PartInfo, "checksums">[] = [];
  let marker: string | undefined;
  do {
    const page = await onUpload(parts, state.info, (Bucket, client) =>
      client.send(new ListPartsCommand({ ...input, Bucket, PartNumberMarker: marker })),
    );
    for (const { PartNumber, Size, ETag, LastModified } of page.Parts ?? [])
      found.push({
        partNumber: PartNumber ?? 0,
        sizeBytes: Size ?? 0,
        etag: plainEtag(ETag),
        lastModifiedMs: LastModified?.getTime() ?? 0,
      });
    marker = page.IsTruncated === true ? page.NextPartNumberMarker : undefined;
  } while (marker !== undefined);
  return found;
}

/** Aborts the external upload and forgets ours; one that the service has lost counts as aborted. */
export async function abortState(parts: ReadingParts, state: UploadState): Promise<void> {
  const { connection, nameOf } = parts;
  const { bucket, key, uploadId } = state.info;
  const input = { Key: nameOf(bucket, key), UploadId: state.externalId };
  await connection.call((client, Bucket) =>
    client.send(new AbortMultipartUploadCommand({ ...input, Bucket })).catch((error: unknown) => {
      if (!isUnknownUpload(error)) throw error;
    }),
  );
  await connection.remove([...(await partNames(parts, uploadId)), stateName(parts, bucket, uploadId)]);
}
