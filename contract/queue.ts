import { Type } from "typebox";
import { endpoint } from "./endpoint.ts";
import { terminalStatuses } from "./jobs.ts";

const Limits = Type.Object(
  { max_concurrent: Type.Integer({ minimum: 1, maximum: 100 }) },
  { additionalProperties: false },
);
const tag = "Queue";

/** Endpoints of the queue. */
export const queueEndpoints = {
  queueStats: endpoint({
    method: "GET",
    path: "/api/queue/stats",
    access: "queue.view",
    tag,
    summary: "Depth, running jobs and limits",
    answer: Type.Object({
      queue_depth: Type.Integer(),
      running: Type.Integer(),
      max_concurrent: Type.Integer(),
      by_status: Type.Record(Type.String(), Type.Integer()),
      avg_wait_seconds: Type.Union([Type.Number(), Type.Null()], {
        description: "Mean wait of the last 50 started jobs",
      }),
    }),
    errors: [],
  }),
  queuePosition: endpoint({
    method: "GET",
    path: "/api/queue/position/{job_id}",
    access: "job.view.own",
    tag,
    summary: "Place in the queue",
    params: Type.Object({ job_id: Type.String() }),
    answer: Type.Object({
      job_id: Type.String(),
      position: Type.Union([Type.Integer(), Type.Null()]),
      status: Type.String(),
    }),
    errors: ["job_not_found"],
  }),
  setConcurrency: endpoint({
    method: "POST",
    path: "/api/queue/concurrency",
    access: "queue.manage",
    tag,
    summary: "How many jobs run at once",
    body: Limits,
    answer: Limits,
    errors: [],
  }),
  retention: endpoint({
    method: "GET",
    path: "/api/queue/retention",
    access: "queue.manage",
    tag,
    summary: "How long ended jobs are kept, how many are due to be archived, and what archives take",
    answer: Type.Object({
      days: Type.Union([Type.Integer(), Type.Null()], { description: "After a job's end; null keeps all" }),
      due: Type.Integer({ description: "Jobs that the next round archives" }),
      ended: Type.Integer(),
      archives: Type.Object({ files: Type.Integer(), bytes: Type.Integer() }),
      archive_folder: Type.String(),
    }),
    errors: ["folder_unusable"],
  }),
  cleanup: endpoint({
    method: "POST",
    path: "/api/queue/cleanup",
    access: "queue.manage",
    tag,
    summary:
      "Archives jobs that ended so many days ago and takes them out, never one under way; outputs stay",
    query: Type.Object({
      days: Type.Optional(Type.Integer({ minimum: 1, maximum: 365, default: 30 })),
      status: Type.Optional(Type.Enum(terminalStatuses)),
      dry_run: Type.Optional(Type.Boolean({ description: "Only counts them" })),
    }),
    answer: Type.Object({
      success: Type.Literal(true),
      deleted: Type.Integer(),
      days: Type.Integer(),
      dry_run: Type.Boolean(),
    }),
    errors: ["folder_unusable", "disk_full"],
  }),
} as const;
