import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { ObjectStorage, PartInfo } from "../storage.ts";
import { alternateKeyIndex } from "./alternate-keys.ts";
import { bucketSettings, type BucketSettingsFiles } from "./bucket-settings.ts";
import {
  createBucket,
  findBucket,
  listBuckets,
  recentBuckets,
  type RecentBuckets,
  removeEmptyBucket,
  requireBucket,
} from "./buckets.ts";
import { openDisk } from "./disk.ts";
import { type KeyLock, keyLock } from "./key-lock.ts";
import { changeObject, deleteObject, putObject, type WritingParts } from "./object-files.ts";
import { keysUnder, listObjects, type ListingParts, usage } from "./object-listing.ts";
import { objectPlaces } from "./object-places.ts";
import { currentRecord, openObject } from "./object-reading.ts";
import { openUploads, unrememberedUploads } from "./open-uploads.ts";
import { objectRecords, recordInfo } from "./object-records.ts";
import { completeUpload } from "./upload-completion.ts";
import { putPart, type UploadParts } from "./upload-parts.ts";
import { uploadStates } from "./upload-state.ts";
import {
  createUpload,
  findUpload,
  listUploads,
  readOpenUpload,
  removeUpload,
  requireUpload,
  sweepUploads,
} from "./uploads.ts";

/** Left free by default, so that the database and the logs on the same disk can go on. */
const defaultKeepFreeBytes = 2 * 1024 * 1024 * 1024;

/** Settings of {@link openLocalStorage}. */
export interface LocalStorageOptions {
  /** Folder of the storage; created when missing. */
  root: string;
  /** Takes turns with the other processes that write to the folder; without it one process owns it. */
  turns?: KeyLock;
  /** `full` (default): what was answered survives a power cut. `fast`: it survives a killed process only. */
  durability?: "full" | "fast";
  /** Writes are refused with `disk_full` when less than this would stay free. */
  keepFreeBytes?: number;
  /** Epoch milliseconds. */
  clock?: () => number;
}

/** Storage on the file system of this machine. */
export interface LocalStorage extends ObjectStorage {
  /** Real path of the root. */
  readonly root: string;
  /** Where the object's file is, for programs on this machine; null when there is no such object. */
  filePath(bucket: string, key: string): Promise<string | null>;
  /** Ends what is held open. */
  close(): void;
}

type StorageParts = WritingParts &
  ListingParts &
  UploadParts & { settings: BucketSettingsFiles; buckets: RecentBuckets };

/**
 * Opens the storage under `root`: objects are plain files `<root>/<bucket>/<key>`, everything else is in
 * `<root>/.s3`. Removes what crashed predecessors left before it resolves.
 */
export async function openLocalStorage(options: LocalStorageOptions): Promise<LocalStorage> {
  const disk = await openDisk({
    root: options.root,
    durable: options.durability !== "fast",
    keepFreeBytes: options.keepFreeBytes ?? defaultKeepFreeBytes,
    clock: options.clock ?? Date.now,
    isShared: options.turns !== undefined,
  });
  const { isShared } = disk;
  const records = objectRecords(disk);
  const alternates = alternateKeyIndex(disk, records);
  const places = objectPlaces(disk, alternates);
  const states = uploadStates(disk);
  const readUpload = (uploadId: string) => readOpenUpload(disk, uploadId);
  const uploads = isShared ? unrememberedUploads(readUpload) : openUploads(readUpload);
  const settings = bucketSettings(disk);
  const buckets = recentBuckets(async (bucket) => {
    const found = await findBucket(disk, bucket);
    return found === null ? null : { ...(await settings.read(bucket)), ...found };
  });
  const parts: StorageParts = {
    disk,
    lock: options.turns ?? keyLock(),
    records,
    alternates,
    places,
    uploads,
    states,
    settings,
    buckets,
  };
  const storage: LocalStorage = {
    root: disk.root,
    async filePath(bucket, key) {
      await requireBucket(buckets, bucket);
      return (await currentRecord(parts, bucket, key)) === null ? null : places.pathOf(bucket, key);
    },
    ...bucketPart(parts),
    ...objectPart(parts),
    ...uploadPart(parts),
    checkSpace: (bytes) => disk.checkSpace(bytes),
    close: () => disk.directories.closeAll(),
    async sweep() {
      await disk.sweepTemporary();
      await sweepUploads(disk, (uploadId) => {
        uploads.ended(uploadId);
        states.drop(uploadId);
      });
    },
  };
  await storage.sweep();
  return storage;
}

type BucketPart = Pick<
  ObjectStorage,
  "createBucket" | "changeBucket" | "deleteBucket" | "findBucket" | "listBuckets"
>;

function bucketPart(parts: StorageParts): BucketPart {
  const { disk, settings, buckets } = parts;
  return {
    createBucket: (bucket) => createBucket(disk, bucket),
    async changeBucket(bucket, change) {
      await requireBucket(buckets, bucket);
      // No key is empty, so this name is nobody else's.
      await parts.lock(`${bucket}/`, async () => {
        await settings.write(bucket, { ...(await settings.read(bucket)), ...change });
        buckets.forget(bucket);
      });
    },
    async deleteBucket(bucket) {
      await requireBucket(buckets, bucket);
      const { objects, commonPrefixes } = await listObjects(parts, { bucket, maxKeys: 1 });
      if (objects.length + commonPrefixes.length > 0) throw fail("bucket_not_empty", { bucket });
      for (const { uploadId } of await listUploads(disk, parts.uploads, bucket, ""))
        await abort(parts, uploadId);
      buckets.forget(bucket);
      await settings.remove(bucket);
      await removeEmptyBucket(disk, bucket);
      await parts.records.removeBucket(bucket);
      await parts.alternates.removeBucket(bucket);
      buckets.forget(bucket);
    },
    findBucket: (bucket) => buckets.find(bucket),
    listBuckets: () => listBuckets(disk),
  };
}

type ObjectPart = Pick<
  ObjectStorage,
  | "putObject"
  | "headObject"
  | "getObject"
  | "changeObject"
  | "deleteObject"
  | "listObjects"
  | "deletePrefix"
  | "usage"
>;

function objectPart(parts: StorageParts): ObjectPart {
  const { buckets } = parts;
  return {
    async putObject(input) {
      await requireBucket(buckets, input.bucket);
      return putObject(parts, input);
    },
    async headObject(bucket, key) {
      await requireBucket(buckets, bucket);
      const record = await currentRecord(parts, bucket, key);
      return record === null ? null : recordInfo(bucket, key, record);
    },
    async getObject(bucket, key) {
      await requireBucket(buckets, bucket);
      return openObject(parts, bucket, key);
    },
    async changeObject(bucket, key, change) {
      await requireBucket(buckets, bucket);
      return changeObject(parts, bucket, key, change);
    },
    async deleteObject(bucket, key, conditions) {
      await requireBucket(buckets, bucket);
      return deleteObject(parts, bucket, key, conditions);
    },
    async listObjects(query) {
      await requireBucket(buckets, query.bucket);
      return listObjects(parts, query);
    },
    async deletePrefix(bucket, prefix) {
      await requireBucket(buckets, bucket);
      for (const { uploadId } of await listUploads(parts.disk, parts.uploads, bucket, prefix))
        await abort(parts, uploadId);
      let deletedObjects = 0;
      for await (const key of keysUnder(parts, bucket, prefix)) {
        if (await deleteObject(parts, bucket, key)) deletedObjects++;
      }
      return { deletedObjects };
    },
    async usage(bucket, prefix) {
      await requireBucket(buckets, bucket);
      return usage(parts, bucket, prefix);
    },
  };
}

type UploadPart = Pick<
  ObjectStorage,
  "createUpload" | "findUpload" | "listUploads" | "putPart" | "listParts" | "completeUpload" | "abortUpload"
>;

function uploadPart(parts: StorageParts): UploadPart {
  return {
    async createUpload(input) {
      await requireBucket(parts.buckets, input.bucket);
      const info = await createUpload(parts.disk, input);
      parts.uploads.opened(info);
      return info;
    },
    findUpload: (ref) => findUpload(parts.uploads, ref),
    listUploads: (bucket, prefix) => listUploads(parts.disk, parts.uploads, bucket, prefix),
    putPart: (input) => putPart(parts, input),
    async listParts(ref) {
      const info = await requireUpload(parts.uploads, ref);
      return parts.states.use(info, async ({ parts: stored }) => {
        const listed: PartInfo[] = [...stored.values()].map(
          ({ file: _file, offset: _offset, ...part }) => part,
        );
        return listed.sort((left, right) => left.partNumber - right.partNumber);
      });
    },
    async completeUpload(input) {
      await requireBucket(parts.buckets, input.bucket);
      return completeUpload(parts, input);
    },
    async abortUpload(ref) {
      const { uploadId } = await requireUpload(parts.uploads, ref);
      await abort(parts, uploadId);
    },
  };
}

/** Waits for a completion that is under way: it wins. */
async function abort(parts: StorageParts, uploadId: string): Promise<void> {
  await parts.lock(uploadId, async () => {
    parts.uploads.ended(uploadId);
    parts.states.drop(uploadId);
    await removeUpload(parts.disk, uploadId);
  });
}
