import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { PublishedFile } from "../publisher.ts";

/** A published file as the Hub's library wants it: read where it lies, piece by piece, and never held. */
export class PublishedBlob extends Blob {
  readonly file: PublishedFile;
  declare readonly size: number;
  readonly #start: number;
  readonly #end: number;

  constructor(file: PublishedFile, start = 0, end = file.sizeBytes) {
    super([]);
    this.file = file;
    this.#start = start;
    this.#end = end;
    Object.defineProperty(this, "size", { value: end - start });
  }

  override slice(start = 0, end = this.size): PublishedBlob {
    return new PublishedBlob(this.file, this.#start + start, Math.min(this.#start + end, this.#end));
  }

  override stream(): ReturnType<Blob["stream"]> {
    const pieces = this.file.read(this.#start, this.#end)[Symbol.asyncIterator]();
    // By its usual strategy it holds one piece that nobody has asked for yet.
    return new ReadableStream<Uint8Array<ArrayBuffer>>({
      async pull(controller) {
        const next = await pieces.next();
        if (next.done === true) controller.close();
        else controller.enqueue(next.value as Uint8Array<ArrayBuffer>);
      },
      async cancel() {
        await pieces.return?.();
      },
    });
  }

  /** For the beginnings of files and for the small ones that are part of a commit. */
  override async arrayBuffer(): Promise<ArrayBuffer> {
    const bytes = new Uint8Array(this.size);
    let filled = 0;
    for await (const piece of this.file.read(this.#start, this.#end)) {
      bytes.set(piece, filled);
      filled += piece.byteLength;
    }
    if (filled !== bytes.length) throw fail("delivery_file_changed", { file: this.file.path });
    return bytes.buffer;
  }

  override async text(): Promise<string> {
    return Buffer.from(await this.arrayBuffer()).toString("utf8");
  }
}
