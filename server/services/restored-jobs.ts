import type { JobEventStore } from "../db/stores/job-events.ts";
import type { JobStore } from "../db/stores/jobs.ts";
import type { SettingStore } from "../db/stores/settings.ts";
import { settleRestored } from "../domain/job-state.ts";
import { becomeAnotherInstallation } from "./installation.ts";

/** What settling needs. */
export interface RestoredJobOptions {
  jobs: JobStore;
  events: Pick<JobEventStore, "beginAfterRestore">;
  settings: SettingStore;
  now: () => number;
}

/** Jobs settled at once. */
const pageLength = 500;

/**
 * After the database was replaced by that of a backup: no job that may have run since starts by itself, no event number
 * is given out a second time, and no run at a provider is stopped because this copy knows nothing of its job. Safe to
 * repeat.
 */
export async function settleRestoredJobs(
  { jobs, events, settings, now }: RestoredJobOptions,
  backupId: string,
): Promise<void> {
  await events.beginAfterRestore(backupId, now());
  await becomeAnotherInstallation(settings);
  for (const statuses of [["pending", "uploading", "queued"], ["running"]]) {
    const left = new Set<string>();
    for (;;) {
      const found = (await jobs.inStatus(statuses, pageLength + left.size)).filter(
        ({ wire }) => !left.has(wire.job_id),
      );
      if (found.length === 0) break;
      for (const { wire } of found) {
        const job = await jobs.change(wire.job_id, (record) => settleRestored(record, backupId, now()));
        // What a provider holds stays in its state.
        if (job?.wire.is_active) left.add(wire.job_id);
      }
    }
  }
}
