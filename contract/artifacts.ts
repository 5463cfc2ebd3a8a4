import { Type, type Static } from "typebox";
import { endpoint } from "./endpoint.ts";
import { JobParams } from "./jobs.ts";

/** One tensor as a safetensors header describes it. */
export const SafetensorsTensor = Type.Object({
  name: Type.String(),
  dtype: Type.String({ description: "The file's own name of the element type, e.g. BF16" }),
  shape: Type.Array(Type.Integer()),
  parameters: Type.Integer({ description: "Product of the shape; 1 for a scalar" }),
  size_bytes: Type.Integer(),
});
/** See the schema. */
export type SafetensorsTensor = Static<typeof SafetensorsTensor>;

/** What a safetensors file says of itself before its data. */
export const SafetensorsHeader = Type.Object({
  key: Type.String(),
  file_bytes: Type.Integer(),
  header_bytes: Type.Integer(),
  tensor_count: Type.Integer(),
  parameters: Type.Integer({ description: "Of all tensors together" }),
  dtypes: Type.Array(
    Type.Object({
      dtype: Type.String(),
      tensor_count: Type.Integer(),
      parameters: Type.Integer(),
      size_bytes: Type.Integer(),
    }),
    { description: "Largest first" },
  ),
  metadata: Type.Record(Type.String(), Type.String(), {
    description: "The file's `__metadata__`; a text longer than 65,536 characters is cut there",
  }),
  cut_metadata: Type.Array(Type.String(), { description: "Names whose text was cut" }),
  tensors: Type.Array(SafetensorsTensor, {
    description: "In the file's order of data, at most the first 20,000",
  }),
});
/** See the schema. */
export type SafetensorsHeader = Static<typeof SafetensorsHeader>;

const Key = Type.String({
  minLength: 1,
  maxLength: 1024,
  description: "Path below the job's area, as the list of artifacts names it",
});
const Prefix = Type.String({
  minLength: 1,
  maxLength: 1024,
  description: "A folder below the job's area with its slash, e.g. checkpoint-200/",
});

const tag = "Jobs";

/** Endpoints of single artifacts: look inside, take home as one archive, delete. */
export const artifactEndpoints = {
  artifactHeader: endpoint({
    method: "GET",
    path: "/api/cloud/jobs/{job_id}/artifacts/header",
    access: "job.view.own",
    tag,
    summary: "Tensors and metadata of a safetensors file, read from its header alone",
    params: JobParams,
    query: Type.Object({ key: Key }),
    answer: SafetensorsHeader,
    errors: ["job_not_found", "artifact_not_found", "object_key_invalid", "not_safetensors"],
  }),
  artifactArchive: endpoint({
    method: "GET",
    path: "/api/cloud/jobs/{job_id}/artifacts/archive",
    access: "job.view.own",
    tag,
    summary: "A folder of the job's files, or all of them, as one zip archive",
    params: JobParams,
    query: Type.Object({ prefix: Type.Optional(Prefix) }),
    answer: {
      stream: "zip",
      description: "a zip archive of known length whose files are stored as they are",
    },
    errors: ["job_not_found", "artifact_not_found", "object_key_invalid"],
  }),
  deleteArtifacts: endpoint({
    method: "DELETE",
    path: "/api/cloud/jobs/{job_id}/artifacts",
    access: "job.delete.own",
    tag,
    summary: "Delete one file (`key`) or a folder (`prefix`) of a finished job",
    params: JobParams,
    query: Type.Object({ key: Type.Optional(Key), prefix: Type.Optional(Prefix) }),
    answer: Type.Object({
      success: Type.Literal(true),
      deleted_files: Type.Integer(),
      deleted_bytes: Type.Integer(),
    }),
    errors: ["job_not_found", "artifact_not_found", "object_key_invalid", "invalid_job_state"],
  }),
} as const;
