import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import { isoOrNull } from "@simpletuner-cloud/contract/instants.ts";
import {
  metricCategories,
  type MetricCategory,
  type metricEndpoints,
  type MetricsConfig,
} from "@simpletuner-cloud/contract/metrics.ts";
import { callerMay } from "@simpletuner-cloud/contract/permissions.ts";
import type { SettingStore } from "../db/stores/settings.ts";
import { categoryWords, metricsOf, metricTemplates } from "../domain/metric-catalogue.ts";
import type { Handlers, RequestContext } from "./handler.ts";
import type { MetricRegistry } from "./metric-registry.ts";

/** What the metrics' use cases need. */
export interface MetricServiceOptions {
  metrics: Pick<MetricRegistry, "text">;
  settings: SettingStore;
  /** This server's address as monitoring systems reach it. */
  baseUrl: () => string;
  now: () => number;
}

const disabledText =
  "# Prometheus export is disabled. An administrator enables it under Metrics, or with: npx simpletuner-cloud metrics enable\n";

/** Metrics for Prometheus and how they are exported. */
export function metricService(options: MetricServiceOptions): Handlers<typeof metricEndpoints> {
  return { ...exporting(options), ...describing(), ...changing(options) };
}

type Part<Name extends keyof typeof metricEndpoints> = Pick<Handlers<typeof metricEndpoints>, Name>;

function exporting(options: MetricServiceOptions): Part<"scrape" | "previewMetrics"> {
  const { metrics, settings } = options;
  return {
    async scrape({ query }, context) {
      if (!(await settings.get("prometheusEnabled"))) return disabledText;
      await admitScrape(options, context);
      return metrics.text(await settings.get("prometheusCategories"), query.milliseconds);
    },
    async previewMetrics({ body }) {
      const categories = body.categories
        ? sorted(body.categories).known
        : await settings.get("prometheusCategories");
      const content = await metrics.text(categories);
      const metric_count = content.match(/^# TYPE /gm)?.length ?? 0;
      return { content, metric_count, categories_used: [...categories] };
    },
  };
}

function describing(): Part<"listMetricCategories" | "listMetricTemplates"> {
  return {
    async listMetricCategories() {
      return metricCategories.map((id) => {
        const details = metricsOf(id).map(([name, { kind, help, labels, scope }]) => ({
          name,
          type: kind,
          help,
          labels: [...labels],
          scope,
        }));
        return { id, ...categoryWords[id], metrics: details.map(({ name }) => name), details };
      });
    },
    async listMetricTemplates() {
      return Object.entries(metricTemplates).map(([id, template]) => ({
        id,
        ...template,
        categories: [...template.categories],
      }));
    },
  };
}

function changing(
  options: MetricServiceOptions,
): Part<
  "getMetricsConfig" | "putMetricsConfig" | "applyMetricTemplate" | "makeScrapeToken" | "removeScrapeToken"
> {
  const change = async (changes: Parameters<SettingStore["set"]>[0]): Promise<MetricsConfig> => {
    await options.settings.set(changes);
    return configOf(options);
  };
  return {
    getMetricsConfig: () => configOf(options),
    async putMetricsConfig({ body }) {
      const { known, ignored } = sorted(body.prometheus_categories ?? []);
      const config = await change({
        ...(body.prometheus_enabled !== undefined && { prometheusEnabled: body.prometheus_enabled }),
        ...(body.prometheus_categories && { prometheusCategories: known }),
      });
      return { ...config, ignored_categories: ignored };
    },
    async applyMetricTemplate({ params }) {
      const found = Object.entries(metricTemplates).find(([id]) => id === params.template)?.[1];
      if (!found)
        throw fail("metric_template_not_found", {
          template: params.template,
          known: Object.keys(metricTemplates),
        });
      return change({ prometheusEnabled: true, prometheusCategories: found.categories });
    },
    async makeScrapeToken() {
      const token = `stm_${randomBytes(24).toString("base64url")}`;
      const config = await change({ scrapeToken: { hash: hashOf(token), madeAtMs: options.now() } });
      return { token, config };
    },
    removeScrapeToken: () => change({ scrapeToken: null }),
  };
}

async function configOf({ settings, baseUrl }: MetricServiceOptions): Promise<MetricsConfig> {
  const token = await settings.get("scrapeToken");
  return {
    prometheus_enabled: await settings.get("prometheusEnabled"),
    prometheus_categories: [...(await settings.get("prometheusCategories"))],
    endpoint_url: `${baseUrl()}/api/cloud/metrics/prometheus`,
    token_required: token !== null,
    token_made_at: isoOrNull(token?.madeAtMs ?? null),
    ignored_categories: [],
  };
}

/** The categories among the names, in their own order and each once, and the names that are none. */
function sorted(names: readonly string[]): { known: MetricCategory[]; ignored: string[] } {
  const all: readonly string[] = metricCategories;
  return {
    known: metricCategories.filter((category) => names.includes(category)),
    ignored: [...new Set(names.filter((name) => !all.includes(name)))],
  };
}

/** Lets a scrape in that needs no token, brings it, or comes from somebody who may look at all jobs anyway. */
async function admitScrape({ settings }: MetricServiceOptions, context: RequestContext): Promise<void> {
  const wanted = await settings.get("scrapeToken");
  if (wanted === null || callerMay(context.caller, "job.view.all")) return;
  const given = scrapeTokenOf(context.header("authorization"));
  if (given !== null && timingSafeEqual(Buffer.from(hashOf(given)), Buffer.from(wanted.hash))) return;
  throw fail("scrape_token_required");
}

/** The token of `Bearer <token>`, or the password of Basic with any name. */
function scrapeTokenOf(authorization: string | null): string | null {
  const [scheme = "", value = ""] = authorization?.split(" ", 2) ?? [];
  if (/^bearer$/i.test(scheme)) return value;
  if (!/^basic$/i.test(scheme)) return null;
  const pair = Buffer.from(value, "base64").toString();
  return pair.includes(":") ? pair.slice(pair.indexOf(":") + 1) : null;
}

function hashOf(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}
