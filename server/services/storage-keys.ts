import { randomBytes } from "node:crypto";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import { isoOrNull } from "@simpletuner-cloud/contract/instants.ts";
import { type Caller, callerMay } from "@simpletuner-cloud/contract/permissions.ts";
import type { StorageKey, storageKeyEndpoints } from "@simpletuner-cloud/contract/storage-keys.ts";
import type { StorageKeyStore } from "../db/stores/storage-keys.ts";
import type { UserStore } from "../db/stores/users.ts";
import type { StorageKeysTable } from "../db/schema.ts";
import { outputsBucket } from "../domain/run-files.ts";
import type { SecretBox } from "../domain/sealed-secret.ts";
import type { Handlers } from "./handler.ts";
import { storagePath } from "./results.ts";

/** More keys than this are forgotten ones. */
const keysPerUser = 50;
const dayMs = 24 * 3_600_000;

/** What storage keys need. */
export interface StorageKeyOptions {
  storageKeys: StorageKeyStore;
  users: Pick<UserStore, "names">;
  secrets: SecretBox;
  now: () => number;
  /** This server's address as clients reach it. */
  baseUrl: () => string;
  /** The user as of now, so that a key never opens more than its owner may; null when there is no such user any more. */
  findCaller: (userId: string) => Promise<Caller | null>;
}

/** A key that may be used now, with its owner's present rights. */
export interface LiveStorageKey {
  secretAccessKey: string;
  access: StorageKey["access"];
  caller: Caller;
}

/** Access keys that people make for S3 clients: aws, rclone, boto3. */
export function storageKeyService(
  options: StorageKeyOptions,
): Handlers<typeof storageKeyEndpoints> & { findLive(accessKeyId: string): Promise<LiveStorageKey | null> } {
  const { storageKeys, secrets } = options;
  return {
    async listStorageKeys(_input, { caller }) {
      const keys = await storageKeys.list(callerMay(caller, "admin.config") ? null : caller.userId);
      const names = await options.users.names(keys.map(({ user_id }) => user_id));
      return {
        keys: keys.map((key) => shown(key, names.get(key.user_id) ?? null)),
        endpoint_url: options.baseUrl() + storagePath,
        bucket: outputsBucket,
        region: "auto",
      };
    },
    async createStorageKey({ body }, { caller }) {
      // It would reach all that its owner may see, which is more than the key that makes it.
      if (caller.credential?.scoped) throw fail("api_key_scope", { permission: "all that its owner may do" });
      const access = body.access ?? "read";
      if (access === "readwrite" && !callerMay(caller, "admin.config"))
        throw fail("permission_denied", { permission: "admin.config" });
      if ((await storageKeys.list(caller.userId)).length >= keysPerUser)
        throw fail("too_many_storage_keys", { limit: keysPerUser });
      const secretAccessKey = randomBytes(30).toString("base64url");
      const atMs = options.now();
      const key: StorageKeysTable = {
        access_key_id: `STK${randomBytes(12).toString("hex").toUpperCase()}`,
        user_id: caller.userId,
        name: body.name,
        access,
        sealed_secret: secrets.seal(secretAccessKey),
        created_at: atMs,
        last_used_at: null,
        expires_at: body.expires_in_days === undefined ? null : atMs + body.expires_in_days * dayMs,
      };
      await storageKeys.insert(key);
      return { key: shown(key, caller.username), secret_access_key: secretAccessKey };
    },
    async deleteStorageKey({ params }, { caller }) {
      const key = await storageKeys.find(params.access_key_id);
      if (!key || (key.user_id !== caller.userId && !callerMay(caller, "admin.config")))
        throw fail("storage_key_not_found", { access_key_id: params.access_key_id });
      await storageKeys.remove(key.access_key_id);
      return { success: true, access_key_id: key.access_key_id };
    },
    async findLive(accessKeyId) {
      const key = await storageKeys.find(accessKeyId);
      if (!key || (key.expires_at !== null && Number(key.expires_at) <= options.now())) return null;
      const caller = await options.findCaller(key.user_id);
      if (!caller || (key.access === "readwrite" && !callerMay(caller, "admin.config"))) return null;
      await storageKeys.markUsed(key);
      return { secretAccessKey: secrets.open(key.sealed_secret), access: accessOf(key), caller };
    },
  };
}

/** See {@link storageKeyService}. */
export type StorageKeys = ReturnType<typeof storageKeyService>;

function shown(key: StorageKeysTable, username: string | null): StorageKey {
  return {
    access_key_id: key.access_key_id,
    name: key.name,
    access: accessOf(key),
    user_id: key.user_id,
    username,
    created_at: new Date(Number(key.created_at)).toISOString(),
    last_used_at: isoOrNull(key.last_used_at),
    expires_at: isoOrNull(key.expires_at),
  };
}

function accessOf(key: StorageKeysTable): StorageKey["access"] {
  return key.access === "readwrite" ? "readwrite" : "read";
}
