import { X509Certificate } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { isAbsolute } from "node:path";
import { fail } from "@simpletuner-cloud/contract/errors.ts";

/** More than any bundle of authorities has. */
const largestBytes = 8 << 20;

/** Reads files of certificates, again only when they changed on the disk. */
export function caBundles() {
  const known = new Map<string, { stamp: string; text: string }>();
  const read = async (path: string): Promise<string> => {
    if (!isAbsolute(path)) throw unusable(path, "it is not an absolute path");
    const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
      throw unusable(path, error.code ?? "unknown", error);
    });
    if (!found.isFile()) throw unusable(path, "it is not a file");
    if (found.size > largestBytes) throw unusable(path, `it is larger than ${largestBytes} bytes`);
    const stamp = `${found.ino} ${found.size} ${found.mtimeMs}`;
    const before = known.get(path);
    if (before?.stamp === stamp) return before.text;
    const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
      throw unusable(path, error.code ?? "unknown", error);
    });
    checkCertificates(path, text);
    known.set(path, { stamp, text });
    return text;
  };
  return { read };
}

/** See {@link caBundles}. */
export type CaBundles = ReturnType<typeof caBundles>;

function unusable(path: string, reason: string, cause?: unknown): Error {
  return fail("ca_bundle_unusable", { path, reason }, cause);
}

function checkCertificates(path: string, text: string): void {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw unusable(path, "it holds no certificate in PEM form");
  for (const [index, block] of blocks.entries()) parsed(block, path, index + 1);
}

function parsed(block: string, path: string, number: number): X509Certificate {
  try {
    return new X509Certificate(block);
  } catch (error) {
    throw unusable(path, `its certificate ${number} cannot be read`, error);
  }
}
