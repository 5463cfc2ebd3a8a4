import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { Job, jobEndpoints } from "@simpletuner-cloud/contract/jobs.ts";
import { terminalStatuses } from "@simpletuner-cloud/contract/jobs.ts";
import type { ObjectStorage } from "../adapters/storage/storage.ts";
import type { JobEventStore } from "../db/stores/job-events.ts";
import type { JobStore } from "../db/stores/jobs.ts";
import type { JobRecord } from "../domain/job-record.ts";
import { requestCancel } from "../domain/job-state.ts";
import { outputsBucket } from "../domain/run-files.ts";
import type { ConfigFiles } from "./config-files.ts";
import type { DeliveryOrders } from "./delivery-orders.ts";
import { type Handlers, PreparedJson } from "./handler.ts";
import { accessibleJob, accessibleWire } from "./job-access.ts";
import { resolveInputs } from "./job-inputs.ts";
import { isOver, type JobListOptions, jobLister, jobNow } from "./job-list.ts";
import type { JobSnapshots } from "./job-snapshots.ts";
import type { JobSubmitter } from "./submit-job.ts";
import type { UploadIds } from "./upload-ids.ts";

/** What the job use cases need. */
export interface JobServiceOptions extends JobListOptions {
  jobs: JobStore;
  events: JobEventStore;
  files: ConfigFiles;
  snapshots: JobSnapshots;
  submit: JobSubmitter;
  uploads: UploadIds;
  deliveryOrders: Pick<DeliveryOrders, "placesOf">;
  storage: ObjectStorage;
  /** Stops a job that is under way; resolves at once, the end is reported later. */
  stopRun: (jobId: string) => void;
  forgetRun: (jobId: string) => Promise<void>;
}

/** Jobs: list, submit, read, cancel, retry, delete. */
export function jobService(options: JobServiceOptions): Handlers<typeof jobEndpoints> {
  return { ...readHandlers(options), ...writeHandlers(options) };
}

type JobHandlers = Handlers<typeof jobEndpoints>;

function readHandlers(options: JobServiceOptions) {
  const { jobs, waiting, now } = options;
  const list = jobLister(options);
  return {
    listJobs: ({ query }, { caller }) => list(caller, query),
    async getJob({ params }, { caller }) {
      const job = await accessibleWire(jobs, caller, params.job_id);
      if (isOver(job)) return new PreparedJson<{ job: Job }>(`{"job":${job.wire}}`);
      return { job: await jobNow(waiting, JSON.parse(job.wire) as Job, now()) };
    },
    async inlineProgress({ params }, { caller }) {
      const { wire } = await accessibleJob(jobs, caller, params.job_id, "view");
      const progress = wire.status === "running" ? wire.progress : null;
      return {
        job_id: wire.job_id,
        stage: progress?.stage ?? null,
        last_log: progress?.last_log ?? null,
        progress: progress?.percent ?? null,
        step: progress?.step ?? null,
        total_steps: progress?.total_steps ?? null,
        loss: progress?.loss ?? null,
        eta_seconds: progress?.eta_seconds ?? null,
      };
    },
    async jobEvents({ params, query }, { caller }) {
      await accessibleJob(jobs, caller, params.job_id, "view");
      return { events: await options.events.ofJob(params.job_id, query.after ?? 0, query.limit ?? 500) };
    },
    async jobConfig({ params }, { caller }) {
      const job = await accessibleJob(jobs, caller, params.job_id, "view");
      const { config, dataloader } = await options.snapshots.shown(params.job_id);
      return {
        job_id: params.job_id,
        config,
        dataloader_config: dataloader,
        dataset_transfer: job.private.transfer,
        fingerprint: job.private.consentedFingerprint,
      };
    },
  } satisfies Partial<JobHandlers>;
}

function writeHandlers(options: JobServiceOptions) {
  const { jobs, waiting, now } = options;
  return {
    async submitJob({ query, body }, { caller }) {
      const { config, dataloader_config, ...request } = body;
      const provider = request.provider ?? query.provider;
      const { job, idempotentHit, costWarning } = await options.submit(caller, {
        request: provider === undefined ? request : { ...request, provider },
        asked: { ...body, provider },
        findInputs: () => resolveInputs(options.files, body),
        retryOf: null,
      });
      if (body.upload_id !== undefined)
        await options.uploads.remember(caller.userId, body.upload_id, job.wire.job_id);
      const wire = await jobNow(waiting, job.wire, now());
      const { job_id, status } = wire;
      const told = { idempotent_hit: idempotentHit, cost_limit_warning: costWarning };
      return { success: true, job_id, status, upload_id: body.upload_id ?? job_id, ...told, job: wire };
    },
    async retryJob({ params, body }, { caller }) {
      const earlier = await accessibleJob(jobs, caller, params.job_id, "view");
      const { status } = earlier.wire;
      if (!earlier.wire.is_terminal)
        throw fail("invalid_job_state", { status, action: "retrying", allowed: terminalStatuses });
      const destinations = await options.deliveryOrders.placesOf(params.job_id);
      const { job } = await options.submit(caller, {
        request: { ...body, ...wayOf(earlier), destinations },
        asked: body,
        findInputs: () => options.snapshots.inputsFor(caller.userId, params.job_id),
        retryOf: params.job_id,
      });
      const wire = await jobNow(waiting, job.wire, now());
      return { success: true, job_id: wire.job_id, status: wire.status, job: wire };
    },
    async cancelJob({ params }, { caller }) {
      await accessibleJob(jobs, caller, params.job_id, "cancel");
      const job = await jobs.change(params.job_id, (record) => requestCancel(record, caller.userId, now()));
      if (!job) throw fail("job_not_found", { job_id: params.job_id });
      if (job.wire.is_active) options.stopRun(params.job_id);
      return { success: true, job_id: params.job_id, status: job.wire.status };
    },
    async deleteJob({ params, query }, { caller }) {
      const job = await accessibleJob(jobs, caller, params.job_id, "delete");
      if (job.wire.is_active) {
        throw fail("invalid_job_state", {
          status: job.wire.status,
          action: "deleting",
          allowed: terminalStatuses,
        });
      }
      // The files first: if the process dies between the two, the job is still there to be deleted again.
      if (query.keep_outputs === false)
        await options.storage.deletePrefix(outputsBucket, `${params.job_id}/`);
      await options.forgetRun(params.job_id);
      if (!(await jobs.remove(job))) throw fail("job_not_found", { job_id: params.job_id });
      return { success: true, job_id: params.job_id };
    },
  } satisfies Partial<JobHandlers>;
}

/** Where a job ran and how, for one that runs the same again. */
function wayOf({ wire: { provider, name }, private: { transfer, hardware } }: JobRecord) {
  return { provider, name, dataset_transfer: transfer, ...(hardware && { hardware }) };
}
