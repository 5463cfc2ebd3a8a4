import { Type, type Static } from "typebox";
import { endpoint } from "./endpoint.ts";
import { Instant, MaybeInstant, MaybeString } from "./instants.ts";

/** An access key for S3 clients of a person, without its secret. */
export const StorageKey = Type.Object({
  access_key_id: Type.String(),
  name: Type.String(),
  access: Type.Union([Type.Literal("read"), Type.Literal("readwrite")], {
    description:
      "read: the outputs of the jobs its owner may see; readwrite: every bucket, for administrators only",
  }),
  user_id: Type.String(),
  username: MaybeString,
  created_at: Instant,
  last_used_at: MaybeInstant,
  expires_at: MaybeInstant,
});
/** See the schema. */
export type StorageKey = Static<typeof StorageKey>;

const tag = "Storage";

/** Endpoints of the access keys that S3 clients sign with. */
export const storageKeyEndpoints = {
  listStorageKeys: endpoint({
    method: "GET",
    path: "/api/cloud/storage-keys",
    access: "api.access",
    tag,
    summary: "Own access keys for S3 clients; everybody's for administrators",
    answer: Type.Object({
      keys: Type.Array(StorageKey),
      endpoint_url: Type.String(),
      bucket: Type.String(),
      region: Type.String(),
    }),
    errors: [],
  }),
  createStorageKey: endpoint({
    method: "POST",
    path: "/api/cloud/storage-keys",
    access: "api.access",
    tag,
    summary: "A new access key; its secret is told this once",
    status: 201,
    body: Type.Object(
      {
        name: Type.String({ minLength: 1, maxLength: 80 }),
        access: Type.Optional(StorageKey.properties.access),
        expires_in_days: Type.Optional(Type.Integer({ minimum: 1, maximum: 3_650 })),
      },
      { additionalProperties: false },
    ),
    answer: Type.Object({ key: StorageKey, secret_access_key: Type.String() }),
    errors: ["too_many_storage_keys"],
  }),
  deleteStorageKey: endpoint({
    method: "DELETE",
    path: "/api/cloud/storage-keys/{access_key_id}",
    access: "api.access",
    tag,
    summary: "Makes an access key invalid at once",
    params: Type.Object({ access_key_id: Type.String({ maxLength: 64 }) }),
    answer: Type.Object({ success: Type.Literal(true), access_key_id: Type.String() }),
    errors: ["storage_key_not_found"],
  }),
} as const;
