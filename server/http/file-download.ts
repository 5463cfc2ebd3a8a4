import type { ServerResponse } from "node:http";
import type { FileDownload } from "../services/handler.ts";

/** A reader that takes nothing for so long while bytes wait for it is gone. */
const longestStallMs = 60_000;

/** Sends a file as a download, at the reader's speed; one that leaves or stalls for `stallMs` ends the work. */
export async function writeDownload(
  response: ServerResponse,
  download: FileDownload,
  closed: AbortSignal,
  stallMs = longestStallMs,
): Promise<void> {
  response.writeHead(200, {
    "content-type": download.contentType,
    "content-length": download.sizeBytes,
    "content-disposition": attachment(download.fileName),
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
  });
  const watch = setInterval(stallWatch(response), stallMs).unref();
  try {
    await download.write(response, closed);
    response.end();
  } catch (error) {
    // A write to a reader that is gone can fail before its connection is told to be closed.
    const isGone = closed.aborted || response.socket?.destroyed !== false;
    // The length is promised already, so a cut connection is the one way to say that the file is not whole.
    response.destroy();
    if (!isGone) throw error;
  } finally {
    clearInterval(watch);
  }
}

/** Destroys a response that has bytes waiting and sent none since the last look. */
function stallWatch(response: ServerResponse): () => void {
  let sentBytes = -1;
  return () => {
    const sent = response.socket?.bytesWritten ?? 0;
    if (response.writableLength > 0 && sent === sentBytes) response.destroy();
    sentBytes = sent;
  };
}

/** Content-Disposition with the name as it is (RFC 6266) and in ASCII for programs that know only that. */
function attachment(name: string): string {
  const plain = name.replace(/[^\w.-]+/g, "_");
  const whole = encodeURIComponent(name).replace(/['()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16)}`);
  return `attachment; filename="${plain}"; filename*=UTF-8''${whole}`;
}
