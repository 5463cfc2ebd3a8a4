/** The checksums that S3 clients declare; every value travels in base64. */
export type ChecksumAlgorithm = "CRC32" | "CRC32C" | "CRC64NVME" | "SHA1" | "SHA256";

/** Base64 digest per algorithm; a composite one of a multipart upload ends in `-<parts>`. */
export type Checksums = Partial<Record<ChecksumAlgorithm, string>>;

/** Whether a checksum covers the object's bytes or the list of its parts' checksums. */
export type ChecksumType = "FULL_OBJECT" | "COMPOSITE";

/** Headers that are stored with an object and come back unchanged. */
export interface ContentHeaders {
  contentType?: string;
  cacheControl?: string;
  contentDisposition?: string;
  contentEncoding?: string;
  contentLanguage?: string;
  expires?: string;
}

/** S3's canned access lists that are kept; who may do what because of one is the endpoint's decision. */
export type CannedAcl = "private" | "public-read" | "public-read-write" | "authenticated-read";

/** Tags in the order they were given; names are unique. */
export type Tags = readonly (readonly [name: string, value: string])[];

/** What a writer declares about an object beside its bytes. */
export interface ObjectDescription {
  headers: ContentHeaders;
  /** Names in lower case without `x-amz-meta-`; values as the client's header bytes, one char per byte. */
  userMetadata: Record<string, string>;
  /** Left out: none. */
  tags?: Tags | undefined;
  /** Left out: private. */
  acl?: CannedAcl | undefined;
}

/** The part of an object's description that may change while its bytes stay; what is left out stays too. */
export type ObjectChange = Partial<Pick<ObjectDescription, "tags" | "acl">>;

/** The checksums of a multipart object's parts, in the order of the parts. */
export interface PartChecksums {
  algorithm: ChecksumAlgorithm;
  /** Base64 of all digests one after the other, each as long as the algorithm makes them. */
  digests: string;
}

/** One whole version of an object. `etag` comes without quotes; the MD5 of the body, or one with a dash. */
export interface ObjectInfo extends ObjectDescription {
  bucket: string;
  key: string;
  sizeBytes: number;
  etag: string;
  lastModifiedMs: number;
  checksums: Checksums;
  checksumType: ChecksumType;
  /** Part sizes of a multipart object in order, as runs of [count, sizeBytes]; empty after a plain PUT. */
  partRuns: readonly (readonly [count: number, sizeBytes: number])[];
  /** Only of a multipart object whose upload had a checksum algorithm; an implementation may leave it out. */
  partChecksums?: PartChecksums | undefined;
}

/** ETags without quotes, or `*`. Checked early and once more, atomically, when the object is put in place. */
export interface WriteConditions {
  ifMatch?: readonly string[];
  ifNoneMatch?: readonly string[];
}

/** What must hold of an object for it to be deleted; an absent object is deleted already, whatever they say. */
export interface DeleteConditions {
  /** ETags without quotes, or `*`. */
  ifMatch?: readonly string[] | undefined;
  /** Compared in whole seconds, since that is all that clients are told. */
  ifLastModifiedMs?: number | undefined;
  ifSizeBytes?: number | undefined;
}

/** A body that throws when it is cut off or fails a check of the caller; then nothing is stored. */
export interface Body extends AsyncIterable<Uint8Array> {
  /** True when checks of the caller vouch for the bytes: a storage may then save the MD5 and answer another ETag. */
  readonly isVouchedFor?: boolean;
  /** May be called with each chunk once it is not needed any more; its memory is then free before the next one comes. */
  release?(chunk: Uint8Array): void;
}

/** Input of {@link ObjectStorage.putObject}. */
export interface PutObject extends ObjectDescription {
  bucket: string;
  key: string;
  body: Body;
  /** Length of the body when it is known; with it, an external storage needs no buffers. */
  declaredBytes?: number | null;
  /** MD5 in hex that the body must have. */
  expectedMd5?: string | undefined;
  /** Read once, after the body's last byte. */
  checksums?: () => Checksums;
  conditions?: WriteConditions;
}

/** An opened version of an object: replaced or deleted meanwhile, it still reads whole. */
export interface ReadableObject {
  readonly info: ObjectInfo;
  /** Calls `write` with the bytes [start, end) in order; a chunk is only valid until its promise resolves. */
  read(range: { start: number; end: number }, write: (chunk: Uint8Array) => Promise<void>): Promise<void>;
  /** Must be called once, whatever happened. */
  close(): Promise<void>;
}

/** What to list; `after` excludes itself, and everything under the common prefix that it names or lies in. */
export interface ListQuery {
  bucket: string;
  prefix?: string;
  delimiter?: string;
  after?: string;
  /** Keys and common prefixes together, 0 to 1,000. */
  maxKeys: number;
}

/**
 * One page in the byte order of UTF-8; `next` is the `after` of the following page, null on the last. An external
 * storage's lists leave headers, metadata and checksums empty.
 */
export interface ListPage {
  objects: ObjectInfo[];
  commonPrefixes: string[];
  next: string | null;
}

/** Which pages of other sites may use a bucket, and how; see S3's CORSRule. */
export interface CorsRule {
  id?: string | undefined;
  /** Origins as browsers send them, with at most one `*` for any characters. */
  allowedOrigins: readonly string[];
  /** GET, HEAD, PUT, POST or DELETE. */
  allowedMethods: readonly string[];
  /** Names of request headers, with at most one `*` for any characters. */
  allowedHeaders: readonly string[];
  /** Names of the answer's headers that such a page may read. */
  exposeHeaders: readonly string[];
  maxAgeSeconds?: number | undefined;
}

/** What is kept about a bucket beside its name. Left out: no tags, private, no location, no other site's pages. */
export interface BucketSettings {
  /** The LocationConstraint that it was created with; a word, it moves nothing. */
  location?: string | undefined;
  tags?: Tags | undefined;
  acl?: CannedAcl | undefined;
  /** The first rule that fits decides. */
  cors?: readonly CorsRule[] | undefined;
}

/** A bucket; `createdMs` in epoch milliseconds. */
export interface BucketInfo extends BucketSettings {
  name: string;
  createdMs: number;
}

/** Input of {@link ObjectStorage.createUpload}. */
export interface CreateUpload extends ObjectDescription {
  bucket: string;
  key: string;
  checksumAlgorithm: ChecksumAlgorithm | null;
  checksumType: ChecksumType;
}

/** An unfinished multipart upload. */
export interface UploadInfo extends CreateUpload {
  uploadId: string;
  createdMs: number;
}

/** Names one upload; a wrong bucket or key counts as unknown. */
export interface UploadRef {
  bucket: string;
  key: string;
  uploadId: string;
}

/** Input of {@link ObjectStorage.putPart}. */
export interface PutPart extends UploadRef {
  /** 1 to 10,000; a part sent again replaces the earlier one. */
  partNumber: number;
  body: Body;
  /** Length as declared by the client, null when unknown. */
  declaredBytes: number | null;
  expectedMd5?: string | undefined;
  checksums?: () => Checksums;
}

/** A stored part. */
export interface PartInfo {
  partNumber: number;
  sizeBytes: number;
  etag: string;
  lastModifiedMs: number;
  checksums: Checksums;
}

/** Input of {@link ObjectStorage.completeUpload}: the parts in ascending order, ETags without quotes. */
export interface CompleteUpload extends UploadRef {
  parts: readonly { partNumber: number; etag: string }[];
  checksums: Checksums;
  checksumType: ChecksumType;
  conditions?: WriteConditions;
}

/**
 * Where objects lie. Keys are opaque (1 to 1,536 bytes of UTF-8, fewer on an external storage, whose own limit is
 * 1,024 with our prefix): no key reaches anything but its own object. A write is atomic and lasts
 * once its promise resolves: whoever reads, also after a crash at any moment, sees the old or the new object
 * whole. Memory does not depend on sizes. Failures are codes of the contract (`object_not_found`,
 * `bucket_not_found`, `object_precondition_failed`, `upload_…`, `disk_full`).
 */
export interface ObjectStorage {
  /** Does nothing when the bucket exists. */
  createBucket(bucket: string): Promise<void>;
  /** Changes what is given and keeps the rest. Refuses with `bucket_not_found`. */
  changeBucket(bucket: string, change: BucketSettings): Promise<void>;
  /** Refuses with `bucket_not_empty` while an object is in it; unfinished uploads are aborted. */
  deleteBucket(bucket: string): Promise<void>;
  findBucket(bucket: string): Promise<BucketInfo | null>;
  listBuckets(): Promise<BucketInfo[]>;

  putObject(input: PutObject): Promise<ObjectInfo>;
  headObject(bucket: string, key: string): Promise<ObjectInfo | null>;
  getObject(bucket: string, key: string): Promise<ReadableObject | null>;
  /**
   * An address outside of this server that gives the object out for some minutes, with S3's `response-…` parameters.
   * Only a storage whose readers are to be sent there has it; whether the object exists is not looked at.
   */
  presignedUrl?(bucket: string, key: string, parameters: ReadonlyMap<string, string>): Promise<string>;
  /** Replaces tags or access list of the current version. Refuses with `object_not_found`. */
  changeObject(bucket: string, key: string, change: ObjectChange): Promise<ObjectInfo>;
  /** True when there was something to delete. Conditions are checked atomically with the deletion. */
  deleteObject(bucket: string, key: string, conditions?: DeleteConditions): Promise<boolean>;
  listObjects(query: ListQuery): Promise<ListPage>;
  /** Deletes every object and aborts every upload whose key starts with `prefix`. */
  deletePrefix(bucket: string, prefix: string): Promise<{ deletedObjects: number }>;
  usage(bucket: string, prefix: string): Promise<{ objects: number; sizeBytes: number }>;

  createUpload(input: CreateUpload): Promise<UploadInfo>;
  findUpload(ref: UploadRef): Promise<UploadInfo | null>;
  /** Ordered by key, then by age. */
  listUploads(bucket: string, prefix: string): Promise<UploadInfo[]>;
  putPart(input: PutPart): Promise<PartInfo>;
  /** At most 10,000, ascending. */
  listParts(ref: UploadRef): Promise<PartInfo[]>;
  /** Repeated after a success, within a day, it answers the same again. */
  completeUpload(input: CompleteUpload): Promise<ObjectInfo>;
  abortUpload(ref: UploadRef): Promise<void>;

  /** Throws `disk_full` when `bytes` more do not fit, or `quota_exceeded` when `target` may not have them. */
  checkSpace(bytes: number, target?: { bucket: string; key: string }): Promise<void>;
  /** Removes what crashed or abandoned writers left; safe at any time, meant for start-up and once an hour. */
  sweep(): Promise<void>;
}
