import { readFile, stat } from "node:fs/promises";
import type { Stores } from "../db/stores/open-stores.ts";
import { historyEntries, readHistoryEntry } from "../domain/job-history.ts";
import { firstUserId } from "./credentials.ts";

/** A history of a hundred thousand jobs is smaller. */
const largestBytes = 512 << 20;

/** What taking a history in came to. */
export interface HistoryReport {
  /** Jobs that were taken in, or would be. */
  imported: number;
  /** Jobs that are here already and were left as they are. */
  present: number;
  /** Jobs that were not over: they are to be found at their provider. */
  active: { job_id: string; provider: string; status: string }[];
  /** Entries that were left out, by their place in the file, counted from 1. */
  problems: { entry: number; job_id: string | null; reason: string }[];
}

/** A file that is no history at all; its message is one sentence. */
export class HistoryUnreadable extends Error {
  override name = "HistoryUnreadable";
}

/**
 * Takes over the jobs of SimpleTuner's cloud panel that are over. Entries that cannot be understood are told and left out;
 * the same file again changes nothing. Throws {@link HistoryUnreadable}.
 */
export async function importJobHistory(
  { jobs }: Pick<Stores, "jobs">,
  path: string,
  options: { dryRun: boolean } = { dryRun: false },
): Promise<HistoryReport> {
  const report: HistoryReport = { imported: 0, present: 0, active: [], problems: [] };
  const seen = new Set<string>();
  for (const [index, each] of (await entriesIn(path)).entries()) {
    const read = readHistoryEntry(each, firstUserId);
    if (read.kind === "problem")
      report.problems.push({ entry: index + 1, job_id: read.jobId, reason: read.reason });
    else if (read.kind === "active")
      report.active.push({ job_id: read.jobId, provider: read.provider, status: read.status });
    else if (seen.has(read.job.wire.job_id) || (await jobs.find(read.job.wire.job_id))) report.present++;
    else {
      const { job_id, status, name, provider } = read.job.wire;
      seen.add(job_id);
      const created = { type: "job.created", data: { status, name, provider, imported: true } } as const;
      if (!options.dryRun)
        await jobs.insert(read.job, { config: "{}", dataloader: "[]", plan: "null" }, [created], null);
      report.imported++;
    }
  }
  return report;
}

async function entriesIn(path: string): Promise<unknown[]> {
  const unreadable = (reason: string): HistoryUnreadable => new HistoryUnreadable(`${path} ${reason}`);
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw unreadable(`cannot be read (${error.code}).`);
  });
  if (found.size > largestBytes) throw unreadable("is larger than 512 MiB, which no job history is.");
  let document: unknown;
  try {
    document = JSON.parse((await readFile(path, "utf8")).replace(/^\uFEFF/, ""));
  } catch {
    throw unreadable("is not whole JSON. Put a copy back that is, or close its last brackets by hand.");
  }
  const entries = historyEntries(document);
  if (entries === null) throw unreadable("holds no list of jobs.");
  return entries;
}
