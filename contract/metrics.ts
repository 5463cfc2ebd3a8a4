import { Type, type Static } from "typebox";
import { endpoint } from "./endpoint.ts";
import { MaybeInstant } from "./instants.ts";

/** Groups of metrics that are switched on one by one, in the order they are exported. */
export const metricCategories = [
  "jobs",
  "http",
  "rate_limits",
  "approvals",
  "audit",
  "health",
  "circuit_breakers",
  "provider",
] as const;

/** One of {@link metricCategories}. */
export type MetricCategory = (typeof metricCategories)[number];

const Category = Type.Enum(metricCategories);

/** How metrics are exported. */
export const MetricsConfig = Type.Object({
  prometheus_enabled: Type.Boolean(),
  prometheus_categories: Type.Array(Category),
  endpoint_url: Type.String({ description: "What Prometheus scrapes" }),
  token_required: Type.Boolean({
    description: "A scrape needs the scrape token, or a caller who may look at all jobs",
  }),
  token_made_at: MaybeInstant,
  ignored_categories: Type.Array(Type.String(), { description: "Names that were sent and are no category" }),
});
/** See the schema. */
export type MetricsConfig = Static<typeof MetricsConfig>;

/** A metric of a category. */
export const MetricInfo = Type.Object({
  name: Type.String(),
  type: Type.Union([Type.Literal("counter"), Type.Literal("gauge"), Type.Literal("histogram")]),
  help: Type.String(),
  labels: Type.Array(Type.String()),
  scope: Type.Union([Type.Literal("installation"), Type.Literal("server")], {
    description: "installation: every server tells the same number; server: each tells its own, add them up",
  }),
});
/** See the schema. */
export type MetricInfo = Static<typeof MetricInfo>;

const tag = "Metrics";

/** Endpoints of metrics for monitoring systems. */
export const metricEndpoints = {
  scrape: endpoint({
    method: "GET",
    path: "/api/cloud/metrics/prometheus",
    access: {
      public:
        "off until an administrator switches it on, who also decides whether it needs a token; it tells numbers and names of parts, never of people, jobs or files",
    },
    tag,
    summary: "Metrics in the text format of Prometheus; one comment line while they are off",
    query: Type.Object({
      milliseconds: Type.Optional(
        Type.Boolean({
          default: true,
          description:
            "false leaves out the metrics in milliseconds, which are there in seconds too, so that every name is as Prometheus wants it",
        }),
      ),
    }),
    answer: { stream: "metrics", description: "text/plain; version=0.0.4" },
    errors: ["scrape_token_required"],
  }),
  getMetricsConfig: endpoint({
    method: "GET",
    path: "/api/cloud/metrics/config",
    access: "admin.config",
    tag,
    summary: "How metrics are exported",
    answer: MetricsConfig,
    errors: [],
  }),
  putMetricsConfig: endpoint({
    method: "PUT",
    path: "/api/cloud/metrics/config",
    access: "admin.config",
    tag,
    summary: "Switches the export on or off and chooses its categories; what is left out stays",
    body: Type.Object(
      {
        prometheus_enabled: Type.Optional(Type.Boolean()),
        prometheus_categories: Type.Optional(Type.Array(Type.String({ maxLength: 40 }), { maxItems: 50 })),
      },
      { additionalProperties: false },
    ),
    answer: MetricsConfig,
    errors: [],
  }),
  listMetricCategories: endpoint({
    method: "GET",
    path: "/api/cloud/metrics/config/categories",
    access: "admin.config",
    tag,
    summary: "Categories with their metrics",
    answer: Type.Array(
      Type.Object({
        id: Category,
        name: Type.String(),
        description: Type.String(),
        metrics: Type.Array(Type.String()),
        details: Type.Array(MetricInfo),
      }),
    ),
    errors: [],
  }),
  listMetricTemplates: endpoint({
    method: "GET",
    path: "/api/cloud/metrics/config/templates",
    access: "admin.config",
    tag,
    summary: "Sets of categories for common uses",
    answer: Type.Array(
      Type.Object({
        id: Type.String(),
        name: Type.String(),
        description: Type.String(),
        categories: Type.Array(Category),
      }),
    ),
    errors: [],
  }),
  applyMetricTemplate: endpoint({
    method: "POST",
    path: "/api/cloud/metrics/config/apply-template/{template}",
    access: "admin.config",
    tag,
    summary: "Chooses the categories of a template and switches the export on",
    params: Type.Object({ template: Type.String({ maxLength: 40 }) }),
    answer: MetricsConfig,
    errors: ["metric_template_not_found"],
  }),
  previewMetrics: endpoint({
    method: "POST",
    path: "/api/cloud/metrics/config/preview",
    access: "admin.config",
    tag,
    summary: "What a scrape would answer now, with these categories; changes nothing",
    body: Type.Object(
      { categories: Type.Optional(Type.Array(Type.String({ maxLength: 40 }), { maxItems: 50 })) },
      { additionalProperties: false },
    ),
    answer: Type.Object({
      content: Type.String(),
      metric_count: Type.Integer(),
      categories_used: Type.Array(Category),
    }),
    errors: [],
  }),
  makeScrapeToken: endpoint({
    method: "POST",
    path: "/api/cloud/metrics/config/token",
    access: "admin.config",
    tag,
    summary: "Makes the token that a scrape needs from now on, as Bearer or as password; it is shown once",
    answer: Type.Object({ token: Type.String(), config: MetricsConfig }),
    status: 201,
    errors: [],
  }),
  removeScrapeToken: endpoint({
    method: "DELETE",
    path: "/api/cloud/metrics/config/token",
    access: "admin.config",
    tag,
    summary: "Lets anybody who reaches the server scrape",
    answer: MetricsConfig,
    errors: [],
  }),
} as const;

/** What Prometheus needs in its own configuration to scrape this server, as YAML. */
export function scrapeConfigOf({ endpoint_url, token_required }: MetricsConfig): string {
  const { protocol, host, pathname } = new URL(endpoint_url);
  return [
    "scrape_configs:",
    "  - job_name: simpletuner",
    `    scheme: ${protocol.slice(0, -1)}`,
    `    metrics_path: ${pathname}`,
    ...(token_required
      ? ["    authorization:", "      credentials_file: /etc/prometheus/simpletuner-token"]
      : []),
    "    static_configs:",
    `      - targets: ["${host}"]`,
    "",
  ].join("\n");
}
