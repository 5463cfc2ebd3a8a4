import { randomBytes } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type ErrorCode, Failure, fail } from "@simpletuner-cloud/contract/errors.ts";
import type { Logger } from "pino";
import type { FollowResult, Provider, RunRef } from "../adapters/providers/provider.ts";
import { passes } from "../db/database-trouble.ts";
import { rememberRun } from "../db/stores/external-runs.ts";
import type { JobStore } from "../db/stores/jobs.ts";
import type { SettingStore } from "../db/stores/settings.ts";
import type { JobRecord } from "../domain/job-record.ts";
import { endRun, moveTo, nextAttempt, type RunEnd } from "../domain/job-state.ts";
import type { Tracer } from "../domain/trace.ts";
import { inSpan, noteInWork } from "../domain/work-scope.ts";
import type { DatasetPackaging } from "../services/dataset-packaging.ts";
import type { DeliverOutputs } from "../services/deliver-outputs.ts";
import type { JobOwnership } from "../services/job-ownership.ts";
import type { JobSnapshots } from "../services/job-snapshots.ts";
import type { ReceivedFiles } from "../services/received-files.ts";
import type { RunCosts } from "../services/run-costs.ts";
import { type RunReports, withoutSecrets } from "../services/run-reports.ts";
import type { UploadTokens } from "../services/upload-tokens.ts";
import { stepSpan } from "./job-spans.ts";
import { progressWriter, uploadReporter } from "./report-progress.ts";

/** What driving runs needs. */
export interface DriveRunOptions {
  /** Writes nothing to a job that is another server's. */
  jobs: JobStore;
  isMine: JobOwnership["isMine"];
  settings: SettingStore;
  snapshots: JobSnapshots;
  packaging: DatasetPackaging;
  packagesFolder: string;
  uploadTokens: UploadTokens;
  reports: RunReports;
  deliver: DeliverOutputs;
  received: ReceivedFiles;
  costs: Pick<RunCosts, "begin" | "started" | "settle">;
  findProvider: (id: string) => Provider;
  now: () => number;
  log: Logger;
  traces?: Tracer | null | undefined;
}

/** Asking a provider again to stop a run that has not ended yet. */
const askAgainMs = 2_000;

/** A name for one run of one attempt. */
export function newRunToken(): string {
  return randomBytes(9).toString("base64url").replaceAll(/[-_]/g, "x");
}

/**
 * Takes a job from where it stands to its end: packages, hands over, follows, delivers, cleans up. Every step first
 * reads the job and acts by what is stored, and every result is written guarded by the run token, so driving again
 * after a crash goes on where it was. `stopping` ends the driving, not the run.
 */
export function runDriver(options: DriveRunOptions) {
  return async (jobId: string, stopping: AbortSignal, cancelled: AbortSignal): Promise<void> => {
    for (;;) {
      stopping.throwIfAborted();
      const job = await options.jobs.find(jobId);
      if (job && !options.isMine(job)) return;
      if (!job || job.private.runToken === null || job.wire.is_terminal) return cleanUp(options, jobId, job);
      const { provider, user_id, status } = job.wire;
      // The same id goes out with the calls to the provider and to the trainer.
      noteInWork({ correlationId: job.private.runToken, provider, userId: user_id, step: status });
      const end = await inSpan(stepSpan(options.traces, job), () =>
        step(options, job, stopping, cancelled),
      ).catch((error: unknown) => failureEnd(options, job, stopping, error));
      if (end) await inSpan(stepSpan(options.traces, job, "finish"), () => finish(options, job, end));
    }
  };
}

/** One step forward; answers the run's end when it has ended. */
async function step(
  options: DriveRunOptions,
  job: JobRecord,
  stopping: AbortSignal,
  cancelled: AbortSignal,
): Promise<RunEnd | null> {
  const { status, job_id } = job.wire;
  const stillMine = ownerOf(job);
  if (status === "uploading") {
    if (job.wire.cancel_requested) return { outcome: "cancelled" };
    const packaged = await packageDatasets(options, job, AbortSignal.any([stopping, cancelled]));
    await options.jobs.change(job_id, (record) => {
      if (!stillMine(record)) return null;
      const change = moveTo(record, "queued", options.now(), { wire: { upload_progress: null } });
      return { ...change, events: [{ type: "job.packaged", data: packaged }, ...change.events] };
    });
    return null;
  }
  if (!job.private.handedOver) {
    if (job.wire.cancel_requested) {
      // A start that was cut off may have got as far as a run.
      return cancelUnrecorded(options, job, stillMine);
    }
    await handOver(options, job, stillMine, AbortSignal.any([stopping, cancelled]));
    return null;
  }
  const result = await follow(options, job, stopping, cancelled);
  if (result.outcome === "failed")
    return { ...result, message: withoutSecrets(result.message, await secretsOf(options, job_id)) };
  if (result.outcome !== "lost") return result;
  await options.costs.settle(job_id, refOf(job).runToken, result.billedSeconds ?? null);
  const now = await options.jobs.find(job_id);
  if (now?.wire.cancel_requested) return { outcome: "cancelled" };
  let resumed = false;
  await options.jobs.change(job_id, (record) => {
    const change = stillMine(record) ? nextAttempt(record, newRunToken(), result.reason) : null;
    resumed = change !== null;
    return change;
  });
  return resumed ? null : { outcome: "failed", code: "run_lost", message: result.reason };
}

/** Whether a record is still that of this job's run. */
function ownerOf(job: JobRecord): (record: JobRecord) => boolean {
  return (record) => record.private.runToken === job.private.runToken && !record.wire.is_terminal;
}

/**
 * Stops what a start that was cut off may have made. Null when there was a run: it is the job's from now on and followed
 * to its end, because what it took is paid for.
 */
async function cancelUnrecorded(
  options: DriveRunOptions,
  job: JobRecord,
  stillMine: (record: JobRecord) => boolean,
): Promise<RunEnd | null> {
  const externalId = await options.findProvider(job.wire.provider).cancel(refOf(job));
  if (externalId === null) return { outcome: "cancelled" };
  await recordRun(options, job, stillMine, { externalId, hardwareType: null, freshStart: false });
  return null;
}

/** Writes the archive and answers what to tell of it. */
async function packageDatasets(
  options: DriveRunOptions,
  job: JobRecord,
  signal: AbortSignal,
): Promise<Record<string, number>> {
  // The setting may have changed while the job waited; nothing is packed against it.
  if ((await options.settings.get("dataConsent")) === "deny") throw fail("consent_denied");
  const startedAt = options.now();
  const { dataloader } = await options.snapshots.inputs(job.wire.job_id);
  await mkdir(options.packagesFolder, { recursive: true, mode: 0o700 });
  const packed = await options.packaging.pack({
    dataloader,
    fingerprint: job.private.consentedFingerprint,
    targetPath: archivePath(options, job.wire.job_id),
    signal,
    onProgress: progressWriter(options, job),
  });
  const { files, bytes, archiveBytes } = packed;
  return { files, bytes, archive_bytes: archiveBytes, seconds: (options.now() - startedAt) / 1_000 };
}

async function handOver(
  options: DriveRunOptions,
  job: JobRecord,
  stillMine: (record: JobRecord) => boolean,
  signal: AbortSignal,
): Promise<void> {
  const { job_id } = job.wire;
  const provider = options.findProvider(job.wire.provider);
  const inputs = await options.snapshots.inputs(job_id);
  const packaged = job.private.transfer === "package";
  const hardware = job.private.hardware ?? null;
  const freshStart = await options.costs.begin(job_id, refOf(job).runToken);
  const request = {
    ...refOf(job),
    name: job.wire.name,
    attempt: job.wire.attempt,
    config: inputs.config,
    dataloader: inputs.dataloader,
    archivePath: packaged ? archivePath(options, job_id) : null,
    upload: await options.uploadTokens.targetFor(job_id, job.wire.provider),
    hardware,
    resume: job.wire.attempt > 1,
    onUpload: uploadReporter(options, job),
  };
  const started = await provider.start(request, signal);
  await recordRun(options, job, stillMine, { ...started, freshStart });
  // The provider holds the files now; the archive would only fill the disk.
  await removeArchive(options, job_id);
}

/** Writes down that the provider holds the run, whose cost is counted from now on. */
async function recordRun(
  options: DriveRunOptions,
  job: JobRecord,
  stillMine: (record: JobRecord) => boolean,
  run: { externalId: string | null; hardwareType: string | null; trainer?: string; freshStart: boolean },
): Promise<void> {
  const { job_id } = job.wire;
  const hardware = job.private.hardware ?? null;
  await options.jobs.change(
    job_id,
    (record) => {
      if (!stillMine(record)) return null;
      const metadata = {
        ...record.wire.metadata,
        ...(run.trainer !== undefined && { trainer: run.trainer }),
      };
      const changes = {
        wire: { hardware_type: hardware ?? run.hardwareType, metadata, upload_progress: null },
        private: { handedOver: true, externalId: run.externalId },
      };
      return record.wire.status === "queued"
        ? moveTo(record, "running", options.now(), changes)
        : { ...changes, events: [] };
    },
    async (transaction, { wire, private: { externalId } }) => {
      if (externalId !== null)
        await rememberRun(transaction, { provider: wire.provider, externalId, jobId: job_id });
      await options.costs.started(transaction, job_id, run.freshStart);
    },
  );
  options.log.info({ external_id: run.externalId, attempt: job.wire.attempt }, "the run was handed over");
}

async function follow(
  options: DriveRunOptions,
  job: JobRecord,
  stopping: AbortSignal,
  cancelled: AbortSignal,
): Promise<FollowResult> {
  const provider = options.findProvider(job.wire.provider);
  const run = refOf(job);
  const secrets = await secretsOf(options, job.wire.job_id);
  const over = new AbortController();
  const asking = askToStop(options, provider, run, cancelled, over.signal, job.wire.cancel_requested);
  try {
    return await provider.follow(
      run,
      job.private.logPosition,
      {
        log: (text, position) =>
          options.reports.log({ jobId: run.jobId, runToken: run.runToken, text, position, secrets }),
        unfinishedLine: (text) =>
          options.reports.unfinishedLine({ jobId: run.jobId, runToken: run.runToken, text, secrets }),
        isRead: () => options.reports.isRead(run.jobId),
      },
      stopping,
    );
  } finally {
    over.abort();
    await asking;
  }
}

/** From the moment cancel is asked until the run is over, asks the provider to stop it. */
async function askToStop(
  options: DriveRunOptions,
  provider: Provider,
  run: RunRef,
  cancelled: AbortSignal,
  over: AbortSignal,
  already: boolean,
): Promise<void> {
  if (!already && !cancelled.aborted) {
    await new Promise<void>((resolve) => {
      cancelled.addEventListener("abort", () => resolve(), { once: true });
      over.addEventListener("abort", () => resolve(), { once: true });
    });
  }
  while (!over.aborted) {
    await provider
      .cancel(run)
      .catch((error: unknown) =>
        options.log.warn(
          { err: error, job_id: run.jobId },
          "the provider did not take the cancel, asking again",
        ),
      );
    await delay(askAgainMs, undefined, { signal: over }).catch(() => undefined);
  }
}

/** Delivers what the run left on this machine, then writes its end. */
async function finish(options: DriveRunOptions, job: JobRecord, end: RunEnd): Promise<void> {
  const { job_id } = job.wire;
  const runToken = job.private.runToken ?? "";
  // Before the delivery, which may take long and is not charged.
  await options.costs.settle(job_id, runToken, end.billedSeconds ?? null);
  const outputs = options.findProvider(job.wire.provider).outputFolder(job_id);
  let reached = end;
  if (outputs !== null) {
    try {
      const { modelUrl, unnameable } = await options.deliver(job_id, outputs);
      if (unnameable.length > 0)
        options.log.warn(
          { job_id, files: unnameable },
          "outputs whose names are too long were not delivered",
        );
      if (end.outcome === "completed") reached = { ...end, outputUrl: modelUrl ?? end.outputUrl };
    } catch (error) {
      // A finished model is worth waiting for, be it for room on the disk or in a quota: delivery is tried again, unless
      // nobody wants it any more.
      if (end.outcome === "completed") {
        if (!(await tellTrouble(options, job, error))) throw error;
        reached = { outcome: "cancelled" };
      }
    }
  }
  await options.jobs.change(job_id, (record) => endRun(record, runToken, reached, options.now()));
  options.log.info({ outcome: reached.outcome }, "the run is over");
}

/** Shows on the job what keeps it from going on; answers true when it was cancelled meanwhile. */
async function tellTrouble(options: DriveRunOptions, job: JobRecord, error: unknown): Promise<boolean> {
  const { code, message } = asFailure(error);
  const told = await options.jobs.change(job.wire.job_id, (record) =>
    record.private.runToken === job.private.runToken && record.wire.error_message !== message
      ? { wire: { error_code: code, error_message: message }, events: [] }
      : null,
  );
  return told?.wire.cancel_requested ?? true;
}

/**
 * The end of a run that could not be started, or null when one was made all the same and is followed. An error while a run is under way is no end of it: it is thrown on,
 * and driving is tried again.
 */
async function failureEnd(
  options: DriveRunOptions,
  job: JobRecord,
  stopping: AbortSignal,
  error: unknown,
): Promise<RunEnd | null> {
  // Stopping the server is no failure of the job: it is driven on after the next start.
  stopping.throwIfAborted();
  // Neither is a database that is away for a moment: what was begun is gone on with once it is back.
  if (passes(error)) throw error;
  if (job.private.handedOver) {
    await tellTrouble(options, job, error);
    throw error;
  }
  const current = await options.jobs.find(job.wire.job_id);
  if (current?.wire.cancel_requested) return cancelUnrecorded(options, job, ownerOf(job));
  // The start may have failed after its run was made.
  await options.findProvider(job.wire.provider).cancel(refOf(job));
  const { code, message } = asFailure(error);
  if (code === "internal") options.log.error({ err: error, job_id: job.wire.job_id }, "the run failed");
  return { outcome: "failed", code, message };
}

/** The code and the sentence that a job shows for an error. */
function asFailure(error: unknown): { code: ErrorCode; message: string } {
  if (error instanceof Failure) return error;
  const message = error instanceof Error ? error.message : String(error);
  if ((error as NodeJS.ErrnoException | null)?.code === "ENOSPC" || /disk is full/.test(message))
    return fail("disk_full", { path: "the server's data", free: "0 bytes" }, error);
  return { code: "internal", message };
}

/** Every value that must not appear in what the run says. */
async function secretsOf(options: DriveRunOptions, jobId: string): Promise<string[]> {
  return [...(await options.uploadTokens.secretsOf(jobId)), ...(await options.snapshots.secretsOf(jobId))];
}

/** Removes everything a job that is over leaves behind; safe to repeat. */
async function cleanUp(options: DriveRunOptions, jobId: string, job: JobRecord | null): Promise<void> {
  await removeArchive(options, jobId);
  if (!job) return options.uploadTokens.revoke(jobId);
  // Of a run on this machine nothing is under way any more; another's last upload may be, so its credential runs out.
  if (job.wire.job_type === "local") await options.uploadTokens.revoke(jobId);
  await options.findProvider(job.wire.provider).forget(jobId);
  options.received.forget(jobId);
}

function refOf(job: JobRecord): RunRef {
  return { jobId: job.wire.job_id, runToken: job.private.runToken ?? "", externalId: job.private.externalId };
}

/** Removes the archive and what a cut-off packing left beside it. */
async function removeArchive(options: DriveRunOptions, jobId: string): Promise<void> {
  const archive = archivePath(options, jobId);
  for (const path of [archive, `${archive}.partial`, `${archive}.partial.files`])
    await rm(path, { force: true });
}

function archivePath(options: DriveRunOptions, jobId: string): string {
  return join(options.packagesFolder, `${jobId}.zip`);
}
