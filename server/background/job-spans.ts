import type { JobRecord } from "../domain/job-record.ts";
import type { Span, Tracer } from "../domain/trace.ts";

/**
 * The span of a job's next step, in the trace of the request that submitted the job: so the steps of a run that was taken
 * up again, be it by another server, are in one trace. Null while nothing is traced.
 */
export function stepSpan(
  traces: Tracer | null | undefined,
  job: JobRecord,
  step = nextStep(job),
): Span | null {
  if (!traces) return null;
  const { job_id, provider, status, attempt } = job.wire;
  return traces.begin(`job ${step}`, {
    attributes: {
      "simpletuner.job.id": job_id,
      "simpletuner.job.attempt": attempt,
      "simpletuner.job.status": status,
      "simpletuner.provider": provider,
    },
    origin: { traceparent: job.private.traceparent ?? null },
  });
}

/** What driving the job does with it as it stands. */
function nextStep({ wire, private: { handedOver } }: JobRecord): string {
  if (wire.status === "uploading") return "package";
  return handedOver ? "follow" : "hand over";
}
