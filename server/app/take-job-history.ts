import { existsSync } from "node:fs";
import type { Logger } from "pino";
import type { Stores } from "../db/stores/open-stores.ts";
import { HistoryUnreadable, importJobHistory } from "../services/job-history.ts";

/** Problems that are told one by one; the command tells all. */
const toldAtMost = 20;

/** Takes in the history that SimpleTuner's cloud panel left in the state directory, once. */
export async function takeJobHistory(
  { jobs, settings }: Pick<Stores, "jobs" | "settings">,
  path: string,
  log: Pick<Logger, "info" | "warn">,
): Promise<void> {
  if (!existsSync(path) || (await settings.get("jobHistoryImported"))) return;
  try {
    const { imported, present, active, problems } = await importJobHistory({ jobs }, path);
    await settings.set({ jobHistoryImported: true });
    for (const problem of problems.slice(0, toldAtMost))
      log.warn(problem, "an entry of the job history was left out");
    const counts = { imported, present, active: active.length, left_out: problems.length };
    log.info({ path, ...counts }, "took in the job history");
  } catch (error) {
    if (!(error instanceof HistoryUnreadable)) throw error;
    log.warn({ err: error }, "the job history was not taken in; `jobs import-history` tells more");
  }
}
