import { once } from "node:events";
import { sendAudit } from "./background/send-audit.ts";
import { reconcileRuns } from "./background/reconcile-runs.ts";
import { runDriver } from "./background/drive-run.ts";
import { archiveAudit, type AuditKeepingOptions, sealAudit } from "./background/keep-audit.ts";
import { makeBackups } from "./background/make-backups.ts";
import { appliedRestore, finishRestore } from "./backups/restore-backup.ts";
import { settleRestoredJobs } from "./services/restored-jobs.ts";
import { followCosts } from "./background/follow-costs.ts";
import { keepJobs } from "./background/keep-jobs.ts";
import { keepLeases } from "./background/keep-leases.ts";
import { keepPlace } from "./background/keep-place.ts";
import { shareKeys } from "./background/share-keys.ts";
import { rescueJobs } from "./background/rescue-jobs.ts";
import {
  type JobQueue,
  jobQueue,
  type QueueLead,
  type QueueOptions,
} from "./background/start-queued-jobs.ts";
import { sweepProviders } from "./background/sweep-providers.ts";
import { sweepSessions } from "./background/sweep-sessions.ts";
import { sweepState } from "./background/sweep-state.ts";
import { sweepStorageHourly } from "./background/sweep-storage.ts";
import type { Stores } from "./db/stores/open-stores.ts";
import type { RequestSource } from "./http/request-source.ts";
import { mountStorage } from "./http/storage-mount.ts";
import { outputDeliverer } from "./services/deliver-outputs.ts";
import { fencedJobs } from "./services/job-ownership.ts";
import type { Term } from "./services/leadership.ts";
import { storageRights } from "./services/storage-access.ts";
import type { AppOptions } from "./app/app-options.ts";
import { composeHandlers } from "./app/compose-handlers.ts";
import { startDeliveries } from "./app/open-deliveries.ts";
import { takePart } from "./app/open-replicas.ts";
import { openParts, type Parts } from "./app/open-parts.ts";
import { serverIdentity } from "./app/server-identity.ts";
import { takeJobHistory } from "./app/take-job-history.ts";
import { webListener } from "./app/web-listener.ts";

/** A composed application. */
export interface App {
  /** Answers the requests of a server. */
  attach(server: RequestSource): void;
  stores: Stores;
  /** Whether people sign in here. */
  hasAccounts(): Promise<boolean>;
  /** Takes up what was under way and starts the queue. */
  start(): Promise<{ rescued: number }>;
  /** Ends streams and loops; runs go on. */
  stop(): Promise<void>;
  /** Closes the database, once stopped and with no request left to answer. */
  dispose(): Promise<void>;
}

/** Builds every concrete thing and puts them together; the only file that knows them all. */
export async function createApp(options: AppOptions): Promise<App> {
  const stopping = new AbortController();
  const parts = await openParts(options, stopping.signal);
  const { stores, storage, received, db } = parts;
  const lead: { term: Term | null } = { term: null };
  const queue = openQueue(parts, lead, stopping.signal);
  const identity = serverIdentity(options.config.stateDir, parts.replicas?.membership.self.id);
  const loops = startOwnLoops(options, parts, identity, stopping.signal);
  // Before anything is sealed: another server may hold fewer keys.
  await loops.keys.runOnce();
  const leading = leaderWork(options, parts, queue, lead);
  const replicas =
    parts.replicas && takePart({ ...parts, replicas: parts.replicas, queue, lead: leading.lead });
  const handlers = composeHandlers(options, parts, queue, {
    deliveries: loops.deliveries,
    underWay: () => ({ ...loops, ...leading.loops() }),
  });
  const web = webListener(options, parts, handlers, stopping.signal);
  return {
    attach: (server) =>
      mountStorage(server, web, {
        ...parts,
        endpoint: options.config.storageEndpoint,
        ...storageRights(stores.jobs),
        received,
      }),
    stores,
    hasAccounts: parts.credentials.hasAccounts,
    async start() {
      await settleRestore(options, parts);
      loops.deliveries.wake();
      await startTunnel(options, parts);
      if (replicas) {
        await replicas.join();
        return { rescued: 0 };
      }
      return leading.begin({ signal: stopping.signal, fence: 0 });
    },
    async stop() {
      stopping.abort();
      await parts.tunnel.stop();
      await queue.settled();
      await Promise.all(Object.values(loops).map((loop) => loop.settled()));
      await stores.keyHolders.remove(identity.serverId).catch(() => undefined);
      if (replicas) await replicas.leave();
      else await leading.settled();
      await parts.replicas?.follower.settled();
    },
    async dispose() {
      await parts.outbound.close();
      await parts.traces?.close();
      await parts.state.close();
      // Last: until now requests may have been answered.
      await parts.place?.leave().catch(() => undefined);
      await db.destroy();
      storage.close?.();
    },
  };
}

/** What was restored is put in order before anything is done with it. */
async function settleRestore({ now }: AppOptions, { paths, auditLog, stores, log }: Parts): Promise<void> {
  const restored = appliedRestore(paths);
  if (restored === null) return;
  await auditLog.forgetHead();
  if (restored.isSettled !== true) await settleRestoredJobs({ ...stores, now }, restored.backup_id);
  await finishRestore(paths);
  const kept = restored.kept ?? restored.replaced;
  log.warn({ backup_id: restored.backup_id, kept }, "the backup is in place");
}

/** The tunnel of the configuration; a server that cannot have it does everything else. */
async function startTunnel({ config }: AppOptions, { tunnel, log }: Parts): Promise<void> {
  if (config.tunnel === null) return;
  await tunnel
    .start(config.tunnel)
    .catch((error: unknown) => log.error({ err: error }, "there is no tunnel"));
}

/** What every server does again and again. */
function startOwnLoops(
  { onLost }: AppOptions,
  parts: Parts,
  server: ReturnType<typeof serverIdentity>,
  stopping: AbortSignal,
) {
  const { place } = parts;
  return {
    ...(place && { place: keepPlace({ place, onLost, log: parts.log, stopping }) }),
    leases: keepLeases({ ...parts, stopping }),
    keys: shareKeys({ ...parts, ...parts.stores, server, stopping }),
    deliveries: startDeliveries(parts, stopping),
  };
}

/** What one server does for all, again and again. */
function startLeaderLoops(options: AppOptions, parts: Parts, queue: JobQueue, stopping: AbortSignal) {
  return {
    sessions: sweepSessions({ ...parts, ...parts.stores, ...options.config, stopping }),
    costs: followCosts({ ...parts, stopRun: queue.stopRun, stopping }),
    leftovers: sweepProviders({ ...parts, stopping }),
    sweeps: sweepStorageHourly({ ...parts, stopping }),
    reconcile: reconcileRuns({ ...parts, ...parts.stores, stopping }),
    state: sweepState({ ...parts, stopping }),
    audit: sealAudit(keepingOf(options, parts, stopping)),
    archive: archiveAudit(keepingOf(options, parts, stopping)),
    collector: sendAudit({
      ...parts,
      ...parts.stores,
      collector: parts.auditCollector,
      targetOf: parts.auditTargetOf,
      stopping,
    }),
    backups: makeBackups({ ...parts, ...parts.stores, stopping }),
    retention: keepJobs({ ...parts, jobRetentionDays: options.config.jobRetentionDays, stopping }),
  };
}

/** Does what one server does for all, in one term after the other. */
function leaderWork(options: AppOptions, parts: Parts, queue: JobQueue, lead: { term: Term | null }) {
  let loops: ReturnType<typeof startLeaderLoops> | null = null;
  const settled = async (): Promise<void> => {
    await queue.rested();
    await Promise.all(Object.values(loops ?? {}).map((loop) => loop.settled()));
  };
  const begin = async (term: Term): Promise<{ rescued: number }> => {
    loops = startLeaderLoops(options, parts, queue, term.signal);
    const { stores } = parts;
    const { uploadDrainMs } = options.config;
    await takeJobHistory(stores, parts.paths.jobHistory, parts.log);
    const rescued = await rescueJobs({ ...parts, ...stores, queue, uploadDrainMs });
    // What ran on while nobody led has to be counted, and perhaps stopped, before anything else starts.
    await loops.costs.runOnce();
    lead.term = term;
    queue.wake();
    return rescued;
  };
  return {
    begin,
    settled,
    /** What this server does for all now; nothing while it does not lead. */
    loops: () => (lead.term === null ? {} : { ...loops }),
    /** A whole term among several servers. */
    async lead(term: Term): Promise<void> {
      try {
        await parts.stores.leaderFence.raise(term.fence);
        const { rescued } = await begin(term);
        parts.log.info({ fence: term.fence, jobs: rescued }, "this server leads");
        if (!term.signal.aborted) await once(term.signal, "abort");
      } finally {
        lead.term = null;
        await settled();
      }
    },
  };
}

function keepingOf({ config }: AppOptions, parts: Parts, stopping: AbortSignal): AuditKeepingOptions {
  return { ...parts, ...parts.stores, ...config, archiveFolder: parts.paths.archive, stopping };
}

/** What starts jobs and drives them on. */
function openQueue(parts: Parts, lead: { term: Term | null }, stopping: AbortSignal): JobQueue {
  const { stores, storage, tokens, paths, received, retention, ownership, replicas } = parts;
  const drive = runDriver({
    ...parts,
    ...stores,
    jobs: fencedJobs(stores.jobs, ownership),
    isMine: ownership.isMine,
    packagesFolder: paths.packages,
    uploadTokens: tokens,
    deliver: outputDeliverer({ storage, retention, onStored: received.onStored }),
  });
  const guard: QueueLead["guard"] = (transaction) =>
    stores.leaderFence.pass(lead.term?.fence ?? -1, transaction);
  return jobQueue({
    ...parts,
    ...stores,
    driveRun: replicas === null ? drive : whilePresent(drive, () => replicas.membership.presence()),
    lead: { isLeading: () => lead.term !== null, ...(replicas && { guard }) },
    stopping,
  });
}

/** Drives a job only as long as the other servers know that this one lives; then another may drive it on. */
function whilePresent(
  drive: ReturnType<typeof runDriver>,
  presence: () => AbortSignal,
): QueueOptions["driveRun"] {
  return async (jobId, stopping, cancelled) => {
    const present = presence();
    await drive(jobId, AbortSignal.any([stopping, present]), cancelled).catch((error: unknown) => {
      if (!present.aborted) throw error;
    });
    return present.aborted ? "left" : undefined;
  };
}
