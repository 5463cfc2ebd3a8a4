import type { CannedAcl, ObjectStorage } from "../../adapters/storage/storage.ts";
import type { AreasFrom } from "./area-lists.ts";
import { isPublicRead } from "./canned-acl.ts";
import { S3Error } from "./s3-errors.ts";

/** What an access key opens. */
export interface S3Credential {
  secretAccessKey: string;
  /** The area: keys under `prefix` of `bucket` ("*" with prefix "" for everything). */
  scope: { bucket: string; prefix: string };
  access: "readwrite" | "read";
  /** The job that the key was made for, null for a person's key. */
  jobId: string | null;
  /** Whose rights decide about each key, instead of the scope. */
  caller?: S3Caller;
  /** What its requests are counted by; left out, they are anybody's. */
  client?: string;
}

/** Somebody who came without an S3 signature: a browser session or the single user of this machine. */
export interface S3Caller {
  /** As {@link S3Credential}'s. */
  client?: string;
  /** For a list, `key` is its prefix: "" asks for the whole bucket. */
  canRead(bucket: string, key: string): Promise<boolean> | boolean;
  canDelete(bucket: string, key: string): Promise<boolean> | boolean;
  /** What of the bucket such a caller may read who may not read all of it; null where that is nothing at all. */
  readableAreas?(bucket: string): AreasFrom | null;
}

/** S3's limit for the key that a client names; the stored key has its area's prefix in front. */
const maxKeyBytes = 1024;

/** What is done to a key. */
export type S3Action = "read" | "write" | "delete";

/** Which stored keys a list covers, and what its answer leaves out in front of each. */
export interface ListView {
  storedPrefix: string;
  hiddenPrefix: string;
  /** Set: only what lies in these areas is shown. */
  areas?: AreasFrom;
}

/** Decides for one request; every refusal is AccessDenied. */
export interface S3Access {
  readonly jobId: string | null;
  /** Who proved to have sent the request, as rate limits tell clients apart; null for anybody. */
  readonly client: string | null;
  /** The stored key that the client's key means. */
  storedKey(bucket: string, key: string, action: S3Action): Promise<string>;
  listView(bucket: string, prefix: string): Promise<ListView>;
  /** Whether the bucket is one to name in a list of buckets. */
  canSeeBucket(bucket: string): Promise<boolean>;
  /** Whether a bucket of this name may be created. */
  canCreateBucket(bucket: string): boolean;
  /** Throws unless the bucket itself may be changed or removed: no job may, since it shares it with others. */
  assertWholeBucket(bucket: string): void;
}

/**
 * The view of an access key: it sees its area as if that were the bucket. Keys that spell the area's prefix out
 * mean the same objects, since trainers do both.
 */
export function credentialAccess(credential: S3Credential): S3Access {
  const client = credential.client ?? null;
  if (credential.caller) return { ...callerAccess(credential.caller), client };
  const { bucket: ownBucket, prefix: givenPrefix } = credential.scope;
  // Without the slash `job1` would open `job10` too.
  const prefix = givenPrefix === "" || givenPrefix.endsWith("/") ? givenPrefix : `${givenPrefix}/`;
  const isOwn = (bucket: string): boolean => ownBucket === "*" || ownBucket === bucket;
  const assertOwn = (bucket: string, action: S3Action): void => {
    if (!isOwn(bucket) || (action !== "read" && credential.access !== "readwrite"))
      throw new S3Error("AccessDenied");
  };
  return {
    jobId: credential.jobId,
    client,
    async storedKey(bucket, key, action) {
      assertOwn(bucket, action);
      assertKeyLength(key);
      return key.startsWith(prefix) ? key : prefix + key;
    },
    async listView(bucket, listPrefix) {
      assertOwn(bucket, "read");
      if (listPrefix.startsWith(prefix)) return { storedPrefix: listPrefix, hiddenPrefix: "" };
      return { storedPrefix: prefix + listPrefix, hiddenPrefix: prefix };
    },
    canSeeBucket: async (bucket) => isOwn(bucket),
    canCreateBucket: (bucket) => isOwn(bucket) && credential.access === "readwrite",
    assertWholeBucket(bucket) {
      assertOwn(bucket, "write");
      if (prefix !== "") throw new S3Error("AccessDenied");
    },
  };
}

/** The view of a caller without a signature: whole keys, reading and deleting only. */
export function callerAccess(caller: S3Caller): S3Access {
  return {
    jobId: null,
    client: caller.client ?? null,
    async storedKey(bucket, key, action) {
      assertKeyLength(key);
      const allowed =
        action === "read"
          ? await caller.canRead(bucket, key)
          : action === "delete" && (await caller.canDelete(bucket, key));
      if (!allowed) throw new S3Error("AccessDenied");
      return key;
    },
    async listView(bucket, prefix) {
      const view = { storedPrefix: prefix, hiddenPrefix: "" };
      if (await caller.canRead(bucket, prefix)) return view;
      const areas = prefix.includes("/") ? null : caller.readableAreas?.(bucket);
      if (!areas) throw new S3Error("AccessDenied");
      return { ...view, areas };
    },
    canSeeBucket: async (bucket) =>
      (await caller.canRead(bucket, "")) || (caller.readableAreas?.(bucket) ?? null) !== null,
    canCreateBucket: () => false,
    assertWholeBucket() {
      throw new S3Error("AccessDenied");
    },
  };
}

/** The view of anybody, where public access lists are allowed: what the lists of buckets and objects open. */
export function anonymousAccess(storage: ObjectStorage): S3Access {
  const aclOf = async (bucket: string): Promise<CannedAcl | undefined> => {
    const found = await storage.findBucket(bucket);
    if (found === null) throw new S3Error("NoSuchBucket");
    return found.acl;
  };
  const isReadable = async (bucket: string, key: string): Promise<boolean> => {
    const info = await storage.headObject(bucket, key);
    // Whether an object is absent may be known to those who may list.
    return info === null ? isPublicRead(await aclOf(bucket)) : isPublicRead(info.acl);
  };
  return {
    jobId: null,
    client: null,
    async storedKey(bucket, key, action) {
      assertKeyLength(key);
      const bucketAcl = await aclOf(bucket);
      const allowed = action === "read" ? await isReadable(bucket, key) : bucketAcl === "public-read-write";
      if (!allowed) throw new S3Error("AccessDenied");
      return key;
    },
    async listView(bucket, prefix) {
      if (!isPublicRead(await aclOf(bucket))) throw new S3Error("AccessDenied");
      return { storedPrefix: prefix, hiddenPrefix: "" };
    },
    canSeeBucket: async (bucket) => isPublicRead((await storage.findBucket(bucket))?.acl),
    canCreateBucket: () => false,
    assertWholeBucket() {
      throw new S3Error("AccessDenied");
    },
  };
}

function assertKeyLength(key: string): void {
  if (Buffer.byteLength(key) > maxKeyBytes) throw new S3Error("KeyTooLongError");
}
