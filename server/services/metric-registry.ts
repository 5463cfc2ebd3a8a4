import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { type MetricCategory, metricCategories } from "@simpletuner-cloud/contract/metrics.ts";
import {
  metricCatalogue,
  type MetricDefinition,
  type MetricName,
  metricsOf,
} from "../domain/metric-catalogue.ts";

/** A value with what tells it from others of the same metric. */
export interface Sample {
  labels?: Readonly<Record<string, string>>;
  value: number;
}

/** What a collector found out. */
export type Told = Partial<Record<MetricName, readonly Sample[]>>;

/** Finds out what is not counted as it happens. */
export type Collector = () => Promise<Told>;

/** A collector that takes longer is left out of a scrape, which itself must not take 10 s. */
const collectMs = 2_000;

/** Names that the operations guide gives; each is there in seconds too. */
const linesInMilliseconds = /^(?:# (?:HELP|TYPE) )?[a-z_]+_ms(?:_avg)?[ {].*\n/gm;

/** Holds every metric of this server and writes them as text. */
export function metricRegistry() {
  const registries = Object.fromEntries(
    metricCategories.map((category) => [category, new Registry()]),
  ) as Record<MetricCategory, Registry>;
  const metrics = new Map(
    (Object.entries(metricCatalogue) as [MetricName, MetricDefinition][]).map(([name, definition]) => [
      name,
      metricOf(name, definition, registries[definition.category]),
    ]),
  );
  const collectors: Partial<Record<MetricCategory, Collector>> = {};
  const exporter = exporterMetrics();

  /** Metrics that are counted as things happen, and not told by a collector. */
  const counted = new Set<MetricName>();

  const tell = (name: MetricName, samples: readonly Sample[]): void => {
    const metric = metrics.get(name);
    if (metric === undefined || metric instanceof Histogram) return;
    metric.reset();
    // Without labels it starts anew at 0, where nothing at all is meant.
    if (metricCatalogue[name].labels.length === 0) metric.remove();
    for (const { labels = {}, value } of samples)
      if (metric instanceof Counter) metric.inc(labels, value);
      else metric.set(labels, value);
  };
  const collect = async (category: MetricCategory): Promise<Collected> => {
    const startedAt = performance.now();
    const told = await inTime(collectors[category]?.() ?? Promise.resolve({}));
    // What is not known now must not be told as it was.
    for (const [name] of metricsOf(category)) if (!counted.has(name)) tell(name, told?.[name] ?? []);
    return { category, success: told === null ? 0 : 1, seconds: (performance.now() - startedAt) / 1_000 };
  };
  const write = async (categories: readonly MetricCategory[]): Promise<string> => {
    const chosen = metricCategories.filter((category) => categories.includes(category));
    exporter.tell(await Promise.all(chosen.map(collect)));
    const texts = await Promise.all(
      [...chosen.map((category) => registries[category]), exporter.registry].map((one) => one.metrics()),
    );
    return `${texts.map((text) => text.replaceAll(/\n\n+/g, "\n").trim()).join("\n")}\n`;
  };
  let writing: Promise<unknown> = Promise.resolve();

  return {
    /** Sets how the metrics of a category are found out. */
    collectWith(category: MetricCategory, collector: Collector): void {
      collectors[category] = collector;
    },
    /** A counter that is counted up as things happen. */
    counter(name: MetricName): Counter {
      counted.add(name);
      return metrics.get(name) as Counter;
    },
    /** A histogram, which is filled as things happen. */
    histogram(name: MetricName): Histogram {
      counted.add(name);
      return metrics.get(name) as Histogram;
    },
    /**
     * The categories as Prometheus reads them, found out now; one after the other, so that none mixes with another. Without
     * `milliseconds` every metric is in Prometheus' own units.
     */
    text(categories: readonly MetricCategory[], milliseconds = true): Promise<string> {
      const text = writing.then(() => write(categories));
      writing = text.catch(() => undefined);
      return milliseconds ? text : text.then((whole) => whole.replaceAll(linesInMilliseconds, ""));
    },
  };
}

/** How finding out a category went. */
interface Collected {
  category: MetricCategory;
  success: 0 | 1;
  seconds: number;
}

/** See {@link metricRegistry}. */
export type MetricRegistry = ReturnType<typeof metricRegistry>;

function metricOf(name: MetricName, definition: MetricDefinition, registry: Registry) {
  const { kind, help, labels, buckets = [] } = definition;
  const shared = { name, help, labelNames: [...labels], registers: [registry] };
  if (kind === "histogram") return new Histogram({ ...shared, buckets: [...buckets] });
  return kind === "counter" ? new Counter(shared) : new Gauge(shared);
}

/** How the scrape itself went. */
function exporterMetrics() {
  const registry = new Registry();
  const shared = { labelNames: ["category"], registers: [registry] };
  const success = new Gauge({
    ...shared,
    name: "simpletuner_metrics_collect_success",
    help: "1 when the metrics of the category could be found out, else 0 and they are left out",
  });
  const seconds = new Gauge({
    ...shared,
    name: "simpletuner_metrics_collect_duration_seconds",
    help: "How long finding out the metrics of the category took",
  });
  return {
    registry,
    tell(collected: readonly Collected[]): void {
      success.reset();
      seconds.reset();
      for (const one of collected) {
        success.set({ category: one.category }, one.success);
        seconds.set({ category: one.category }, one.seconds);
      }
    },
  };
}

/** What was found out; null when that failed or took too long. */
function inTime(work: Promise<Told>): Promise<Told | null> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(null), collectMs).unref();
    work.then(resolve, () => resolve(null)).finally(() => clearTimeout(timer));
  });
}
