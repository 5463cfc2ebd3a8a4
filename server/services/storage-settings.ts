import type { storageSettingEndpoints } from "@simpletuner-cloud/contract/storage-settings.ts";
import type { SettingStore } from "../db/stores/settings.ts";
import type { Handlers } from "./handler.ts";

/** The storage's limits. */
export function storageSettingService({
  settings,
}: {
  settings: SettingStore;
}): Handlers<typeof storageSettingEndpoints> {
  return {
    async getStorageSettings() {
      return {
        keep_checkpoints: await settings.get("storageKeepCheckpoints"),
        quota_job_bytes: await settings.get("storageQuotaJobBytes"),
        quota_user_bytes: await settings.get("storageQuotaUserBytes"),
      };
    },
    async putStorageSettings({ body }) {
      await settings.set({
        storageKeepCheckpoints: body.keep_checkpoints,
        storageQuotaJobBytes: body.quota_job_bytes,
        storageQuotaUserBytes: body.quota_user_bytes,
      });
      return body;
    },
  };
}
