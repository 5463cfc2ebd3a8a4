import { Type, type Static } from "typebox";
import { endpoint } from "./endpoint.ts";
import { Instant } from "./instants.ts";
import { JobParams } from "./jobs.ts";

/** One line of a job's log. */
export const LogLine = Type.Object({
  line: Type.Integer({ minimum: 1 }),
  at: Instant,
  level: Type.Union([
    Type.Literal("debug"),
    Type.Literal("info"),
    Type.Literal("warning"),
    Type.Literal("error"),
  ]),
  text: Type.String(),
});
/** See the schema. */
export type LogLine = Static<typeof LogLine>;

const LogQuery = Type.Object({
  from_line: Type.Optional(Type.Integer({ minimum: 1, description: "First line wanted" })),
  tail: Type.Optional(Type.Integer({ minimum: 1, maximum: 5000, description: "The last so many lines" })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 5000, default: 500 })),
  level: Type.Optional(LogLine.properties.level),
  q: Type.Optional(
    Type.String({ maxLength: 200, description: "Only lines that contain this, ignoring case" }),
  ),
});

const LogPage = Type.Object({
  job_id: Type.String(),
  lines: Type.Array(LogLine),
  total_lines: Type.Integer({ description: "Lines in the whole log" }),
  matched_lines: Type.Integer({ description: "Lines that match level and q in the whole log" }),
  logs: Type.String({ description: "The same lines as one text" }),
});
/** See the schema. */
export type LogPage = Static<typeof LogPage>;

const tag = "Jobs";

/** Endpoints of job logs. */
export const logEndpoints = {
  jobLogs: endpoint({
    method: "GET",
    path: "/api/cloud/jobs/{job_id}/logs",
    access: "job.view.own",
    tag,
    summary: "A page of the job's log, searched and filtered on the server",
    params: JobParams,
    query: LogQuery,
    answer: LogPage,
    errors: ["job_not_found"],
  }),
  downloadLogs: endpoint({
    method: "GET",
    path: "/api/cloud/jobs/{job_id}/logs/download",
    access: "job.view.own",
    tag,
    summary: "The whole log as text",
    params: JobParams,
    answer: { stream: "text", description: "text/plain", fileName: "{job_id}.log" },
    errors: ["job_not_found"],
  }),
  streamLogs: endpoint({
    method: "GET",
    path: "/api/cloud/jobs/{job_id}/logs/stream",
    access: "job.view.own",
    tag,
    summary: "The log as it grows; `event: lines` with a JSON array, `event: done` with the last status",
    params: JobParams,
    query: Type.Object({ from_line: Type.Optional(Type.Integer({ minimum: 1 })) }),
    answer: { stream: "sse", description: "id = last line number; resumes with Last-Event-ID" },
    errors: ["job_not_found"],
  }),
} as const;
