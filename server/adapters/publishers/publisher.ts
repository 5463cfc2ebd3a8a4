import type { TestStep } from "@simpletuner-cloud/contract/destinations.ts";
import type { DeliveryMemory } from "../../domain/delivery.ts";
import type { NamedJob } from "../../domain/delivery-names.ts";

/** One file on its way; it is read where it lies, as often as needed. */
export interface PublishedFile {
  /** Path at the destination, below the job's own place there. */
  readonly path: string;
  readonly sizeBytes: number;
  /** Files of one path with the same version have the same bytes. */
  readonly version: string;
  /** The bytes [start, end) in order. Throws `delivery_file_changed` when they are no longer this version's. */
  read(start: number, end: number): AsyncIterable<Uint8Array>;
}

/** What is delivered. */
export interface Publication {
  readonly job: NamedJob;
  readonly files: readonly PublishedFile[];
  /** A description of the model in the Hugging Face Hub's form, as its README.md. */
  readonly card: string;
}

/** What a publisher keeps between attempts, so that one that was killed goes on where it was. */
export interface Keeping {
  readonly memory: DeliveryMemory;
  /** Adds to the memory and resolves once it is stored; throws when this attempt is not the delivery's any more. */
  remember(more: DeliveryMemory): Promise<void>;
}

/** Told how a delivery goes on. */
export interface PublishWatch {
  /** A file's turn has come. */
  begins(path: string): void;
  /** So much of the files has left, or (less than none) has to be sent again. */
  moved(bytes: number): void;
  /** A file is there, whether it was sent now or before. `pendingBytes` of it have not been told of with `moved`. */
  arrived(path: string, pendingBytes: number): void;
}

/** Where everything is. */
export interface Published {
  /** The repository, or `s3://bucket/folder/`. */
  target: string;
  /** Where a person looks at it; null when there is no such page. */
  url: string | null;
}

/**
 * A kind of place that results are delivered to. Failures are the contract's, each one sentence that names what to set
 * right; whatever fails may be repeated.
 */
export interface Publisher {
  /** Tries what a delivery does, with a file that is removed again. Never rejects for what it finds. */
  test(signal: AbortSignal): Promise<TestStep[]>;
  /**
   * Brings every file there and resolves once all of them were seen there. What is there already as it should be is not
   * sent again. Interrupted anywhere and repeated, it goes on, and never makes a second place for one job.
   */
  publish(
    publication: Publication,
    keeping: Keeping,
    watch: PublishWatch,
    signal: AbortSignal,
  ): Promise<Published>;
}
