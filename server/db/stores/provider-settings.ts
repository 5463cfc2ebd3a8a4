import type { Kysely } from "kysely";
import type { ProviderSettingValues } from "@simpletuner-cloud/contract/provider-settings.ts";
import { compiledQueries } from "../compiled-queries.ts";
import type { Database } from "../schema.ts";
import { appendEvents, type EventDraft, type StoredEvent } from "./job-events.ts";

/** The settings of one provider as they lie here: secrets inside are sealed. */
export interface StoredProviderSettings {
  values: ProviderSettingValues;
  /** 0: nothing was ever set. */
  version: number;
  updatedAtMs: number | null;
  updatedBy: string | null;
}

/** What a decision over settings comes to. */
export interface SettingDecision {
  /** Null: nothing of them changes. */
  values: ProviderSettingValues | null;
  events: readonly EventDraft[];
}

/** Settings of providers. Changes are events, which `onChanged` hears once committed. */
export function providerSettingStore(
  db: Kysely<Database>,
  now: () => number,
  onChanged: (event: StoredEvent) => void,
) {
  const run = compiledQueries(db);
  return {
    async get(provider: string): Promise<StoredProviderSettings> {
      const [row] = await run("one", { provider }, (slot) =>
        db.selectFrom("provider_settings").selectAll().where("provider", "=", slot<string>("provider")),
      );
      return storedOf(row);
    },
    /** Changes settings on what they are at that moment: no other change is made meanwhile. What `decide` throws undoes all. */
    async change(
      provider: string,
      by: string,
      decide: (before: StoredProviderSettings, transaction: Kysely<Database>) => Promise<SettingDecision>,
    ): Promise<void> {
      const events = await db.transaction().execute(async (transaction) => {
        await transaction
          .updateTable("counters")
          .set((row) => ({ value: row("value", "+", 1) }))
          .where("name", "=", "provider_settings")
          .execute();
        const before = await read(transaction, provider);
        const { values, events: drafts } = await decide(before, transaction);
        if (values !== null) await replace(transaction, { provider, values, before, nowMs: now(), by });
        return appendEvents(transaction, drafts);
      });
      for (const each of events) onChanged(each);
    },
  };
}

/** See {@link providerSettingStore}. */
export type ProviderSettingStore = ReturnType<typeof providerSettingStore>;

async function read(db: Kysely<Database>, provider: string): Promise<StoredProviderSettings> {
  const row = await db
    .selectFrom("provider_settings")
    .selectAll()
    .where("provider", "=", provider)
    .executeTakeFirst();
  return storedOf(row);
}

function storedOf(row: Database["provider_settings"] | undefined): StoredProviderSettings {
  if (!row) return { values: {}, version: 0, updatedAtMs: null, updatedBy: null };
  return {
    values: JSON.parse(row.value) as ProviderSettingValues,
    version: Number(row.version),
    updatedAtMs: Number(row.updated_at),
    updatedBy: row.updated_by,
  };
}

interface Replacement {
  provider: string;
  values: ProviderSettingValues;
  before: StoredProviderSettings;
  nowMs: number;
  by: string;
}

async function replace(transaction: Kysely<Database>, change: Replacement): Promise<void> {
  const { provider, values, before, nowMs, by } = change;
  await transaction.deleteFrom("provider_settings").where("provider", "=", provider).execute();
  await transaction
    .insertInto("provider_settings")
    .values({
      provider,
      value: JSON.stringify(values),
      version: before.version + 1,
      updated_at: nowMs,
      updated_by: by,
    })
    .execute();
}
