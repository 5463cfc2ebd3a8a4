import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { isObject } from "./config.ts";
import { systemCode } from "./failure.ts";
import { unfinishedPrefix, writeWhole } from "./files.ts";

/** What identifies one version of a file. */
export interface FileStamp {
  readonly size: number;
  readonly mtimeMs: number;
}

/** One file of the output folder; `path` is relative to it, with forward slashes. */
export interface OutputFile extends FileStamp {
  readonly path: string;
}

/** The memory of what reached which target; survives restarts in `<output_dir>/.uploads.json`. */
export interface DeliveredFiles {
  has(target: string, file: OutputFile): boolean;
  /** Remembers and writes to disk before it returns. */
  add(target: string, file: OutputFile): Promise<void>;
}

const recordFile = ".uploads.json";
/** What belongs to the result of a training; anything else in the folder stays on this machine. */
const deliverable = /^(checkpoint-\d+\/.+|samples\/.+|[^/]+\.safetensors|README\.md)$/;

/** Opens the record of `outputDir`; a missing or damaged one means that nothing was delivered yet. */
export async function openDeliveredFiles(outputDir: string): Promise<DeliveredFiles> {
  const path = join(outputDir, recordFile);
  const record = await readRecord(path);
  return {
    has: (target, file) => {
      const known = record[target]?.[file.path];
      return known !== undefined && known.size === file.size && known.mtimeMs === file.mtimeMs;
    },
    add: async (target, { path: name, size, mtimeMs }) => {
      (record[target] ??= {})[name] = { size, mtimeMs };
      await writeWhole(path, JSON.stringify({ version: 1, delivered: record }));
    },
  };
}

/** The complete result files of `outputDir`, oldest first. */
export async function listOutputFiles(outputDir: string): Promise<OutputFile[]> {
  const found: OutputFile[] = [];
  const walk = async (folder: string): Promise<void> => {
    for (const item of await readdir(join(outputDir, folder), { withFileTypes: true })) {
      if (item.name.startsWith(unfinishedPrefix)) continue;
      const path = folder === "" ? item.name : `${folder}/${item.name}`;
      if (item.isDirectory() && (folder !== "" || /^(checkpoint-\d+|samples)$/.test(item.name))) {
        await ignoreMissing(walk(path));
      } else if (item.isFile() && deliverable.test(path)) {
        const stamp = await ignoreMissing(stampOf(join(outputDir, path)));
        if (stamp) found.push({ path, ...stamp });
      }
    }
  };
  await walk("");
  return found.sort((a, b) => a.mtimeMs - b.mtimeMs || (a.path < b.path ? -1 : 1));
}

/** Size and time of a file as the record keeps them. */
export async function stampOf(path: string): Promise<FileStamp> {
  const { size, mtimeMs } = await stat(path);
  return { size, mtimeMs };
}

/** A checkpoint may be pruned while it is being listed. */
async function ignoreMissing<T>(work: Promise<T>): Promise<T | undefined> {
  return work.catch((error: unknown) => {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  });
}

async function readRecord(path: string): Promise<Record<string, Record<string, FileStamp>>> {
  const record: Record<string, Record<string, FileStamp>> = {};
  let parsed: unknown;
  try {
    parsed = JSON.parse(await readFile(path, "utf8"));
  } catch {
    return record;
  }
  const delivered = isObject(parsed) ? parsed["delivered"] : undefined;
  for (const [target, files] of Object.entries(isObject(delivered) ? delivered : {})) {
    for (const [name, stamp] of Object.entries(isObject(files) ? files : {})) {
      if (!isObject(stamp) || typeof stamp["size"] !== "number" || typeof stamp["mtimeMs"] !== "number")
        continue;
      (record[target] ??= {})[name] = { size: stamp["size"], mtimeMs: stamp["mtimeMs"] };
    }
  }
  return record;
}
