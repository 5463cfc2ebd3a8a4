import type { ArchiveSink } from "./archive-sinks.ts";

/** A stretch of a slab that one header with its file, or one piece of a file, will fill. */
export interface SlabPart {
  readonly slab: Slab;
  /** Where the part starts in the slab's buffer. */
  readonly start: number;
  /** Bytes reserved; a part that turned out shorter is set so before its work ends. */
  length: number;
  /** Called in archive order when the part has been written. */
  written?: (bytes: Buffer, position: number) => void | Promise<void>;
}

/** A buffer laid out as the archive will be, filled by parallel reads and written in one call. */
export interface Slab {
  readonly buffer: Buffer;
  used: number;
  working: number;
  parts: SlabPart[];
  onSettled?: (() => void) | undefined;
}

/** Sizes of a queue; memory is `slabs × slabBytes`. */
export interface SlabSizes {
  readonly slabBytes: number;
  readonly slabs: number;
  /** Files read at the same time. */
  readonly readers: number;
}

/**
 * A slab takes one whole file (see `wholeFileBytes`) with its header. Few small slabs stay in the processor's cache
 * between reading, checksum and writing: four of 4 MiB took a third longer on bench/packaging.ts.
 */
export const defaultSlabSizes: SlabSizes = { slabBytes: (1 << 20) + (64 << 10), slabs: 8, readers: 8 };

/**
 * Read-ahead with order: parts are reserved in archive order, filled in any order, written in archive order. Only one
 * caller may reserve at a time.
 */
export class SlabQueue {
  readonly #sink: ArchiveSink;
  readonly #sizes: SlabSizes;
  readonly #free: Slab[] = [];
  readonly #others = new Set<Promise<void>>();
  #made = 0;
  #open: Slab | undefined;
  #working = 0;
  #failure: { readonly error: unknown } | undefined;
  #written = Promise.resolve();
  #wake = (): void => {};

  constructor(sink: ArchiveSink, sizes: SlabSizes = defaultSlabSizes) {
    this.#sink = sink;
    this.#sizes = sizes;
  }

  /** Reserves `length` bytes in one slab, waiting for a free slab; throws what any part failed with. */
  async reserve(length: number): Promise<SlabPart> {
    this.#throwFailure();
    if (this.#open !== undefined && this.#open.used + length > this.#sizes.slabBytes) this.#seal();
    this.#open ??= await this.#openSlab();
    return takePart(this.#open, length);
  }

  /** Reserves what the open slab still takes, at most `length`. */
  async reserveUpTo(length: number): Promise<SlabPart> {
    this.#throwFailure();
    if (this.#open?.used === this.#sizes.slabBytes) this.#seal();
    this.#open ??= await this.#openSlab();
    return takePart(this.#open, Math.min(length, this.#sizes.slabBytes - this.#open.used));
  }

  /** Starts the work that fills a part once a reader is free; `done` ends with it and never rejects. */
  async fill(part: SlabPart, work: () => Promise<void>): Promise<{ readonly done: Promise<void> }> {
    this.#throwFailure();
    if (this.#working >= this.#sizes.readers) await this.#until(() => this.#working < this.#sizes.readers);
    this.#working += 1;
    part.slab.working += 1;
    return { done: this.#run(part.slab, work) };
  }

  /** Lets {@link settle} wait for something more. */
  also(work: Promise<void>): void {
    const settled = work
      .catch((error: unknown) => this.abandon(error))
      .finally(() => this.#others.delete(settled));
    this.#others.add(settled);
  }

  /** Writes everything reserved so far; throws what any part failed with. */
  async drain(): Promise<void> {
    this.#seal();
    await this.#written;
    this.#throwFailure();
  }

  /** Writes nothing any more, and lets whoever waits throw `error`. */
  abandon(error: unknown): void {
    this.#failure ??= { error };
    this.#wake();
  }

  /** Waits until nothing touches a buffer any more; never throws. */
  async settle(): Promise<void> {
    this.#seal();
    await this.#written;
    await Promise.all(this.#others);
  }

  async #openSlab(): Promise<Slab> {
    await this.#until(() => this.#free.length > 0 || this.#made < this.#sizes.slabs);
    const slab = this.#free.pop();
    if (slab !== undefined) return slab;
    this.#made += 1;
    return { buffer: Buffer.allocUnsafeSlow(this.#sizes.slabBytes), used: 0, working: 0, parts: [] };
  }

  #seal(): void {
    const slab = this.#open;
    this.#open = undefined;
    if (slab !== undefined) this.#written = this.#written.then(() => this.#write(slab));
  }

  async #write(slab: Slab): Promise<void> {
    if (slab.working > 0) await new Promise<void>((resolve) => (slab.onSettled = resolve));
    if (this.#failure === undefined)
      await writeSlab(this.#sink, slab).catch((error: unknown) => this.abandon(error));
    Object.assign(slab, { used: 0, parts: [], onSettled: undefined });
    this.#free.push(slab);
    this.#wake();
  }

  async #run(slab: Slab, work: () => Promise<void>): Promise<void> {
    await work().catch((error: unknown) => this.abandon(error));
    this.#working -= 1;
    slab.working -= 1;
    if (slab.working === 0) slab.onSettled?.();
    this.#wake();
  }

  async #until(isReady: () => boolean): Promise<void> {
    while (this.#failure === undefined && !isReady())
      await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#throwFailure();
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}

function takePart(slab: Slab, length: number): SlabPart {
  const part: SlabPart = { slab, start: slab.used, length };
  slab.used += length;
  slab.parts.push(part);
  return part;
}

async function writeSlab(sink: ArchiveSink, slab: Slab): Promise<void> {
  const { buffer, parts } = slab;
  const starts: number[] = [];
  let end = 0;
  for (const part of parts) {
    // Deflated files came out shorter than reserved: close the gaps.
    if (part.start !== end) buffer.copyWithin(end, part.start, part.start + part.length);
    starts.push(end);
    end += part.length;
  }
  const position = sink.position();
  await sink.append(buffer.subarray(0, end));
  for (const [index, part] of parts.entries()) {
    const start = starts[index] ?? 0;
    await part.written?.(buffer.subarray(start, start + part.length), position + start);
  }
}
