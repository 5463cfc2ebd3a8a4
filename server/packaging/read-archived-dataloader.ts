import { text } from "node:stream/consumers";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import { openPromise } from "yauzl";
import { archivedDataloaderName } from "./dataset-plan.ts";

/** Reads the dataset list that an archive carries, with its archive-relative paths. Throws `archive_invalid`. */
export async function readArchivedDataloader(archivePath: string): Promise<Record<string, unknown>[]> {
  const zip = await openPromise(archivePath).catch((error: unknown) => {
    throw fail("archive_invalid", { path: archivePath, problem: "it cannot be opened" }, error);
  });
  try {
    for await (const entry of zip.eachEntry()) {
      if (entry.fileName !== archivedDataloaderName) continue;
      return JSON.parse(await text(await zip.openReadStreamPromise(entry))) as Record<string, unknown>[];
    }
  } finally {
    zip.close();
  }
  throw fail("archive_invalid", { path: archivePath, problem: `it holds no ${archivedDataloaderName}` });
}
