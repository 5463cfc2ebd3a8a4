import { Type, type Static } from "typebox";
import { endpoint } from "./endpoint.ts";
import { Instant, MaybeNumber, MaybeString } from "./instants.ts";
import { JobParams } from "./jobs.ts";

/** A file the job produced, as it lies in the storage endpoint. */
export const Artifact = Type.Object({
  key: Type.String({
    description: "Path below the job's area, e.g. checkpoint-200/pytorch_lora_weights.safetensors",
  }),
  kind: Type.Union([
    Type.Literal("model"),
    Type.Literal("checkpoint"),
    Type.Literal("sample"),
    Type.Literal("other"),
  ]),
  size_bytes: Type.Integer(),
  etag: Type.String(),
  last_modified: Instant,
  step: MaybeNumber,
  url: Type.String({ description: "Path on this server that downloads the file" }),
  path: MaybeString,
});
/** See the schema. */
export type Artifact = Static<typeof Artifact>;

/** One measured series: steps and values side by side. */
export const MetricSeries = Type.Object({
  key: Type.String(),
  steps: Type.Array(Type.Number()),
  values: Type.Array(Type.Number()),
});
/** See the schema. */
export type MetricSeries = Static<typeof MetricSeries>;

const tag = "Jobs";

/** Endpoints of what a job measured and produced. */
export const resultEndpoints = {
  jobMetrics: endpoint({
    method: "GET",
    path: "/api/cloud/jobs/{job_id}/metrics",
    access: "job.view.own",
    tag,
    summary: "Measured series, thinned to at most `points` each (minimum and maximum kept)",
    params: JobParams,
    query: Type.Object({
      keys: Type.Optional(Type.String({ maxLength: 200, description: "Comma separated, default loss" })),
      from: Type.Optional(Type.Integer({ minimum: 0 })),
      to: Type.Optional(Type.Integer({ minimum: 0 })),
      points: Type.Optional(Type.Integer({ minimum: 10, maximum: 4000, default: 1000 })),
    }),
    answer: Type.Object({ series: Type.Array(MetricSeries), available: Type.Array(Type.String()) }),
    errors: ["job_not_found"],
  }),
  jobArtifacts: endpoint({
    method: "GET",
    path: "/api/cloud/jobs/{job_id}/artifacts",
    access: "job.view.own",
    tag,
    summary: "Models, checkpoints and samples the job delivered to this machine",
    params: JobParams,
    query: Type.Object({
      kind: Type.Optional(Artifact.properties.kind),
      after: Type.Optional(Type.String({ maxLength: 1024 })),
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 1000 })),
    }),
    answer: Type.Object({ artifacts: Type.Array(Artifact), total_bytes: Type.Integer(), next: MaybeString }),
    errors: ["job_not_found"],
  }),
} as const;
