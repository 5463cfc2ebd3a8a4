import { once } from "node:events";
import { PassThrough } from "node:stream";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { Publication, PublishedFile } from "../adapters/publishers/publisher.ts";
import type { ObjectInfo, ObjectStorage } from "../adapters/storage/storage.ts";
import type { JobRecord } from "../domain/job-record.ts";
import { type Included, plannedFiles } from "../domain/delivery-plan.ts";
import { outputsBucket } from "../domain/run-files.ts";
import { entryName, objectsBelow } from "./artifact-archive.ts";
import type { ModelCards } from "./model-cards.ts";

/** What making publications needs. */
export interface PublicationOptions {
  storage: ObjectStorage;
  cards: ModelCards;
}

/** What of a job is delivered, as it lies in the storage now. Throws `delivery_no_files`. */
export function publications({ storage, cards }: PublicationOptions) {
  return async (job: JobRecord, include: Included & { license?: string | null }): Promise<Publication> => {
    const area = `${job.wire.job_id}/`;
    const stored: (ObjectInfo & { name: string })[] = [];
    for await (const object of objectsBelow(storage, area))
      stored.push({ ...object, name: object.key, key: object.key.slice(area.length) });
    const planned = plannedFiles(stored, include);
    if (planned.length === 0) throw fail("delivery_no_files");
    const files = planned.map(({ file, path }) => publishedFile(storage, file.name, file, entryName(path)));
    return { job: job.wire, files, card: await cards(job, files, include.license ?? null) };
  };
}

/** See {@link publications}. */
export type Publications = ReturnType<typeof publications>;

function publishedFile(storage: ObjectStorage, key: string, listed: ObjectInfo, path: string): PublishedFile {
  return {
    path,
    sizeBytes: listed.sizeBytes,
    version: `${listed.etag}.${listed.sizeBytes}`,
    async *read(start, end) {
      const object = await storage.getObject(outputsBucket, key);
      if (object?.info.etag !== listed.etag || object.info.sizeBytes !== listed.sizeBytes) {
        await object?.close();
        throw fail("delivery_file_changed", { file: path });
      }
      const pipe = new PassThrough({ highWaterMark: 1 << 20 });
      const reading = object
        .read({ start, end }, async (chunk) => {
          if (pipe.destroyed) throw new Error("nobody reads on");
          // The storage uses the chunk's memory again.
          if (!pipe.write(Buffer.from(chunk))) await Promise.race([once(pipe, "drain"), once(pipe, "close")]);
        })
        .then(
          () => pipe.end(),
          (error: Error) => pipe.destroy(error),
        )
        .finally(() => object.close());
      try {
        yield* pipe as AsyncIterable<Buffer>;
      } finally {
        pipe.destroy();
        await reading;
      }
    },
  };
}
