import { createHash } from "node:crypto";
import type { Dice } from "./s3-fuzz-dice.ts";
import type { FuzzKey } from "./s3-fuzz-signing.ts";

/** A request before it is signed: what an operation needs, and nothing that depends on how it is sent. */
export interface Draft {
  operation: string;
  method: string;
  /** Below the mount point, percent-encoded. */
  path: string;
  /** Encoded names and values; null sends a name alone. */
  query: [name: string, value: string | null][];
  headers: [name: string, value: string][];
  content: Buffer;
  /** The operation reads its body, so that a body changed under its signature must be refused. */
  takesBody: boolean;
  key: FuzzKey;
}

/** What the fuzzed endpoint was prepared with. */
export interface FuzzWorld {
  /** Opens `outputs/job1/`. */
  job: FuzzKey;
  /** Opens the bucket `own-bucket`, which it may remove. */
  owner: FuzzKey;
  /** Open multipart uploads of the job: each has part 1. */
  uploads: readonly { key: string; uploadId: string; etag: string }[];
}

/** Keys that the job writes, as they stand in a path. */
export const pathKeys = [
  "a",
  "a/b",
  "a/b/c",
  "small",
  "large",
  "%E6%97%A5%E6%9C%AC/%F0%9F%8E%88",
  "sp%20ace",
  "p%2Bq",
  "dir/",
  "x//y",
  "%2e%2e/up",
  "..",
  "../../etc/passwd",
  "link/outside.txt",
  ".s3/meta",
  "q%00r",
  "k".repeat(1024),
  "checkpoint-10/model.safetensors",
  "con",
  "A",
  "%5c..%5cz",
  "none",
] as const;

/** Keys that exist before the first request. */
export const storedKeys = [
  "a",
  "a/b",
  "small",
  "large",
  "%E6%97%A5%E6%9C%AC/%F0%9F%8E%88",
  "sp%20ace",
] as const;

type Maker = (dice: Dice, world: FuzzWorld) => Partial<Draft>;

const existing = (dice: Dice): string => `/outputs/${dice.pick(storedKeys)}`;
const anyKey = (dice: Dice): string => `/outputs/${dice.pick(pathKeys)}`;
const bodyBytes = (dice: Dice): Buffer => dice.bytes(dice.pick([0, 1, 100, 5_000, 70_000]));

/** By operation; what is left out is a GET without query, headers or body by the job. */
const makers: Record<string, Maker> = {
  ListBuckets: (dice) => ({ path: dice.pick(["", "/", "/?"]).replace("?", "") }),
  HeadBucket: () => ({ method: "HEAD", path: "/outputs" }),
  CreateBucket: (dice, { owner }) => ({
    method: "PUT",
    path: "/own-bucket",
    key: owner,
    takesBody: true,
    content: Buffer.from(
      dice.pick([
        "",
        "<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>",
      ]),
    ),
  }),
  DeleteBucket: (_, { owner }) => ({ method: "DELETE", path: "/own-bucket", key: owner }),
  GetBucketLocation: () => ({ path: "/outputs", query: [["location", null]] }),
  ListObjects: (dice) => ({ path: "/outputs/", query: listQuery(dice, "marker") }),
  ListObjectsV2: (dice) => ({
    path: "/outputs",
    query: [["list-type", "2"], ...listQuery(dice, "start-after")],
  }),
  ListVersions: (dice) => ({ path: "/outputs", query: [["versions", ""], ...listQuery(dice, "key-marker")] }),
  ListUploads: (dice) => ({ path: "/outputs", query: [["uploads", ""], ...listQuery(dice, "key-marker")] }),
  GetBucketAcl: () => ({ path: "/outputs", query: [["acl", null]] }),
  PutBucketAcl: (_, { owner }) => ({
    method: "PUT",
    path: "/own-bucket",
    query: [["acl", null]],
    key: owner,
    headers: [["x-amz-acl", "private"]],
  }),
  BucketTagging: (dice, { owner }) => ({ ...tagging(dice), path: "/own-bucket", key: owner }),
  PutObject: (dice) => ({
    method: "PUT",
    path: anyKey(dice),
    headers: describing(dice),
    content: bodyBytes(dice),
    takesBody: true,
  }),
  PutOwnObject: (dice, { owner }) => ({
    method: "PUT",
    path: `/own-bucket/${dice.pick(pathKeys)}`,
    content: bodyBytes(dice),
    takesBody: true,
    key: owner,
  }),
  GetObject: (dice) => ({ path: existing(dice), query: readQuery(dice), headers: reading(dice) }),
  GetAnyObject: (dice) => ({ path: anyKey(dice), headers: reading(dice) }),
  HeadObject: (dice) => ({
    method: "HEAD",
    path: existing(dice),
    query: readQuery(dice),
    headers: reading(dice),
  }),
  DeleteObject: (dice) => ({ method: "DELETE", path: anyKey(dice) }),
  DeleteObjects: (dice) => ({ ...deletion(dice), path: "/outputs", query: [["delete", ""]] }),
  CopyObject: (dice) => ({
    method: "PUT",
    path: anyKey(dice),
    headers: [["x-amz-copy-source", `/outputs/${dice.pick(storedKeys)}`], ...copying(dice)],
  }),
  CreateUpload: (dice) => ({
    method: "POST",
    path: anyKey(dice),
    query: [["uploads", ""]],
    headers: describing(dice),
  }),
  UploadPart: (dice, world) => {
    const { path, upload } = ofUpload(dice, world);
    const number: [string, string] = ["partNumber", String(1 + dice.below(4))];
    return { method: "PUT", path, query: [number, upload], content: bodyBytes(dice), takesBody: true };
  },
  UploadPartCopy: (dice, world) => {
    const { path, upload } = ofUpload(dice, world);
    const headers: [string, string][] = [["x-amz-copy-source", `outputs/${dice.pick(storedKeys)}`]];
    if (dice.chance(0.5)) headers.push(["x-amz-copy-source-range", `bytes=0-${dice.below(20)}`]);
    return { method: "PUT", path, query: [["partNumber", "2"], upload], headers };
  },
  CompleteUpload: (dice, world) => {
    const { path, upload, etag } = ofUpload(dice, world);
    const part = `<Part><PartNumber>1</PartNumber><ETag>&quot;${etag}&quot;</ETag></Part>`;
    const xml = `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${part}</CompleteMultipartUpload>`;
    return { method: "POST", path, query: [upload], content: Buffer.from(xml), takesBody: true };
  },
  AbortUpload: (dice, world) => {
    const { path, upload } = ofUpload(dice, world);
    // Mostly of an upload that is not there: there are few.
    return { method: "DELETE", path, query: [dice.chance(0.1) ? upload : ["uploadId", "none"]] };
  },
  ListParts: (dice, world) => {
    const { path, upload } = ofUpload(dice, world);
    return { path, query: [upload, ["max-parts", "2"], ["part-number-marker", "0"]] };
  },
  GetObjectAttributes: (dice) => ({
    path: existing(dice),
    query: [["attributes", ""]],
    headers: [["x-amz-object-attributes", "ETag,Checksum,ObjectParts,StorageClass,ObjectSize"]],
  }),
  ObjectAcl: (dice) =>
    dice.chance(0.5)
      ? { path: existing(dice), query: [["acl", ""]] }
      : { method: "PUT", path: existing(dice), query: [["acl", ""]], content: aclXml, takesBody: true },
  ObjectTagging: (dice) => ({ ...tagging(dice), path: existing(dice) }),
  BucketCors: (dice, { owner }) => ({
    ...cors(dice),
    path: "/own-bucket",
    query: [["cors", null]],
    key: owner,
  }),
  Preflight: (dice) => ({
    method: "OPTIONS",
    path: dice.pick(["/own-bucket", "/own-bucket/a", "/outputs/a"]),
    headers: [
      ["Origin", dice.pick(["http://x", "https://a.example.com", "null"])],
      ["Access-Control-Request-Method", dice.pick(["GET", "PUT", "X"])],
      ["Access-Control-Request-Headers", "x-amz-date, authorization"],
    ],
  }),
};

/** Bodies are where most can go wrong. */
const weights: Record<string, number> = {
  PutObject: 8,
  UploadPart: 4,
  GetObject: 3,
  CompleteUpload: 2,
  DeleteObjects: 2,
};

const makerList = Object.entries(makers).flatMap((entry) =>
  Array.from({ length: weights[entry[0]] ?? 1 }, () => entry),
);

/** A request that S3 clients could send. */
export function makeDraft(dice: Dice, world: FuzzWorld): Draft {
  const [operation, make] = dice.pick(makerList);
  return {
    operation,
    method: "GET",
    path: "/outputs",
    query: [],
    headers: [],
    content: Buffer.alloc(0),
    takesBody: false,
    key: world.job,
    ...make(dice, world),
  };
}

function ofUpload(
  dice: Dice,
  { uploads }: FuzzWorld,
): { path: string; upload: [string, string]; etag: string } {
  const { key, uploadId, etag } = dice.pick(uploads);
  return { path: `/outputs/${key}`, upload: ["uploadId", uploadId], etag };
}

function listQuery(dice: Dice, marker: string): [string, string][] {
  const query: [string, string][] = [];
  if (dice.chance(0.5)) query.push(["prefix", dice.pick(["", "a", "a/", "job2/", "..%2F", "%E6", "x"])]);
  if (dice.chance(0.5)) query.push(["delimiter", dice.pick(["", "%2F", "a", "%E6%9C%AC"])]);
  if (dice.chance(0.5))
    query.push([marker.startsWith("key") ? "max-uploads" : "max-keys", dice.pick(["0", "1", "3", "1000"])]);
  if (dice.chance(0.3)) query.push([marker, dice.pick(["", "a", "%E6%97%A5", "zzz"])]);
  if (dice.chance(0.3)) query.push(["encoding-type", "url"]);
  return query;
}

function readQuery(dice: Dice): [string, string][] {
  if (dice.chance(0.7)) return [];
  return [
    dice.pick<[string, string]>([
      ["partNumber", "1"],
      ["response-content-type", "text%2Fplain"],
      ["response-content-disposition", "attachment%3B%20filename%3D%22x%22"],
      ["response-cache-control", "no-store"],
      ["versionId", "null"],
    ]),
  ];
}

function reading(dice: Dice): [string, string][] {
  const headers: [string, string][] = [];
  if (dice.chance(0.4))
    headers.push([
      "Range",
      dice.pick(["bytes=0-9", "bytes=-5", "bytes=3-", "bytes=9999999-", "bytes=0-0,2-3"]),
    ]);
  if (dice.chance(0.2))
    headers.push([dice.pick(["If-Match", "If-None-Match"]), dice.pick(["*", '"x"', "x, y"])]);
  if (dice.chance(0.2))
    headers.push([dice.pick(["If-Modified-Since", "If-Unmodified-Since"]), "Tue, 24 Nov 2026 00:00:00 GMT"]);
  if (dice.chance(0.2)) headers.push(["x-amz-checksum-mode", "ENABLED"]);
  if (dice.chance(0.2)) headers.push(["Accept", "application/json"]);
  if (dice.chance(0.2)) headers.push(["Accept-Encoding", "identity"]);
  return headers;
}

function describing(dice: Dice): [string, string][] {
  const headers: [string, string][] = [];
  if (dice.chance(0.4)) headers.push(["Content-Type", dice.pick(["text/plain", "image/png", "text/html"])]);
  if (dice.chance(0.3)) headers.push(["x-amz-meta-step", String(dice.below(100))]);
  if (dice.chance(0.1)) headers.push(["x-amz-tagging", "a=1&b=%20c"]);
  if (dice.chance(0.1)) headers.push(["x-amz-acl", "private"]);
  if (dice.chance(0.1)) headers.push(["Content-Disposition", "inline"], ["Cache-Control", "no-cache"]);
  if (dice.chance(0.1)) headers.push([dice.pick(["If-Match", "If-None-Match"]), dice.pick(["*", '"x"'])]);
  if (dice.chance(0.1))
    headers.push(["x-amz-checksum-algorithm", dice.pick(["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])]);
  return headers;
}

function copying(dice: Dice): [string, string][] {
  const headers: [string, string][] = [];
  if (dice.chance(0.5)) headers.push(["x-amz-metadata-directive", dice.pick(["COPY", "REPLACE"])]);
  if (dice.chance(0.2)) headers.push(["x-amz-tagging-directive", "REPLACE"], ["x-amz-tagging", "t=1"]);
  if (dice.chance(0.2)) headers.push(["x-amz-copy-source-if-match", "*"]);
  return headers;
}

function deletion(dice: Dice): Partial<Draft> {
  const objects = Array.from({ length: 1 + dice.below(4) }, () => {
    const extra = dice.chance(0.2) ? "<ETag>x</ETag><Size>3</Size>" : "";
    return `<Object><Key>${dice.pick(["none", "a/b/c", "x", "&#x65E5;", "job2/secret", "../../x"])}</Key>${extra}</Object>`;
  });
  const content = Buffer.from(`<Delete><Quiet>${dice.chance(0.5)}</Quiet>${objects.join("")}</Delete>`);
  const headers: [string, string][] = dice.chance(0.5)
    ? [["Content-MD5", createHash("md5").update(content).digest("base64")]]
    : [];
  return { method: "POST", content, headers, takesBody: true };
}

function tagging(dice: Dice): Partial<Draft> {
  const query: Draft["query"] = [["tagging", null]];
  const method = dice.pick(["GET", "PUT", "DELETE"]);
  if (method !== "PUT") return { method, query };
  const tag = `<Tag><Key>k${dice.below(3)}</Key><Value>v &amp; w</Value></Tag>`;
  const content = Buffer.from(`<Tagging><TagSet>${tag}</TagSet></Tagging>`);
  return { method, query, content, takesBody: true };
}

function cors(dice: Dice): Partial<Draft> {
  const method = dice.pick(["GET", "PUT", "DELETE"]);
  if (method !== "PUT") return { method };
  const rule = `<AllowedOrigin>${dice.pick(["*", "http://x", "https://*.example.com"])}</AllowedOrigin><AllowedMethod>GET</AllowedMethod>`;
  const more =
    "<AllowedHeader>*</AllowedHeader><ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>9</MaxAgeSeconds>";
  const xml = `<CORSConfiguration><CORSRule>${rule}${dice.chance(0.5) ? more : ""}</CORSRule></CORSConfiguration>`;
  return { method, content: Buffer.from(xml), takesBody: true };
}

const aclXml = Buffer.from(
  '<AccessControlPolicy><Owner><ID>simpletuner-cloud</ID></Owner><AccessControlList><Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>simpletuner-cloud</ID></Grantee><Permission>FULL_CONTROL</Permission></Grant></AccessControlList></AccessControlPolicy>',
);
