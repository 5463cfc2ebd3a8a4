import type { CommittedChange } from "../db/stores/jobs.ts";
import type { DeliveryStore } from "../db/stores/deliveries.ts";
import type { StoredEvent } from "../db/stores/job-events.ts";
import type { JobStore } from "../db/stores/jobs.ts";
import type { EventFollower } from "./event-follower.ts";
import {
  changeMessages,
  deliveryProgressMessage,
  type LiveEvents,
  type LiveMessage,
  progressMessage,
} from "./live-events.ts";
import type { Note, ReplicaNotes } from "./replica-notes.ts";

/** A log counts as read by somebody at another replica for so long after that was told. */
const readMs = 20_000;
const tellReadersMs = 8_000;
/** Logs are looked at anyway after so long, whether or not anybody told that they grew. */
const lookAnywayMs = 2_000;

/** What sharing needs. */
export interface SharedLiveOptions {
  local: LiveEvents;
  follower: EventFollower;
  notes: () => ReplicaNotes;
  stores: () => { jobs: Pick<JobStore, "find">; deliveries: Pick<DeliveryStore, "find"> };
  onError: (error: unknown) => void;
  stopping: AbortSignal;
}

/**
 * Live events of all replicas: what has a number comes from the event log, in its order, whoever wrote it; of the rest,
 * replicas tell each other where to look.
 */
export function sharedLive(options: SharedLiveOptions) {
  const { local, follower, notes, stopping } = options;
  const readAtOthers = new Map<string, number>();
  const wakeLog = (jobId: string): void => {
    local.wakeLog(jobId);
    notes().tell({ logs: [jobId] });
  };
  const timers = [
    setInterval(() => {
      const readers = local.followedLogs();
      if (readers.length > 0) notes().tell({ readers });
    }, tellReadersMs),
    setInterval(() => local.followedLogs().forEach(local.wakeLog), lookAnywayMs),
  ];
  for (const timer of timers) timer.unref();
  stopping.addEventListener("abort", () => timers.forEach(clearInterval), { once: true });
  const live: LiveEvents = {
    ...local,
    publish(message) {
      local.publish(message);
      tellOf(message, notes());
    },
    publishChange(change: CommittedChange) {
      const { wire } = change.job;
      if (change.events.length === 0) {
        local.publish(progressMessage(wire));
        notes().tell({ progress: [wire.job_id] });
      } else {
        if (local.isWatched())
          for (const message of changeMessages(change)) follower.remember(message.number ?? 0, message);
        written();
      }
      if (wire.is_terminal) wakeLog(wire.job_id);
    },
    publishServerEvent: (_: StoredEvent) => written(),
    subscribeLog(jobId, wake) {
      notes().tell({ readers: [jobId] });
      return local.subscribeLog(jobId, wake);
    },
    isLogFollowed: (jobId) =>
      local.isLogFollowed(jobId) || (readAtOthers.get(jobId) ?? 0) > performance.now(),
    wakeLog,
  };
  function written(): void {
    follower.wake();
    notes().tell({ events: true });
  }
  return { live, hear: hearing(options, readAtOthers) };
}

function tellOf({ number, event, jobId, data }: LiveMessage, notes: ReplicaNotes): void {
  if (number !== null || jobId === null) return;
  if (event !== "job.delivery_progress") return notes.tell({ progress: [jobId] });
  const { delivery } = (JSON.parse(data) as { data: { delivery: { delivery_id: string } } }).data;
  notes.tell({ deliveries: [delivery.delivery_id] });
}

/** Does what a note of another replica asks for; null: anything may have happened. */
function hearing(options: SharedLiveOptions, readAtOthers: Map<string, number>) {
  const { local, follower, stores, onError } = options;
  const show = async (jobId: string): Promise<void> => {
    const job = await stores().jobs.find(jobId);
    if (job?.wire.is_active) local.publish(progressMessage(job.wire));
  };
  const showDelivery = async (deliveryId: string): Promise<void> => {
    const delivery = await stores().deliveries.find(deliveryId);
    const job = delivery && (await stores().jobs.find(delivery.wire.job_id));
    if (job) local.publish(deliveryProgressMessage(job, delivery.wire));
  };
  return (note: Note | null): void => {
    if (note === null || note.events) follower.wake();
    for (const jobId of note === null ? local.followedLogs() : (note.logs ?? [])) local.wakeLog(jobId);
    const untilMs = performance.now() + readMs;
    for (const jobId of note?.readers ?? []) readAtOthers.set(jobId, untilMs);
    for (const [jobId, until] of readAtOthers) if (until < performance.now()) readAtOthers.delete(jobId);
    if (!local.isWatched()) return;
    for (const jobId of note?.progress ?? []) void show(jobId).catch(onError);
    for (const id of note?.deliveries ?? []) void showDelivery(id).catch(onError);
  };
}
