import { open, readFile } from "node:fs/promises";
import type { PartInfo, UploadInfo } from "../storage.ts";
import { isBlocked } from "./directories.ts";
import type { Disk } from "./disk.ts";

/** A stored part and where its bytes are: at `offset` of the upload's `data` file, or in a file of its own. */
export interface PartRecord extends PartInfo {
  file: string;
  offset: number;
}

/** The file that becomes the object: parts of equal size are written straight to their place in it. */
export const dataFile = "data";

/**
 * What the process knows about an upload that it works on. The parts on disk are in `parts.log`, one JSON line
 * each, the last line of a number counting.
 */
export interface UploadState {
  readonly info: UploadInfo;
  readonly parts: Map<number, PartRecord>;
  /** Size of the parts that are written in place, null until it is known. */
  partBytes: number | null;
  /** Sizes that parts were declared with so far. */
  readonly declaredSizes: Set<number>;
  /** Numbers of the parts that are being written in place at this moment. */
  readonly claimed: Set<number>;
  /** Writes to `data` that are under way. */
  readonly writes: Set<Promise<void>>;
  /** While true nothing more may be written: the upload is being completed or is gone. */
  isClosed: boolean;
}

/** Idle uploads kept in memory so that their next part does not read the log again. */
const keptStates = 64;

/** The states of the uploads in work, one per upload. */
export interface UploadStates {
  /** Runs `task` with the state of the upload. */
  use<Result>(info: UploadInfo, task: (state: UploadState) => Promise<Result>): Promise<Result>;
  /** The upload is gone: running parts fail, nothing is remembered. */
  drop(uploadId: string): void;
}

/** Loads states from `disk` as they are needed; each time anew where other processes change them. */
export function uploadStates(disk: Disk): UploadStates {
  const entries = new Map<string, { loading: Promise<UploadState>; users: number }>();
  const entryOf = (info: UploadInfo): { loading: Promise<UploadState>; users: number } => {
    const known = entries.get(info.uploadId);
    if (known !== undefined) return known;
    const entry = { loading: loadState(disk, info), users: 0 };
    entry.loading.catch(() => entries.delete(info.uploadId));
    entries.set(info.uploadId, entry);
    return entry;
  };
  if (disk.isShared)
    return {
      use: async (info, task) => task(await loadState(disk, info)),
      drop: () => undefined,
    };
  return {
    async use(info, task) {
      const entry = entryOf(info);
      entry.users++;
      try {
        return await task(await entry.loading);
      } finally {
        entry.users--;
        if (entries.size > keptStates) {
          for (const [uploadId, idle] of entries) if (idle.users === 0) entries.delete(uploadId);
        }
      }
    },
    drop(uploadId) {
      const entry = entries.get(uploadId);
      entries.delete(uploadId);
      entry?.loading.then(
        (state) => (state.isClosed = true),
        () => undefined,
      );
    },
  };
}

async function loadState(disk: Disk, info: UploadInfo): Promise<UploadState> {
  const parts = await readPartLog(disk, info.uploadId);
  let partBytes: number | null = null;
  for (const { file, partNumber, sizeBytes, offset } of parts.values()) {
    if (file !== dataFile) continue;
    // Part 1 alone may be shorter than the slots are; every other part in place tells their size exactly.
    if (partNumber > 1) partBytes = offset / (partNumber - 1);
    else partBytes ??= sizeBytes;
  }
  return {
    info,
    parts,
    partBytes,
    declaredSizes: new Set(),
    claimed: new Set(),
    writes: new Set(),
    isClosed: false,
  };
}

const logPath = (disk: Disk, uploadId: string): string => disk.own("mpu", uploadId, "parts.log");

/** The newest record of every part of an upload; empty when no part was stored. */
export async function readPartLog(disk: Disk, uploadId: string): Promise<Map<number, PartRecord>> {
  const parts = new Map<number, PartRecord>();
  const lines = (await readIfThere(logPath(disk, uploadId))).split("\n");
  for (const line of lines) {
    const part = parsePart(line);
    if (part !== null) parts.set(part.partNumber, part);
  }
  return parts;
}

/** Adds the record of a part, durably where the disk is. */
export async function appendPart(disk: Disk, uploadId: string, part: PartRecord): Promise<void> {
  const handle = await open(logPath(disk, uploadId), "a");
  try {
    // The leading line break separates this record from one that a crash tore.
    await handle.appendFile(`\n${JSON.stringify(part)}`);
    if (disk.durable) await handle.datasync();
  } finally {
    await handle.close();
  }
}

function parsePart(line: string): PartRecord | null {
  if (line === "") return null;
  try {
    const parsed: unknown = JSON.parse(line);
    return isPartRecord(parsed) ? parsed : null;
  } catch {
    // Torn by a crash: the client was never told that this part is stored.
    return null;
  }
}

function isPartRecord(value: unknown): value is PartRecord {
  if (typeof value !== "object" || value === null) return false;
  return (
    "partNumber" in value && "file" in value && "offset" in value && "etag" in value && "sizeBytes" in value
  );
}

async function readIfThere(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (isBlocked(error)) return "";
    throw error;
  }
}
