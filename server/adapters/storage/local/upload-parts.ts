import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { unlink } from "node:fs/promises";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { PartInfo, PutPart } from "../storage.ts";
import { type WriteAt, writeBody } from "./body-writer.ts";
import { isBlocked } from "./directories.ts";
import { type Disk, diskError } from "./disk.ts";
import type { KeyLock } from "./key-lock.ts";
import { openFile } from "./open-file.ts";
import type { OpenUploads } from "./open-uploads.ts";
import { bodyEtag, checkedWrite } from "./object-files.ts";
import {
  appendPart,
  dataFile,
  type PartRecord,
  type UploadState,
  type UploadStates,
} from "./upload-state.ts";
import { requireUpload, uploadPath } from "./uploads.ts";

/** S3's most. */
const maxPartNumber = 10_000;

/** What the writers of multipart uploads work with. */
export interface UploadParts {
  disk: Disk;
  lock: KeyLock;
  uploads: OpenUploads;
  states: UploadStates;
}

/** Where a part's bytes go: its slot in the data file, or a file of its own. */
interface Slot {
  file: string;
  offset: number;
  /** Bytes that the slot has room for. */
  limitBytes: number;
}

/** Stores one part; it counts once its record is in the log. */
export async function putPart(parts: UploadParts, input: PutPart): Promise<PartInfo> {
  const { partNumber } = input;
  if (!Number.isInteger(partNumber) || partNumber < 1 || partNumber > maxPartNumber) {
    throw fail("upload_part_invalid", { part_number: partNumber });
  }
  const info = await requireUpload(parts.uploads, input);
  return parts.states.use(info, async (state) => {
    assertOpen(state);
    const slot = chooseSlot(state, partNumber, parts.disk.isShared ? null : input.declaredBytes);
    try {
      const record = await writePart(parts.disk, state, slot, input);
      await parts.lock(state.info.uploadId, async () => {
        // Another process may have ended it meanwhile.
        await requireUpload(parts.uploads, input);
        await storeRecord(parts.disk, state, record);
      });
      const { file: _file, offset: _offset, ...stored } = record;
      return stored;
    } catch (error) {
      if (slot.file !== dataFile)
        await unlink(uploadPath(parts.disk, state.info.uploadId, slot.file)).catch(() => undefined);
      // The folder is gone: the upload was aborted or completed while this part came in.
      if (isBlocked(error)) throw notFound(state);
      throw await diskError(parts.disk.root, error);
    } finally {
      if (slot.file === dataFile) state.claimed.delete(partNumber);
    }
  });
}

function assertOpen(state: UploadState): void {
  if (state.isClosed) throw notFound(state);
}

function notFound(state: UploadState): Error {
  return fail("upload_not_found", { upload_id: state.info.uploadId });
}

/**
 * Part n of size P belongs at (n-1)·P, so that completing needs no copy. P is the size of part 1, or one that
 * two parts share; the last part may be smaller. A slot that holds a stored part, or that another request is
 * writing, is left alone: that part goes into a file of its own. So does every part of unknown size, and where other
 * processes may write at the same time.
 */
function chooseSlot(state: UploadState, partNumber: number, declaredBytes: number | null): Slot {
  const staged: Slot = {
    file: `staged.${partNumber}.${randomBytes(6).toString("hex")}`,
    offset: 0,
    limitBytes: Number.POSITIVE_INFINITY,
  };
  if (declaredBytes === null || declaredBytes === 0) return staged;
  if (partNumber === 1 || state.declaredSizes.has(declaredBytes)) state.partBytes ??= declaredBytes;
  state.declaredSizes.add(declaredBytes);
  const { partBytes } = state;
  const isTaken = state.claimed.has(partNumber) || state.parts.get(partNumber)?.file === dataFile;
  if (partBytes === null || declaredBytes > partBytes || isTaken) return staged;
  state.claimed.add(partNumber);
  return { file: dataFile, offset: (partNumber - 1) * partBytes, limitBytes: declaredBytes };
}

async function writePart(disk: Disk, state: UploadState, slot: Slot, input: PutPart): Promise<PartRecord> {
  // The data file was made with the upload; were it made here, a late part could revive a completed upload.
  const create = slot.file === dataFile ? 0 : constants.O_CREAT | constants.O_EXCL;
  const flags = constants.O_WRONLY | constants.O_NOFOLLOW | create;
  const file = await openFile(uploadPath(disk, state.info.uploadId, slot.file), flags);
  try {
    const write = guardedWrite(state, slot, checkedWrite(disk, file));
    const written = await writeBody(input.body, write, {
      start: slot.offset,
      expectedMd5: input.expectedMd5,
      // Without a checksum of every part, their MD5s are all that the object can be checked by.
      needsMd5: state.info.checksumAlgorithm === null,
    });
    const { sizeBytes } = written;
    if (input.declaredBytes !== null && sizeBytes !== input.declaredBytes) {
      throw new Error(`A part of ${sizeBytes} bytes was declared with ${input.declaredBytes}.`);
    }
    await disk.flush(file, sizeBytes);
    const checksums = input.checksums?.() ?? {};
    return {
      partNumber: input.partNumber,
      sizeBytes,
      etag: bodyEtag(written, checksums),
      lastModifiedMs: disk.clock(),
      checksums,
      file: slot.file,
      offset: slot.offset,
    };
  } finally {
    await file.close();
  }
}

/** No write starts once the upload is closed: by then the data file may already be the object. */
function guardedWrite(state: UploadState, slot: Slot, write: WriteAt): WriteAt {
  return async (bytes, position) => {
    assertOpen(state);
    if (position + bytes.byteLength > slot.offset + slot.limitBytes)
      throw new Error("A part is longer than declared.");
    const running = write(bytes, position);
    const settled = running.catch(() => undefined);
    state.writes.add(settled);
    try {
      await running;
    } finally {
      state.writes.delete(settled);
    }
  };
}

async function storeRecord(disk: Disk, state: UploadState, record: PartRecord): Promise<void> {
  assertOpen(state);
  const earlier = state.parts.get(record.partNumber);
  await appendPart(disk, state.info.uploadId, record);
  state.parts.set(record.partNumber, record);
  if (earlier !== undefined && earlier.file !== dataFile) {
    await unlink(uploadPath(disk, state.info.uploadId, earlier.file)).catch(() => undefined);
  }
}
