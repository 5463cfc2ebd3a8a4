import type { Kysely } from "kysely";
import type { ConsentMode } from "@simpletuner-cloud/contract/data-consent.ts";
import type { MetricCategory } from "@simpletuner-cloud/contract/metrics.ts";
import type { Database } from "../schema.ts";
import { appendEvents, type StoredEvent } from "./job-events.ts";

/** Settings of the server that are changed while it runs, with their defaults. */
export const settingDefaults = {
  dataConsent: "ask" as ConsentMode,
  maxConcurrentJobs: 1,
  /** Checkpoints to keep of each job whose configuration does not say; null keeps all. */
  storageKeepCheckpoints: null as number | null,
  /** Bytes one job, and all jobs of one user together, may store; null is no limit. */
  storageQuotaJobBytes: null as number | null,
  storageQuotaUserBytes: null as number | null,
  /** Hours between backups that are made by themselves; null makes none. They stay for so many days. */
  backupEveryHours: null as number | null,
  backupKeepDays: 30,
  /** Why the last of them failed; null when it did not. */
  backupLastError: null as string | null,
  /** Whether people may make accounts of their own, and the level they get. */
  registrationEnabled: false,
  registrationLevel: "researcher",
  /** Uncommitted changes of the configurations are committed when a job is submitted. */
  snapshotOnSubmit: false,
  /** Whether metrics are exported for Prometheus, and which. */
  prometheusEnabled: false,
  prometheusCategories: ["jobs", "http"] as readonly MetricCategory[],
  /** SHA-256 of the token that a scrape needs, and when it was made; null: none is needed. */
  scrapeToken: null as { hash: string; madeAtMs: number } | null,
  /** The job history of SimpleTuner's own cloud panel was taken in. */
  jobHistoryImported: false,
  /** Tells this installation's runs at providers from those of others; null: it has none yet. */
  installationId: null as string | null,
};
/** See {@link settingDefaults}. */
export type Settings = typeof settingDefaults;

/**
 * Reads and writes settings, each in its own row so that two writers never undo each other. A change is an event, which
 * `onChanged` hears once it is committed.
 */
export function settingStore(
  db: Kysely<Database>,
  now: () => number,
  onChanged: (event: StoredEvent) => void,
) {
  return {
    async get<Name extends keyof Settings>(name: Name): Promise<Settings[Name]> {
      const row = await db.selectFrom("settings").select("value").where("name", "=", name).executeTakeFirst();
      return row ? (JSON.parse(row.value) as Settings[Name]) : settingDefaults[name];
    },
    /** All of the changes or none. */
    async set(changes: Partial<Settings>): Promise<void> {
      // In one order, so that two writers never wait for each other.
      const names = (Object.keys(changes) as (keyof Settings)[]).sort();
      const [event] = await db.transaction().execute(async (transaction) => {
        for (const name of names) await put(transaction, name, JSON.stringify(changes[name]), now());
        return appendEvents(transaction, [
          { jobId: null, userId: null, type: "settings.changed", atMs: now(), data: { names } },
        ]);
      });
      if (event) onChanged(event);
    },
  };
}

/** See {@link settingStore}. */
export type SettingStore = ReturnType<typeof settingStore>;

async function put(
  transaction: Kysely<Database>,
  name: keyof Settings,
  value: string,
  updated_at: number,
): Promise<void> {
  const updated = await transaction
    .updateTable("settings")
    .set({ value, updated_at })
    .where("name", "=", name)
    .executeTakeFirst();
  if (Number(updated.numUpdatedRows) === 0)
    await transaction.insertInto("settings").values({ name, value, updated_at }).execute();
}
