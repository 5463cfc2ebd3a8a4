import { randomBytes } from "node:crypto";
import type { SettingStore } from "../db/stores/settings.ts";

/**
 * The id that tells this installation's runs at a provider from those of others with the same account. It is made when
 * somebody first asks for it, and lies in the database, so that all replicas have it.
 */
export function installationId(settings: SettingStore): () => Promise<string> {
  let making: Promise<string> | null = null;
  const make = async (): Promise<string> => {
    const id = randomBytes(8).toString("hex");
    await settings.set({ installationId: id });
    return id;
  };
  return async () => {
    const known = await settings.get("installationId");
    if (known !== null) return known;
    making ??= make().finally(() => (making = null));
    return making;
  };
}

/** The database is a copy from here on: what the original runs is not this installation's. */
export async function becomeAnotherInstallation(settings: SettingStore): Promise<void> {
  await settings.set({ installationId: null });
}
