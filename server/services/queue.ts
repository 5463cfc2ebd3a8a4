import type { queueEndpoints } from "@simpletuner-cloud/contract/queue.ts";
import { activeStatuses } from "@simpletuner-cloud/contract/jobs.ts";
import type { JobCountStore } from "../db/stores/job-counts.ts";
import type { WaitingJobStore } from "../db/stores/job-list.ts";
import type { JobStore } from "../db/stores/jobs.ts";
import type { SettingStore } from "../db/stores/settings.ts";
import type { Handlers } from "./handler.ts";
import { accessibleJob } from "./job-access.ts";
import { jobNow } from "./job-list.ts";

/** Started jobs that the mean wait is taken of. */
const waitsMeasured = 50;

/** What the queue's use cases need. */
export interface QueueServiceOptions {
  jobs: JobStore;
  waiting: WaitingJobStore;
  counts: JobCountStore;
  settings: SettingStore;
  now: () => number;
  wakeQueue: () => void;
}

/** The queue's figures and its limit. */
export function queueService(
  options: QueueServiceOptions,
): Omit<Handlers<typeof queueEndpoints>, "retention" | "cleanup"> {
  return {
    async queueStats() {
      const byStatus = await options.counts.byStatus({});
      const started = await options.waiting.lastStarted(waitsMeasured);
      const waits = started.map((job) => (job.started_at - job.created_at) / 1_000);
      return {
        queue_depth: byStatus["pending"] ?? 0,
        running: activeStatuses
          .filter((status) => status !== "pending")
          .reduce((sum, status) => sum + (byStatus[status] ?? 0), 0),
        max_concurrent: await options.settings.get("maxConcurrentJobs"),
        by_status: byStatus,
        avg_wait_seconds:
          waits.length === 0
            ? null
            : Math.round((waits.reduce((sum, wait) => sum + wait, 0) / waits.length) * 10) / 10,
      };
    },
    async queuePosition({ params }, { caller }) {
      const { wire } = await accessibleJob(options.jobs, caller, params.job_id, "view");
      const job = await jobNow(options.waiting, wire, options.now());
      return { job_id: job.job_id, position: job.queue_position, status: job.status };
    },
    async setConcurrency({ body }) {
      await options.settings.set({ maxConcurrentJobs: body.max_concurrent });
      options.wakeQueue();
      return body;
    },
  };
}
