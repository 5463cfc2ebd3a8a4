import { Type } from "typebox";
import { endpoint } from "./endpoint.ts";

const tag = "Events";
const stream = {
  stream: "sse",
  description:
    "`event:` is the type, `data:` the event as JSON with the job as `job` where it has one, `id:` resumes with Last-Event-ID; `ping` comes every 15 s, `reconnect` with `retry_ms` when the server stops and another may go on",
} as const;

/** Endpoints of the live event stream. */
export const eventEndpoints = {
  streamEvents: endpoint({
    method: "GET",
    path: "/api/events/stream",
    access: "job.view.own",
    tag,
    summary: "Every event the caller may see, live",
    query: Type.Object({
      after: Type.Optional(
        Type.Integer({ minimum: 0, description: "Replay stored events after this id first" }),
      ),
    }),
    answer: stream,
    errors: ["too_many_streams"],
  }),
  streamEventsAlias: endpoint({
    method: "GET",
    path: "/api/events",
    access: "job.view.own",
    tag,
    summary: "The same stream under its short name",
    query: Type.Object({ after: Type.Optional(Type.Integer({ minimum: 0 })) }),
    answer: stream,
    errors: ["too_many_streams"],
  }),
} as const;
