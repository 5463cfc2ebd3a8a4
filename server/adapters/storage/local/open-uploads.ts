import type { UploadInfo } from "../storage.ts";

/** Remembered at most; the oldest are forgotten and read again when they are asked for. */
const rememberedOpen = 2000;
const rememberedOver = 10_000;

/** What a process knows of unfinished uploads. The only one that writes here need not read their files each time. */
export interface OpenUploads {
  /** The upload as created, null when it is unknown, aborted or completed. */
  find(uploadId: string): Promise<UploadInfo | null>;
  opened(info: UploadInfo): void;
  /** To be called before anything of the upload's end is written. */
  ended(uploadId: string): void;
}

/** Remembers nothing: other processes open and end uploads, too. */
export function unrememberedUploads(read: OpenUploads["find"]): OpenUploads {
  return { find: read, opened: () => undefined, ended: () => undefined };
}

/** Asks `read` for what is not remembered. */
export function openUploads(read: (uploadId: string) => Promise<UploadInfo | null>): OpenUploads {
  const open = new Map<string, UploadInfo>();
  /** No upload that is over opens again, so that its files need no second look either. */
  const over = new Set<string>();
  let ends = 0;
  const remember = (info: UploadInfo): void => {
    over.delete(info.uploadId);
    dropOldest(open, rememberedOpen);
    open.set(info.uploadId, info);
  };
  return {
    async find(uploadId) {
      const remembered = open.get(uploadId);
      if (remembered !== undefined || over.has(uploadId)) return remembered ?? null;
      const before = ends;
      const info = await read(uploadId);
      if (info === null) {
        dropOldest(over, rememberedOver);
        over.add(uploadId);
      } else if (ends === before) {
        // One that ended while it was read must not come back.
        remember(info);
      }
      return info;
    },
    opened: remember,
    ended(uploadId) {
      ends++;
      open.delete(uploadId);
    },
  };
}

function dropOldest(kept: Map<string, unknown> | Set<string>, limit: number): void {
  const [oldest] = kept.size < limit ? [] : kept.keys();
  if (oldest !== undefined) kept.delete(oldest);
}
