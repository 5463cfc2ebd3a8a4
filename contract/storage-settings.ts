import { Type, type Static } from "typebox";
import { endpoint } from "./endpoint.ts";

const MaybeBytes = Type.Union([Type.Integer({ minimum: 1 }), Type.Null()]);

/** What is kept of the jobs' outputs, and how much; null means no limit. */
export const StorageSettings = Type.Object(
  {
    keep_checkpoints: Type.Union([Type.Integer({ minimum: 1, maximum: 10_000 }), Type.Null()], {
      description: "Newest checkpoints kept of a job whose configuration does not say",
    }),
    quota_job_bytes: MaybeBytes,
    quota_user_bytes: MaybeBytes,
  },
  { additionalProperties: false },
);
/** See the schema. */
export type StorageSettings = Static<typeof StorageSettings>;

const tag = "Storage";

/** Endpoints of the storage's limits. */
export const storageSettingEndpoints = {
  getStorageSettings: endpoint({
    method: "GET",
    path: "/api/cloud/storage-settings",
    access: "job.view.own",
    tag,
    summary: "What is kept of the jobs' outputs, and how much",
    answer: StorageSettings,
    errors: [],
  }),
  putStorageSettings: endpoint({
    method: "PUT",
    path: "/api/cloud/storage-settings",
    access: "admin.config",
    tag,
    summary: "Changes it; what is stored already stays until a job stores more",
    body: StorageSettings,
    answer: StorageSettings,
    errors: [],
  }),
} as const;
