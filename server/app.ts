import { reconcileRuns } from "./background/reconcile-runs.ts";
import { runDriver } from "./background/drive-run.ts";
import { archiveAudit, type AuditKeepingOptions, sealAudit } from "./background/keep-audit.ts";
import { makeBackups } from "./background/make-backups.ts";
import { appliedRestore, finishRestore } from "./backups/restore-backup.ts";
import { settleRestoredJobs } from "./services/restored-jobs.ts";
import { followCosts } from "./background/follow-costs.ts";
import { keepLeases } from "./background/keep-leases.ts";
import { rescueJobs } from "./background/rescue-jobs.ts";
import { type JobQueue, jobQueue } from "./background/start-queued-jobs.ts";
import { sweepProviders } from "./background/sweep-providers.ts";
import { sweepSessions } from "./background/sweep-sessions.ts";
import { sweepState } from "./background/sweep-state.ts";
import { sweepStorageHourly } from "./background/sweep-storage.ts";
import type { Stores } from "./db/stores/open-stores.ts";
import type { RequestSource } from "./http/request-source.ts";
import { mountStorage } from "./http/storage-mount.ts";
import { outputDeliverer } from "./services/deliver-outputs.ts";
import { storageRights } from "./services/storage-access.ts";
import type { AppOptions } from "./app/app-options.ts";
import { composeHandlers } from "./app/compose-handlers.ts";
import { startDeliveries } from "./app/open-deliveries.ts";
import { openParts, type Parts } from "./app/open-parts.ts";
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
  const parts = await openParts(options);
  const { stores, storage, received, paths, db } = parts;
  const queue = openQueue(parts, stopping.signal);
  const loops = startLoops(options, parts, queue, stopping.signal);
  const handlers = composeHandlers(options, parts, queue, loops.deliveries, stopping.signal);
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
      const restored = appliedRestore(paths);
      if (restored !== null) {
        await parts.auditLog.forgetHead();
        await settleRestoredJobs({ ...stores, now: options.now }, restored.backup_id);
        await finishRestore(paths);
        parts.log.warn({ backup_id: restored.backup_id, kept: restored.replaced }, "the backup is in place");
      }
      const rescued = await rescueJobs({
        ...parts,
        ...stores,
        queue,
        uploadDrainMs: options.config.uploadDrainMs,
      });
      // What ran on while the server was down has to be counted, and perhaps stopped, before anything else starts.
      await loops.costs.runOnce();
      loops.deliveries.wake();
      return rescued;
    },
    async stop() {
      stopping.abort();
      await queue.settled();
      await Promise.all(Object.values(loops).map((loop) => loop.settled()));
    },
    async dispose() {
      await parts.outbound.close();
      await parts.state.close();
      await db.destroy();
      storage.close?.();
    },
  };
}

/** Everything that is done again and again. */
function startLoops(options: AppOptions, parts: Parts, queue: JobQueue, stopping: AbortSignal) {
  return {
    sessions: sweepSessions({ ...parts, ...parts.stores, ...options.config, stopping }),
    leases: keepLeases({ ...parts, stopping }),
    costs: followCosts({ ...parts, stopRun: queue.stopRun, stopping }),
    leftovers: sweepProviders({ ...parts, stopping }),
    sweeps: sweepStorageHourly({ ...parts, stopping }),
    reconcile: reconcileRuns({ ...parts, ...parts.stores, stopping }),
    state: sweepState({ ...parts, stopping }),
    audit: sealAudit(keepingOf(options, parts, stopping)),
    auditArchive: archiveAudit(keepingOf(options, parts, stopping)),
    backups: makeBackups({ ...parts, ...parts.stores, stopping }),
    deliveries: startDeliveries(parts, stopping),
  };
}

function keepingOf({ config }: AppOptions, parts: Parts, stopping: AbortSignal): AuditKeepingOptions {
  return { ...parts, ...parts.stores, ...config, archiveFolder: parts.paths.archive, stopping };
}

/** What starts jobs and drives them on. */
function openQueue(parts: Parts, stopping: AbortSignal) {
  const { stores, storage, tokens, paths, received, retention } = parts;
  return jobQueue({
    ...parts,
    ...stores,
    driveRun: runDriver({
      ...parts,
      ...stores,
      packagesFolder: paths.packages,
      uploadTokens: tokens,
      deliver: outputDeliverer({ storage, retention, onStored: received.onStored }),
    }),
    stopping,
  });
}
