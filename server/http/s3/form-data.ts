import { S3Error } from "./s3-errors.ts";

/** S3's limit for everything in a form before the file. */
const maxFieldsBytes = 20 * 1024;
const maxHeaderBytes = 4 * 1024;
/** Browsers send nothing behind the file but the last boundary; some clients a field or two. */
const maxEpilogueBytes = 64 * 1024;

/** A form up to its file; what follows the file is of no meaning to S3. */
export interface UploadForm {
  /** By lower case name; of equal names the last. */
  fields: ReadonlyMap<string, string>;
  /** As the browser names the file, without folders; "" when it does not. */
  fileName: string;
  /** The file's bytes; throws when the body ends before the file does. To be read once, to its end. */
  file: AsyncIterable<Uint8Array>;
}

/** The boundary that a Content-Type of multipart/form-data names, null for any other type. */
export function formBoundary(contentType: string | undefined): string | null {
  const match = /^multipart\/form-data\s*;.*\bboundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(
    contentType ?? "",
  );
  return match === null ? null : (match[1] ?? match[2] ?? "");
}

/**
 * Reads a form of multipart/form-data (RFC 7578) up to its field `file`. At most 20 KiB of fields are held, of the
 * file nothing. Throws MalformedPOSTRequest, or MaxPostPreDataLengthExceeded for longer fields.
 */
export async function readUploadForm(
  source: AsyncIterable<Uint8Array>,
  boundary: string,
): Promise<UploadForm> {
  const input = delimitedInput(source);
  const delimiter = Buffer.from(`\r\n--${boundary}`);
  const fields = new Map<string, string>();
  let fieldBytes = 0;
  const take = async (end: Buffer, limit: number): Promise<Buffer> => {
    const taken = await input.readUntil(end, Math.min(limit, maxFieldsBytes - fieldBytes));
    fieldBytes += taken.length;
    return taken;
  };
  // The first boundary has no line before it but for what may be ignored.
  await take(delimiter, maxFieldsBytes);
  for (;;) {
    // Blanks may follow a boundary; two hyphens end the form, and then there was no file.
    const rest = await take(lineEnd, maxHeaderBytes);
    if (!/^[ \t]*$/.test(rest.toString("latin1"))) throw malformed("The form has no field named file.");
    const { name, fileName } = parseDisposition(await readHeaders(take));
    if (name.toLowerCase() === "file") return { fields, fileName, file: input.streamUntil(delimiter) };
    fields.set(name.toLowerCase(), (await take(delimiter, maxFieldsBytes)).toString("utf8"));
  }
}

const lineEnd = Buffer.from("\r\n");

function malformed(message: string): S3Error {
  return new S3Error("MalformedPOSTRequest", message);
}

/** The lines up to the empty one. */
async function readHeaders(take: (end: Buffer, limit: number) => Promise<Buffer>): Promise<string[]> {
  const lines: string[] = [];
  for (;;) {
    const line = (await take(lineEnd, maxHeaderBytes)).toString("utf8");
    if (line === "") return lines;
    lines.push(line);
  }
}

function parseDisposition(headers: readonly string[]): { name: string; fileName: string } {
  const header = headers.find((line) => /^content-disposition\s*:/i.test(line)) ?? "";
  const parameter = (name: string): string | undefined => {
    const match = new RegExp(`;\\s*${name}=(?:"((?:[^"\\\\]|\\\\.)*)"|([^;\\s]*))`, "i").exec(header);
    return match?.[1]?.replaceAll('\\"', '"') ?? match?.[2];
  };
  const name = parameter("name");
  if (name === undefined) throw malformed("A part of the form has no name.");
  return { name, fileName: (parameter("filename") ?? "").replace(/^.*[/\\]/, "") };
}

interface DelimitedInput {
  /** The bytes before the next `end`, which is skipped; throws when there are more than `limit`. */
  readUntil(end: Buffer, limit: number): Promise<Buffer>;
  /** As `readUntil`, in pieces and without a limit; then the little that follows is read and dropped. */
  streamUntil(end: Buffer): AsyncGenerator<Uint8Array>;
}

function delimitedInput(source: AsyncIterable<Uint8Array>): DelimitedInput {
  const iterator = source[Symbol.asyncIterator]();
  // The boundary at the start of a body stands for one at the start of a line.
  let held: Buffer = lineEnd;
  const more = async (): Promise<void> => {
    const next = await iterator.next();
    if (next.done === true) throw new S3Error("IncompleteBody");
    held =
      held.length === 0
        ? Buffer.from(next.value.buffer, next.value.byteOffset, next.value.length)
        : Buffer.concat([held, next.value]);
  };
  return {
    async readUntil(end, limit) {
      for (let from = 0; ;) {
        const at = held.indexOf(end, from);
        if (at > limit || (at < 0 && held.length - end.length > limit))
          throw new S3Error("MaxPostPreDataLengthExceeded");
        if (at >= 0) {
          const taken = held.subarray(0, at);
          held = held.subarray(at + end.length);
          return taken;
        }
        from = Math.max(0, held.length - end.length + 1);
        await more();
      }
    },
    async *streamUntil(end) {
      for (;;) {
        const at = held.indexOf(end);
        // The end may be cut by the end of what has arrived.
        const sure = at < 0 ? Math.max(0, held.length - end.length + 1) : at;
        if (sure > 0) yield held.subarray(0, sure);
        held = held.subarray(sure);
        if (at >= 0) break;
        await more();
      }
      let dropped = held.length;
      for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
        dropped += next.value.length;
        if (dropped > maxEpilogueBytes) throw malformed("Too much follows the file of the form.");
      }
    },
  };
}
