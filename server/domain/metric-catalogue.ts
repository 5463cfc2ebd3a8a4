import type { MetricCategory } from "@simpletuner-cloud/contract/metrics.ts";

/** What a metric is. */
export interface MetricDefinition {
  readonly category: MetricCategory;
  readonly kind: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly labels: readonly string[];
  /** `installation`: read from the database, the same at every server; `server`: counted by this process. */
  readonly scope: "installation" | "server";
  /** Upper bounds, of histograms. */
  readonly buckets?: readonly number[];
}

/** A category as people see it. */
export const categoryWords: Readonly<Record<MetricCategory, { name: string; description: string }>> = {
  jobs: { name: "Jobs", description: "Job counts, status, queue depth, costs" },
  http: { name: "HTTP", description: "Request counts, errors, latency" },
  rate_limits: { name: "Rate limits", description: "Rate limit violations" },
  approvals: { name: "Approvals", description: "Approval workflow metrics" },
  audit: { name: "Audit", description: "Audit log activity" },
  health: { name: "Health", description: "Server uptime, component health" },
  circuit_breakers: { name: "Circuit breakers", description: "Provider circuit breaker state" },
  provider: { name: "Provider", description: "Cost limits, credit balance" },
};

/** Sets of categories for common uses. */
export const metricTemplates = {
  minimal: { name: "Minimal", description: "Lightweight job monitoring", categories: ["jobs"] },
  standard: { name: "Standard", description: "Recommended default", categories: ["jobs", "http", "health"] },
  security: {
    name: "Security",
    description: "Security monitoring",
    categories: ["jobs", "http", "rate_limits", "approvals", "audit"],
  },
  full: {
    name: "Full",
    description: "Complete observability",
    categories: [
      "jobs",
      "http",
      "rate_limits",
      "approvals",
      "audit",
      "health",
      "circuit_breakers",
      "provider",
    ],
  },
} as const satisfies Record<
  string,
  { name: string; description: string; categories: readonly MetricCategory[] }
>;

const installation = (
  category: MetricCategory,
  kind: "counter" | "gauge",
  help: string,
  ...labels: string[]
): MetricDefinition => ({ category, kind, help, labels, scope: "installation" });

const server = (
  category: MetricCategory,
  kind: "counter" | "gauge",
  help: string,
  ...labels: string[]
): MetricDefinition => ({ category, kind, help, labels, scope: "server" });

const histogram = (
  category: MetricCategory,
  help: string,
  buckets: readonly number[],
  ...labels: string[]
): MetricDefinition => ({ category, kind: "histogram", help, labels, scope: "server", buckets });

/** Seconds: what an answer takes, from a read of memory to a slow upload. */
const answerBuckets = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** Seconds: what a training takes, from a trial to two days. */
const jobBuckets = [10, 60, 300, 900, 1_800, 3_600, 7_200, 14_400, 28_800, 86_400, 172_800];

/**
 * Every metric by name. The names are those of the operations guide where it has one; what it lacks follows the customs of
 * Prometheus: base units, `_total` for what only grows.
 */
export const metricCatalogue = {
  simpletuner_jobs_total: installation("jobs", "counter", "Jobs ever submitted, deleted ones included"),
  simpletuner_jobs_by_status: installation("jobs", "gauge", "Jobs that there are, by state", "status"),
  simpletuner_jobs_active: installation("jobs", "gauge", "Jobs that are not over"),
  simpletuner_queue_depth: installation("jobs", "gauge", "Jobs that wait for a free place"),
  simpletuner_jobs_finished_total: installation("jobs", "counter", "Jobs ever ended, by how", "status"),
  simpletuner_cost_usd_total: installation("jobs", "counter", "What all jobs have cost, in US dollars"),
  simpletuner_job_duration_seconds_avg: installation(
    "jobs",
    "gauge",
    "How long jobs ran from start to end, on average over all that have ended",
  ),
  simpletuner_job_duration_seconds: histogram(
    "jobs",
    "How long jobs ran from start to end, by how they ended",
    jobBuckets,
    "status",
  ),
  simpletuner_http_requests_total: server("http", "counter", "Requests answered", "endpoint"),
  simpletuner_http_errors_total: server(
    "http",
    "counter",
    "Requests answered with a status of 400 or more",
    "endpoint_status",
  ),
  simpletuner_http_request_latency_ms_avg: server(
    "http",
    "gauge",
    "Average time until an answer was sent since the start, in milliseconds; event streams are left out",
    "endpoint",
  ),
  simpletuner_http_request_duration_seconds: histogram(
    "http",
    "Time until an answer was sent; event streams are left out",
    answerBuckets,
    "endpoint",
  ),
  simpletuner_http_requests_in_flight: server(
    "http",
    "gauge",
    "Requests being answered, event streams included",
  ),
  simpletuner_rate_limit_violations_total: server("rate_limits", "counter", "Requests over a limit"),
  simpletuner_rate_limit_violations_by_rule_total: server(
    "rate_limits",
    "counter",
    "Requests over a limit, by rule",
    "rule",
  ),
  simpletuner_rate_limit_tracked_clients: server(
    "rate_limits",
    "gauge",
    "Clients that a request was counted for lately",
  ),
  simpletuner_approval_requests_pending: installation(
    "approvals",
    "gauge",
    "Requests that wait for a decision",
  ),
  simpletuner_approval_requests_by_status: installation(
    "approvals",
    "gauge",
    "Requests for approval, by what became of them",
    "status",
  ),
  simpletuner_audit_log_entries_total: installation(
    "audit",
    "counter",
    "Entries ever written, archived ones included",
  ),
  simpletuner_audit_log_entries_by_type: installation(
    "audit",
    "gauge",
    "Entries in the database, by type of event",
    "event_type",
  ),
  simpletuner_audit_log_entries_24h: installation("audit", "gauge", "Entries of the last 24 hours"),
  simpletuner_audit_export_lag_entries: installation(
    "audit",
    "gauge",
    "Entries that the collector is still to get; absent while the audit is not sent to one",
  ),
  simpletuner_audit_export_lag_seconds: installation(
    "audit",
    "gauge",
    "Since the oldest of them happened; 0 when none waits",
  ),
  simpletuner_audit_export_stopped: installation(
    "audit",
    "gauge",
    "1 when the collector refused an entry and nothing more is sent until somebody acts, else 0",
  ),
  simpletuner_uptime_seconds: server("health", "gauge", "Since the server was started"),
  simpletuner_build_info: server("health", "gauge", "Always 1; the version is its label", "version"),
  simpletuner_ready: server("health", "gauge", "1 while requests should be sent to this server, else 0"),
  simpletuner_health_database_latency_ms: server(
    "health",
    "gauge",
    "Time that the database took to answer just now, in milliseconds",
  ),
  simpletuner_health_database_latency_seconds: server(
    "health",
    "gauge",
    "Time that the database took to answer just now",
  ),
  simpletuner_health_component_status: server(
    "health",
    "gauge",
    "0 healthy, 1 degraded, 2 unhealthy",
    "component",
  ),
  simpletuner_disk_free_bytes: server("health", "gauge", "Free space where the state directory lies"),
  simpletuner_background_loop_rounds_total: server(
    "health",
    "counter",
    "Rounds of work that is done again and again, failed ones included",
    "loop",
  ),
  simpletuner_background_loop_failures_total: server("health", "counter", "Rounds that failed", "loop"),
  simpletuner_background_loop_last_success_seconds: server(
    "health",
    "gauge",
    "Since the last good round ended; absent before the first",
    "loop",
  ),
  simpletuner_trace_spans_sent_total: server(
    "health",
    "counter",
    "Spans that the collector of traces took; absent while nothing is traced",
  ),
  simpletuner_trace_spans_dropped_total: server(
    "health",
    "counter",
    "Spans that were lost: queue_full, too many waited; not_taken, the collector did not take them",
    "reason",
  ),
  simpletuner_event_loop_utilization_ratio: server(
    "health",
    "gauge",
    "Share of the time since the last scrape in which the server was busy",
  ),
  process_start_time_seconds: server("health", "gauge", "When the process was started, as a Unix time"),
  process_cpu_seconds_total: server("health", "counter", "Processor time of the process"),
  process_resident_memory_bytes: server("health", "gauge", "Memory that the process holds"),
  simpletuner_circuit_breaker_state: installation(
    "circuit_breakers",
    "gauge",
    "0 closed: calls go through, 1 half open: a few are tried, 2 open: they are refused",
    "provider",
  ),
  simpletuner_circuit_breaker_failures_total: server(
    "circuit_breakers",
    "counter",
    "Calls that failed",
    "provider",
  ),
  simpletuner_circuit_breaker_successes_total: server(
    "circuit_breakers",
    "counter",
    "Calls that worked",
    "provider",
  ),
  simpletuner_cost_limit_percent_used: installation(
    "provider",
    "gauge",
    "Share of the cost limit that is spent, in percent; the limit on all providers together is called all",
    "provider",
  ),
  simpletuner_cost_limit_usd: installation("provider", "gauge", "The cost limit, in US dollars", "provider"),
  simpletuner_credit_balance_usd: installation(
    "provider",
    "gauge",
    "Credit at a provider that tells it, in US dollars",
    "provider",
  ),
  simpletuner_estimated_jobs_remaining: installation(
    "provider",
    "gauge",
    "Jobs of average cost that the credit is enough for, at a provider that tells it",
    "provider",
  ),
} as const satisfies Record<string, MetricDefinition>;

/** The name of a metric. */
export type MetricName = keyof typeof metricCatalogue;

/** The metrics of a category, with their names. */
export function metricsOf(category: MetricCategory): [MetricName, MetricDefinition][] {
  return (Object.entries(metricCatalogue) as [MetricName, MetricDefinition][]).filter(
    ([, definition]) => definition.category === category,
  );
}
