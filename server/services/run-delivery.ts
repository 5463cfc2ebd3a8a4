import type { DeliveryProgress } from "@simpletuner-cloud/contract/deliveries.ts";
import { Failure, fail } from "@simpletuner-cloud/contract/errors.ts";
import type { Logger } from "pino";
import type { Keeping, Publisher } from "../adapters/publishers/publisher.ts";
import type { DeliveryStore } from "../db/stores/deliveries.ts";
import type { DestinationStore, StoredDestination } from "../db/stores/destinations.ts";
import type { JobStore } from "../db/stores/jobs.ts";
import {
  brokenOff,
  type DeliveryChange,
  deliveredAt,
  type DeliveryRecord,
  failedAttempt,
  withDeliveryChange,
} from "../domain/delivery.ts";
import type { JobRecord } from "../domain/job-record.ts";
import type { ChangeDelivery } from "./delivery-changes.ts";
import { deliveryMeter } from "./delivery-progress.ts";
import { deliveryProgressMessage, type LiveEvents } from "./live-events.ts";
import type { Publications } from "./publications.ts";

/** What carrying out deliveries needs. */
export interface RunDeliveryOptions {
  jobs: JobStore;
  deliveries: DeliveryStore;
  destinations: DestinationStore;
  change: ChangeDelivery;
  publicationOf: Publications;
  openPublisher: (destination: StoredDestination) => Promise<Publisher>;
  live: Pick<LiveEvents, "publish">;
  leaseMs: number;
  now: () => number;
  log: Pick<Logger, "error" | "warn">;
}

/** How often progress is written and the lease renewed. */
const beatMs = 1_000;

/** The delivery belongs to another attempt by now, or was cancelled: whatever this one does is not wanted any more. */
class NotOurs extends Error {}

/**
 * Carries out a delivery that was claimed under a lease, and writes how it ended. Every write is guarded by the lease,
 * so of two attempts that believe to be the one, only one has an effect. `stopping` breaks off and leaves it due.
 */
export function deliveryRunner(options: RunDeliveryOptions) {
  return async (claimed: DeliveryRecord, stopping: AbortSignal): Promise<void> => {
    const { delivery_id: deliveryId, job_id: jobId } = claimed.wire;
    const end = (decide: (record: DeliveryRecord) => DeliveryChange) =>
      options.change(deliveryId, (record) => (record.lease === claimed.lease ? decide(record) : null));
    try {
      const place = await deliver(options, claimed, stopping);
      await end(() => deliveredAt(place, options.now()));
    } catch (error) {
      if (error instanceof NotOurs) return;
      if (stopping.aborted) {
        await end((record) => brokenOff(record, options.now()));
        return;
      }
      const failure = asFailure(error);
      if (failure.code === "internal") options.log.error({ err: error, job_id: jobId }, "a delivery failed");
      await end((record) => failedAttempt(record, failure, options.now()));
    }
  };
}

/** See {@link deliveryRunner}. */
export type RunDelivery = ReturnType<typeof deliveryRunner>;

async function deliver(options: RunDeliveryOptions, claimed: DeliveryRecord, stopping: AbortSignal) {
  const job = await options.jobs.find(claimed.wire.job_id);
  const destination = await options.destinations.find(claimed.wire.destination_id ?? "");
  if (job === null) throw new NotOurs();
  if (destination === null) throw fail("delivery_removed");
  const publication = await options.publicationOf(job, destination.settings);
  const publisher = await options.openPublisher(destination);
  const meter = deliveryMeter(publication.files, options.now);
  const lost = new AbortController();
  const holder = leaseHolder(options, claimed, job, meter.progress);
  let isBeating = false;
  const beating = setInterval(() => {
    if (isBeating) return;
    isBeating = true;
    holder
      .beat()
      .catch((error: unknown) => {
        if (error instanceof NotOurs) lost.abort(error);
        else
          options.log.warn({ err: error, job_id: job.wire.job_id }, "a delivery's progress was not stored");
      })
      .finally(() => (isBeating = false));
  }, beatMs);
  try {
    const ours = AbortSignal.any([stopping, lost.signal]);
    const place = await publisher.publish(publication, holder, meter.watch, ours);
    await holder.beat();
    return place;
  } catch (error) {
    throw lost.signal.aborted ? lost.signal.reason : error;
  } finally {
    clearInterval(beating);
    await holder.settled();
  }
}

/** Writes of a running attempt, one after the other; each renews the lease. */
function leaseHolder(
  options: RunDeliveryOptions,
  claimed: DeliveryRecord,
  job: JobRecord,
  progress: () => DeliveryProgress,
) {
  let record = claimed;
  let last: Promise<unknown> = Promise.resolve();
  const write = (more: DeliveryChange): Promise<void> => {
    const turn = last.then(async () => {
      const nowMs = options.now();
      const change = { ...more, leaseUntilMs: nowMs + options.leaseMs, wire: { progress: progress() } };
      const next = withDeliveryChange(record, change, nowMs);
      if (!(await options.deliveries.updateAlone(record, next))) throw new NotOurs();
      record = next;
      options.live.publish(deliveryProgressMessage(job, next.wire));
    });
    last = turn.catch(() => undefined);
    return turn;
  };
  const keeping: Keeping = {
    get memory() {
      return record.memory;
    },
    remember: (more) => write({ memory: { ...record.memory, ...more } }),
  };
  return Object.assign(keeping, { beat: () => write({}), settled: () => last });
}

function asFailure(error: unknown): { code: string; message: string } {
  if (error instanceof Failure) return error;
  if ((error as NodeJS.ErrnoException | null)?.code === "ENOSPC")
    return fail("disk_full", { path: "the server's data", free: "0 bytes" }, error);
  return {
    code: "internal",
    message: "The delivery failed on the server's side. Its log says why; it is tried again.",
  };
}
