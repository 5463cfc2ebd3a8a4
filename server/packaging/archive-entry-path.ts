import type { Entry } from "yauzl";
import { fail } from "@simpletuner-cloud/contract/errors.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const fileTypeBits = 0o170000;
const regularFile = 0o100000;
const directory = 0o040000;

/**
 * The path of an archive's entry relative to where it is unpacked, `/` at the end for a folder. Throws `archive_invalid`
 * for every name that could lead elsewhere and every entry that is neither a file nor a folder.
 */
export function archiveEntryPath(
  entry: Pick<
    Entry,
    "fileNameRaw" | "externalFileAttributes" | "compressionMethod" | "generalPurposeBitFlag"
  >,
  archivePath: string,
): string {
  const refuse = (problem: string): Error => fail("archive_invalid", { path: archivePath, problem });
  const name = decode(entry.fileNameRaw);
  if (name === undefined) throw refuse("an entry's name is not valid UTF-8");
  const problem = problemOfName(name);
  if (problem !== undefined) throw refuse(`the entry ${JSON.stringify(name.slice(0, 200))} ${problem}`);
  // The mode is honoured whatever system the archive claims to come from: a link is never wanted.
  const type = (entry.externalFileAttributes >>> 16) & fileTypeBits;
  const expected = name.endsWith("/") ? directory : regularFile;
  if (type !== 0 && type !== expected)
    throw refuse(`the entry ${JSON.stringify(name)} is a link or a device`);
  if ((entry.generalPurposeBitFlag & 0x41) !== 0)
    throw refuse(`the entry ${JSON.stringify(name)} is encrypted`);
  if (entry.compressionMethod !== 0 && entry.compressionMethod !== 8) {
    throw refuse(`the entry ${JSON.stringify(name)} uses the unknown compression ${entry.compressionMethod}`);
  }
  return name;
}

function decode(bytes: Buffer): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

function problemOfName(name: string): string | undefined {
  if (name.includes("\0")) return "holds a NUL character";
  if (name.startsWith("/") || /^[a-z]:/i.test(name)) return "is an absolute path";
  // Elsewhere a backslash and a colon are characters like others, and datasets have them in names.
  if (process.platform === "win32" && /[\\:]/.test(name))
    return "has a character that this system cannot keep in a name";
  const parts = name.replace(/\/$/, "").split("/");
  if (parts.some((part) => part === "" || part === "." || part === "..")) return "leads out of the folder";
  return undefined;
}
