import { statfs } from "node:fs/promises";
import { activeStatuses, jobStatuses } from "@simpletuner-cloud/contract/jobs.ts";
import type { CircuitBreaker } from "../adapters/outbound/circuit-breaker.ts";
import type { Traces } from "../adapters/traces/traces.ts";
import type { AuditEntryStore } from "../db/stores/audit-entries.ts";
import type { AuditExportStore } from "../db/stores/audit-exports.ts";
import type { JobCountStore } from "../db/stores/job-counts.ts";
import { exportLag, isStopped } from "./audit-export.ts";
import { type Component, databaseHealth, type HealthCheck, type HealthOptions } from "./health.ts";
import type { HttpMeter } from "./http-meter.ts";
import type { Collector, MetricRegistry, Sample } from "./metric-registry.ts";
import type { Readiness } from "./readiness.ts";
import type { RequestLimits } from "./request-limits.ts";
import type { SpendGuard } from "./spend-guard.ts";

/** What metrics are collected from. */
export interface MetricSources extends Pick<HealthOptions, "pingDatabase" | "databaseName" | "loops"> {
  counts: Pick<JobCountStore, "totals">;
  auditEntries: Pick<AuditEntryStore, "chain" | "countByType" | "lastBefore" | "after">;
  auditExports: Pick<AuditExportStore, "current">;
  spendGuard: Pick<SpendGuard, "statuses">;
  outbound: { breakers(): readonly CircuitBreaker[] };
  httpMeter: HttpMeter;
  limits: Pick<RequestLimits, "counts">;
  traces: Pick<Traces, "view"> | null;
  health: HealthCheck;
  readiness: Pick<Readiness, "reason">;
  stateDir: string;
  version: string;
  uptimeSeconds: () => number;
  now: () => number;
}

/** What takes long to find out is told as it was at most so long ago. */
const keptMs = 15_000;
const dayMs = 86_400_000;

/** Has every category of metrics find out its numbers. */
export function collectMetrics(metrics: MetricRegistry, sources: MetricSources): void {
  metrics.collectWith("jobs", jobMetrics(sources));
  metrics.collectWith("http", sources.httpMeter.collect);
  metrics.collectWith("rate_limits", rateLimitMetrics(sources));
  metrics.collectWith("audit", auditMetrics(sources));
  metrics.collectWith("health", healthMetrics(sources));
  metrics.collectWith("circuit_breakers", breakerMetrics(sources));
  metrics.collectWith("provider", providerMetrics(sources));
}

/** Read from totals that are kept in each change, never by looking at jobs. */
function jobMetrics({ counts }: MetricSources): Collector {
  return async () => {
    const rows = await counts.totals();
    const sum = (
      column: Exclude<keyof (typeof rows)[number], "status">,
      statuses?: readonly string[],
    ): number =>
      rows.reduce((total, row) => total + (statuses?.includes(row.status) === false ? 0 : row[column]), 0);
    const timed = sum("timed");
    return {
      simpletuner_jobs_total: [{ value: sum("made") }],
      simpletuner_jobs_by_status: byStatus(jobStatuses, (status) => sum("jobs", [status])),
      simpletuner_jobs_active: [{ value: sum("jobs", activeStatuses) }],
      simpletuner_queue_depth: [{ value: sum("jobs", ["pending"]) }],
      simpletuner_jobs_finished_total: byStatus(
        jobStatuses.filter((status) => !(activeStatuses as readonly string[]).includes(status)),
        (status) => sum("ended", [status]),
      ),
      simpletuner_cost_usd_total: [{ value: sum("cost_micros") / 1e6 }],
      simpletuner_job_duration_seconds_avg: [{ value: timed === 0 ? 0 : sum("duration_ms") / timed / 1_000 }],
    };
  };
}

function byStatus(statuses: readonly string[], valueOf: (status: string) => number): Sample[] {
  return statuses.map((status) => ({ labels: { status }, value: valueOf(status) }));
}

function rateLimitMetrics({ limits }: Pick<MetricSources, "limits">): Collector {
  return async () => {
    const { rules, violations, trackedClients } = limits.counts.snapshot();
    return {
      simpletuner_rate_limit_violations_total: [{ value: violations }],
      simpletuner_rate_limit_violations_by_rule_total: rules.map(({ rule, refused }) => ({
        labels: { rule },
        value: refused,
      })),
      simpletuner_rate_limit_tracked_clients: [{ value: trackedClients }],
    };
  };
}

/** The numbers of entries tell how many there are; by type they are counted on from where the last scrape was. */
function auditMetrics(sources: MetricSources): Collector {
  const { auditEntries, now } = sources;
  let known = { startId: -1, lastId: 0, byType: new Map<string, number>() };
  const byType = async (startId: number, lastId: number): Promise<Map<string, number>> => {
    if (known.startId !== startId) known = { startId, lastId: startId, byType: new Map() };
    const counting = known;
    if (counting.lastId >= lastId) return counting.byType;
    const more = await auditEntries.countByType(counting.lastId, lastId);
    // Two scrapes at the same moment count the same entries once.
    if (counting.lastId >= lastId) return counting.byType;
    for (const [type, entries] of Object.entries(more))
      counting.byType.set(type, (counting.byType.get(type) ?? 0) + entries);
    counting.lastId = lastId;
    return counting.byType;
  };
  return async () => {
    const { start, last } = await auditEntries.chain();
    const before = await auditEntries.lastBefore(now() - dayMs);
    const types = await byType(start.id, last.id);
    return {
      simpletuner_audit_log_entries_total: [{ value: last.id }],
      simpletuner_audit_log_entries_24h: [{ value: last.id - Math.max(before ?? 0, start.id) }],
      simpletuner_audit_log_entries_by_type: [...types].map(([event_type, value]) => ({
        labels: { event_type },
        value,
      })),
      ...(await exportMetrics(sources)),
    };
  };
}

async function exportMetrics(sources: MetricSources) {
  const stored = await sources.auditExports.current();
  if (stored === null) return {};
  const { waiting, oldestAtMs } = await exportLag(sources, stored);
  const ageMs = oldestAtMs === null ? 0 : Math.max(0, sources.now() - oldestAtMs);
  return {
    simpletuner_audit_export_lag_entries: [{ value: waiting }],
    simpletuner_audit_export_lag_seconds: [{ value: ageMs / 1_000 }],
    simpletuner_audit_export_stopped: [{ value: isStopped(stored) ? 1 : 0 }],
  };
}

const statusNumbers = { healthy: 0, degraded: 1, unhealthy: 2 } as const;

function healthMetrics(sources: MetricSources): Collector {
  const others = kept(async () => sources.health({ includeProviders: false }));
  let utilization = performance.eventLoopUtilization();
  return async () => {
    const [database, components] = await Promise.all([databaseHealth(sources), others()]);
    const since = performance.eventLoopUtilization(utilization);
    utilization = performance.eventLoopUtilization();
    const { user, system } = process.cpuUsage();
    return {
      simpletuner_uptime_seconds: [{ value: sources.uptimeSeconds() }],
      simpletuner_build_info: [{ labels: { version: sources.version }, value: 1 }],
      simpletuner_ready: [{ value: sources.readiness.reason === null ? 1 : 0 }],
      simpletuner_health_database_latency_ms: [{ value: database.latency_ms ?? 0 }],
      simpletuner_health_database_latency_seconds: [{ value: (database.latency_ms ?? 0) / 1_000 }],
      simpletuner_health_component_status: [
        database,
        ...components.filter(({ name }) => name !== database.name),
      ].map(statusSample),
      simpletuner_disk_free_bytes: await freeBytes(sources.stateDir),
      simpletuner_event_loop_utilization_ratio: [{ value: since.utilization }],
      process_start_time_seconds: [{ value: performance.timeOrigin / 1_000 }],
      process_cpu_seconds_total: [{ value: (user + system) / 1e6 }],
      process_resident_memory_bytes: [{ value: process.memoryUsage.rss() }],
      ...loopMetrics(sources),
      ...traceMetrics(sources),
    };
  };
}

function statusSample({ name, status }: Component): Sample {
  return { labels: { component: name }, value: statusNumbers[status] };
}

async function freeBytes(folder: string): Promise<Sample[]> {
  return statfs(folder).then(
    ({ bavail, bsize }) => [{ value: bavail * bsize }],
    () => [],
  );
}

function loopMetrics({ loops }: MetricSources) {
  const views = Object.entries(loops());
  return {
    simpletuner_background_loop_rounds_total: views.map(([loop, { rounds }]) => ({
      labels: { loop },
      value: rounds,
    })),
    simpletuner_background_loop_failures_total: views.map(([loop, { failures }]) => ({
      labels: { loop },
      value: failures,
    })),
    simpletuner_background_loop_last_success_seconds: views.flatMap(([loop, { sinceSuccessMs }]) =>
      sinceSuccessMs === null ? [] : [{ labels: { loop }, value: sinceSuccessMs / 1_000 }],
    ),
  };
}

function traceMetrics({ traces }: MetricSources) {
  if (traces === null) return {};
  const { sent, dropped } = traces.view();
  return {
    simpletuner_trace_spans_sent_total: [{ value: sent }],
    simpletuner_trace_spans_dropped_total: [
      { labels: { reason: "queue_full" }, value: dropped.queueFull },
      { labels: { reason: "not_taken" }, value: dropped.notTaken },
    ],
  };
}

const circuitNumbers = { closed: 0, half_open: 1, open: 2 } as const;

function breakerMetrics({ outbound }: MetricSources): Collector {
  return async () => {
    const views = await Promise.all(outbound.breakers().map((breaker) => breaker.view()));
    const by = (valueOf: (view: (typeof views)[number]) => number): Sample[] =>
      views.map((view) => ({ labels: { provider: view.name }, value: valueOf(view) }));
    return {
      simpletuner_circuit_breaker_state: by(({ state }) => circuitNumbers[state]),
      simpletuner_circuit_breaker_failures_total: by(({ failuresTotal }) => failuresTotal),
      simpletuner_circuit_breaker_successes_total: by(({ successesTotal }) => successesTotal),
    };
  };
}

function providerMetrics({ spendGuard }: MetricSources): Collector {
  const statuses = kept(() => spendGuard.statuses());
  return async () => {
    const limits = await statuses();
    const provider = (limit: (typeof limits)[number]) => ({ provider: limit.provider ?? "all" });
    return {
      simpletuner_cost_limit_percent_used: limits.map((limit) => ({
        labels: provider(limit),
        value: limit.percent_used,
      })),
      simpletuner_cost_limit_usd: limits.map((limit) => ({
        labels: provider(limit),
        value: limit.limit_amount ?? 0,
      })),
    };
  };
}

/**
 * Work whose last outcome is told while it is done anew, so that nobody waits for it but the first. It is done at most
 * every {@link keptMs}.
 */
function kept<Outcome>(work: () => Promise<Outcome>): () => Promise<Outcome> {
  let last: { atMs: number; outcome: Outcome } | null = null;
  let running: Promise<Outcome> | null = null;
  const renew = (): Promise<Outcome> =>
    (running ??= work()
      .then((outcome) => {
        last = { atMs: performance.now(), outcome };
        return outcome;
      })
      .finally(() => (running = null)));
  return async () => {
    if (last === null) return renew();
    const { atMs, outcome } = last;
    if (performance.now() - atMs >= keptMs)
      renew().catch(() => {
        // What is not known any more is not told; the next scrape asks anew.
        last = null;
      });
    return outcome;
  };
}
