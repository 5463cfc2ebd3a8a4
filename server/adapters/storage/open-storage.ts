import type { ExternalStorageConfig } from "../../config/external-storage.ts";
import { openLocalStorage } from "./local/local-storage.ts";
import type { ObjectStorage } from "./storage.ts";

/** A storage with what only some implementations can say. */
export interface OpenStorage extends ObjectStorage {
  /** Where the object's file is, for programs on this machine; null when there is no such object. */
  filePath?(bucket: string, key: string): Promise<string | null>;
  /** An address outside of this server that gives an object to whoever has it for so long, a week at most. */
  shareUrl?(bucket: string, key: string, validSeconds: number): Promise<string>;
  /** Ends what the storage holds open. */
  close?(): void;
}

/** What {@link openStorage} chooses by. */
export interface OpenStorageOptions {
  /** Folder of the storage on this machine. */
  localRoot: string;
  /** On this machine, writes are refused when less would stay free. */
  keepFreeBytes: number;
  external: ExternalStorageConfig | null;
  /** Takes turns with the other servers that write to the folder; without it this server alone does. */
  turns?: (<Result>(name: string, task: () => Promise<Result>) => Promise<Result>) | undefined;
}

/** Opens the external bucket when one is configured, else the folder on this machine. */
export async function openStorage({
  localRoot,
  keepFreeBytes,
  external,
  turns,
}: OpenStorageOptions): Promise<OpenStorage> {
  if (external === null) return openLocalStorage({ root: localRoot, keepFreeBytes, ...(turns && { turns }) });
  // Most servers never need the SDK, which takes a third of a second to load.
  const { openS3Storage } = await import("./s3/s3-storage.ts");
  return openS3Storage(external);
}
