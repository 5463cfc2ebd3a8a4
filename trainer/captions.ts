import { open } from "node:fs/promises";
import { basename, extname } from "node:path";
import type { ImageBackend } from "./data-backends.ts";
import { systemCode } from "./failure.ts";

const maxCaptionBytes = 64 * 1024;

/** The caption of one picture by its dataset's strategy; "" when there is none. */
export async function readCaption(backend: ImageBackend, imagePath: string): Promise<string> {
  if (backend.captionStrategy === "instanceprompt") return backend.instancePrompt;
  const stem = imagePath.slice(0, imagePath.length - extname(imagePath).length);
  if (backend.captionStrategy === "filename") return basename(stem).replace(/[-_]+/g, " ");
  if (backend.captionStrategy === "textfile") return readStart(`${stem}.txt`);
  return "";
}

async function readStart(path: string): Promise<string> {
  const file = await open(path, "r").catch((error: unknown) => {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  });
  if (file === undefined) return "";
  try {
    const bytes = Buffer.alloc(maxCaptionBytes);
    const { bytesRead } = await file.read(bytes, 0, maxCaptionBytes, 0);
    return bytes.toString("utf8", 0, bytesRead).replace(/\s+/g, " ").trim();
  } finally {
    await file.close();
  }
}
