import { Type } from "typebox";
import { endpoint } from "./endpoint.ts";

/**
 * Every event by name with what its `data` holds. State changes are stored and numbered; `job.progress`
 * is live only: it is sent to open streams and never replayed, since the job itself holds the latest value.
 */
export const eventTypes = {
  "job.created": "status, name, provider",
  "job.status": "status, previous, reason?",
  "job.cancel_requested": "by, reason?",
  "job.plan": "fingerprint, files, bytes, consent: token | allow | in_place",
  "job.packaged": "files, bytes, archive_bytes, seconds",
  "job.attempt": "attempt, resumed_from?",
  "job.checkpoint": "step, key",
  "job.sample": "step, key",
  "job.artifact": "key, size_bytes, kind",
  "job.artifacts_deleted": "by, key? | prefix?, files, bytes",
  "job.artifacts_pruned": "files, bytes, kept: older checkpoints were deleted, the last `kept` stay",
  "job.report_ignored": "report, status: a late or duplicate report that was recorded, not applied",
  "job.deleted": "",
  "job.progress": "progress?, upload_progress? (live only)",
  "settings.changed": "names",
  "provider.configured": "provider, names, by, acknowledged?: a risk that was confirmed",
} as const;

/** A name of {@link eventTypes}. */
export type EventType = keyof typeof eventTypes;

/** Event types that are sent live and never stored. */
export const liveOnlyEvents: readonly EventType[] = ["job.progress"];

const tag = "Events";
const stream = {
  stream: "sse",
  description:
    "`event:` is the type, `data:` the event as JSON with the job as `job` where it has one, `id:` resumes with Last-Event-ID; `ping` comes every 15 s",
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
