import { createHash } from "node:crypto";
import {
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import type { AddressSigner } from "./presigned-address.ts";
import { externalFailure, type ExternalPlace, isAbsent, refusal } from "./external-errors.ts";

/** S3's most for one request. */
const deleteBatch = 1000;
const connectMs = 5_000;
/** Longer than the endpoint waits for a silent client, so that the client's silence is told as such. */
const defaultIdleMs = 90_000;
/** Of one request that can be sent again; the SDK waits longer before each. */
const defaultAttempts = 4;
const documentAttempts = 3;

/** Which external bucket, and how to reach it. */
export interface ExternalBucket {
  bucket: string;
  /** Everything lies below it; without slashes at its ends, may be empty. */
  prefix: string;
  /** Null: the address that the SDK knows for the region. */
  endpoint: string | null;
  region: string;
  /** True for `endpoint/bucket/key`, false for `bucket.endpoint/key`. */
  pathStyle: boolean;
  /** Null: what the SDK finds by itself (profile, role of the machine). */
  credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string } | null;
  /** A connection on which nothing moves for so long is given up. */
  idleTimeoutMs?: number;
  maxAttempts?: number;
}

/** One object of a list; the time in epoch milliseconds. */
export interface ListedObject {
  name: string;
  sizeBytes: number;
  etag: string;
  lastModifiedMs: number;
}

/** The external bucket; names are whole keys of it. Every error is a failure of the contract. */
export interface Connection {
  readonly place: ExternalPlace;
  /** Prefix of every name, empty or ending in a slash. */
  readonly root: string;
  /** The name of something that is no object of the port. No port bucket starts with a dot, so none is near it. */
  own(...names: string[]): string;
  /** Runs a request, answering null when there is no such object. */
  find<Output>(request: (client: S3Client, bucket: string) => Promise<Output>): Promise<Output | null>;
  call<Output>(request: (client: S3Client, bucket: string) => Promise<Output>): Promise<Output>;
  /** A small document of our own with its time; null when it is absent or damaged. */
  readDocument(name: string): Promise<{ value: object; lastModifiedMs: number } | null>;
  writeDocument(name: string, value: object): Promise<void>;
  /** Everything whose name starts with `prefix`, in the byte order of UTF-8. */
  list(prefix: string): AsyncGenerator<ListedObject>;
  /** Deletes names, absent ones too. */
  remove(names: readonly string[]): Promise<void>;
  /** What requests are signed with now. */
  signer(): Promise<AddressSigner>;
  close(): void;
}

/** Prepares requests to an external bucket; nothing is sent before the first. */
export function connect(external: ExternalBucket): Connection {
  const client = makeClient(external);
  const { bucket, prefix } = external;
  const place = { endpoint: placeName(external), bucket };
  const root = prefix === "" ? "" : `${prefix}/`;
  const call: Connection["call"] = (request) =>
    request(client, bucket).catch((error: unknown) => {
      throw externalFailure(error, place);
    });
  const find: Connection["find"] = (request) =>
    request(client, bucket).catch((error: unknown) => {
      if (isAbsent(error)) return null;
      throw externalFailure(error, place);
    });
  return {
    place,
    root,
    own: (...names) => [`${root}.simpletuner`, ...names].join("/"),
    find,
    call,
    readDocument: (name) => find(() => readDocument(client, bucket, name)),
    async writeDocument(name, value) {
      const input = {
        Bucket: bucket,
        Key: name,
        Body: JSON.stringify(value),
        ContentType: "application/json",
      };
      await call(() => client.send(new PutObjectCommand(input)));
    },
    list: (namePrefix) => listNames(call, namePrefix),
    remove: (names) => removeNames(call, place, names),
    signer: () => call(() => client.config.credentials()),
    close: () => client.destroy(),
  };
}

function makeClient(external: ExternalBucket): S3Client {
  const { endpoint, region, pathStyle, credentials } = external;
  return new S3Client({
    region,
    forcePathStyle: pathStyle,
    maxAttempts: external.maxAttempts ?? defaultAttempts,
    ...(endpoint !== null && { endpoint }),
    ...(credentials !== null && { credentials }),
    // Many services do not know the newer checksums; ours travel in the description.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    // What it would write to the console is told by the errors.
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    requestHandler: {
      connectionTimeout: connectMs,
      socketTimeout: external.idleTimeoutMs ?? defaultIdleMs,
      // Slow readers each hold a connection; a limit would let them stop everybody else.
      httpAgent: { maxSockets: Number.POSITIVE_INFINITY },
      httpsAgent: { maxSockets: Number.POSITIVE_INFINITY },
    },
  });
}

function placeName({ endpoint, region }: ExternalBucket): string {
  return endpoint === null ? `Amazon S3 ${region}` : new URL(endpoint).origin;
}

async function readDocument(
  client: S3Client,
  bucket: string,
  name: string,
): Promise<{ value: object; lastModifiedMs: number } | null> {
  for (let attempt = 1; ; attempt++) {
    const answer = await client.send(new GetObjectCommand({ Bucket: bucket, Key: name }));
    try {
      const value = parseObject((await answer.Body?.transformToString()) ?? "");
      return value === null ? null : { value, lastModifiedMs: answer.LastModified?.getTime() ?? 0 };
    } catch (error) {
      // The SDK repeats requests, but not those whose answer broke off.
      if (attempt === documentAttempts) throw error;
    }
  }
}

/** The object that a JSON text stands for, null for anything else. */
export function parseObject(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : null;
  } catch {
    return null;
  }
}

async function* listNames(call: Connection["call"], prefix: string): AsyncGenerator<ListedObject> {
  let token: string | undefined;
  do {
    const page = await call((client, bucket) =>
      client.send(
        new ListObjectsV2Command({
          Bucket: bucket,
          Prefix: prefix,
          EncodingType: "url",
          ContinuationToken: token,
        }),
      ),
    );
    for (const entry of page.Contents ?? []) yield listedObject(entry, page.EncodingType);
    token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
  } while (token !== undefined);
}

/** An entry of a list, its key decoded. */
export function listedObject(
  entry: { Key?: string; Size?: number; ETag?: string; LastModified?: Date },
  encoding: string | undefined,
): ListedObject {
  return {
    name: decodeName(entry.Key ?? "", encoding),
    sizeBytes: entry.Size ?? 0,
    etag: plainEtag(entry.ETag),
    lastModifiedMs: entry.LastModified?.getTime() ?? 0,
  };
}

/** A name of a list that was asked for with encoding-type=url; the SDK leaves it as it came. */
export function decodeName(name: string, encoding: string | undefined): string {
  return encoding === "url" ? decodeURIComponent(name.replaceAll("+", " ")) : name;
}

/** An ETag without its quotes. */
export function plainEtag(etag: string | undefined): string {
  return (etag ?? "").replace(/^W\//, "").replaceAll('"', "");
}

/** SHA-256 of a key in hex. */
export function keyDigest(key: string): string {
  return createHash("sha256").update(key).digest("hex");
}

async function removeNames(
  call: Connection["call"],
  place: ExternalPlace,
  names: readonly string[],
): Promise<void> {
  // What XML cannot hold cannot be named in a list of keys.
  const isListable = (name: string): boolean => !/[\p{Cc}\ufffe\uffff]/u.test(name);
  const listable = names.filter(isListable);
  for (let at = 0; at < listable.length; at += deleteBatch) {
    const Objects = listable.slice(at, at + deleteBatch).map((Key) => ({ Key }));
    const answer = await call((client, bucket) =>
      client.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet: true } })),
    );
    const [problem] = answer.Errors ?? [];
    if (problem !== undefined) throw refusal(problem.Code ?? "unknown", place);
  }
  for (const name of names.filter((one) => !isListable(one)))
    await call((client, bucket) => client.send(new DeleteObjectCommand({ Bucket: bucket, Key: name })));
}
