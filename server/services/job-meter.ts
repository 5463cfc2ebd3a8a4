import type { CommittedChange } from "../db/stores/jobs.ts";
import type { MetricRegistry } from "./metric-registry.ts";

/** Measures how long jobs ran, once each: in the process that wrote the end. */
export function jobMeter(metrics: MetricRegistry): (change: CommittedChange) => void {
  const seconds = metrics.histogram("simpletuner_job_duration_seconds");
  return ({ job: { wire }, events }) => {
    const { status, is_terminal, started_at, completed_at } = wire;
    if (!is_terminal || started_at === null || completed_at === null) return;
    // A job that is over may still change, as when it is delivered.
    if (!events.some((event) => event.wire.type === "job.status")) return;
    seconds.observe({ status }, Math.max(0, Date.parse(completed_at) - Date.parse(started_at)) / 1_000);
  };
}
