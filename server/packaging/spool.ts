import { constants } from "node:fs";
import { rm } from "node:fs/promises";
import { closeFile, openFile, readAt, writeAt } from "./file-calls.ts";

/** A list that grows with the number of files, kept in memory while it is short and in a file without a name after. */
export interface Spool {
  append(bytes: Buffer): void | Promise<void>;
  size(): number;
  /** Everything appended, in pieces that are valid until the next is taken. */
  read(): AsyncGenerator<Buffer, void, undefined>;
  close(): Promise<void>;
}

const pieceBytes = 1 << 20;

/**
 * Makes an empty spool. Its file is created at `path` when more than a piece is kept and unlinked at once, so that
 * not even a killed process leaves it behind.
 */
export function spool(path: string): Spool {
  const piece = Buffer.allocUnsafe(pieceBytes);
  let held = 0;
  let written = 0;
  let file: number | undefined;

  const writeHeld = async (): Promise<void> => {
    file ??= await openUnlinked(path);
    await writeAt(file, piece.subarray(0, held), written);
    written += held;
    held = 0;
  };

  return {
    append(bytes) {
      if (held + bytes.length <= pieceBytes) {
        held += bytes.copy(piece, held);
        return undefined;
      }
      return writeHeld().then(async () => {
        if (bytes.length <= pieceBytes) held = bytes.copy(piece);
        else if (file !== undefined) {
          await writeAt(file, bytes, written);
          written += bytes.length;
        }
      });
    },
    size: () => written + held,
    async *read() {
      if (file !== undefined) {
        const buffer = Buffer.allocUnsafe(pieceBytes);
        for (let at = 0; at < written; at += pieceBytes)
          yield buffer.subarray(
            0,
            await readAt(file, buffer.subarray(0, Math.min(pieceBytes, written - at)), at),
          );
      }
      if (held > 0) yield piece.subarray(0, held);
    },
    async close() {
      if (file !== undefined) await closeFile(file);
      file = undefined;
    },
  };
}

async function openUnlinked(path: string): Promise<number> {
  await rm(path, { force: true });
  const fd = await openFile(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL);
  await rm(path);
  return fd;
}
