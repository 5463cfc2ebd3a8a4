import { useEffect, useState } from "preact/hooks";
import type { MetricCategory, MetricsConfig } from "@simpletuner-cloud/contract/metrics.ts";
import { scrapeConfigOf } from "@simpletuner-cloud/contract/metrics.ts";
import { asError, call, useLoad } from "../../api.ts";
import { CopyButton } from "../../components/copy-button.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Icon } from "../../components/icon.tsx";
import { Link } from "../../components/link.tsx";
import { Page } from "../../components/page.tsx";
import { Skeleton } from "../../components/skeleton.tsx";
import { toast } from "../../components/toast.tsx";
import { useReloadOn } from "../../use-reload-on.ts";
import { MetricsPreview } from "./preview.tsx";
import { ScrapeAccess } from "./scrape-access.tsx";
import { categoryText, t } from "./words.ts";

interface Offered {
  categories: readonly { id: MetricCategory; metrics: string[] }[];
  templates: readonly { id: string; categories: MetricCategory[] }[];
}

type TemplateId = "minimal" | "standard" | "security" | "full";

function isSame(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((one) => others.includes(one));
}

function Templates(props: { offered: Offered; config: MetricsConfig; onApply: (id: string) => void }) {
  return (
    <fieldset class="choice">
      <legend>{t("templates")}</legend>
      {props.offered.templates.map(({ id, categories }) => {
        const isChosen = isSame(categories, props.config.prometheus_categories);
        return (
          <label key={id} class={`choice-option ${isChosen ? "is-chosen" : ""}`}>
            <input type="radio" name="template" checked={isChosen} onChange={() => props.onApply(id)} />
            <span class="choice-title">{t(`template_${id as TemplateId}`)}</span>
            <span class="choice-text">{t(`template_${id as TemplateId}_text`)}</span>
          </label>
        );
      })}
    </fieldset>
  );
}

function Categories(props: {
  offered: Offered;
  chosen: readonly MetricCategory[];
  onChange: (chosen: MetricCategory[]) => void;
}) {
  const toggle = (id: MetricCategory, on: boolean): void =>
    props.onChange([...props.chosen.filter((one) => one !== id), ...(on ? [id] : [])]);
  return (
    <fieldset class="metric-categories">
      <legend>{t("categories")}</legend>
      {props.offered.categories.map(({ id, metrics }) => (
        <div key={id} class="metric-category">
          <label class="check">
            <input
              type="checkbox"
              checked={props.chosen.includes(id)}
              onChange={(event) => toggle(id, event.currentTarget.checked)}
            />
            <span>
              <strong>{t(id)}</strong>
              <span class="small muted">{categoryText(id)}</span>
            </span>
          </label>
          <details>
            <summary class="small">{t("metrics_n", { n: metrics.length })}</summary>
            <ul class="small" dir="ltr">
              {metrics.map((name) => (
                <li key={name}>
                  <code>{name}</code>
                </li>
              ))}
            </ul>
          </details>
        </div>
      ))}
    </fieldset>
  );
}

function Export(props: {
  offered: Offered;
  config: MetricsConfig;
  onChanged: (config: MetricsConfig) => void;
}) {
  const { config } = props;
  const [error, setError] = useState<Error | null>(null);
  const change = async (changed: Promise<MetricsConfig>): Promise<void> => {
    setError(null);
    try {
      props.onChanged(await changed);
      toast({ kind: "success", text: t("saved") });
    } catch (thrown) {
      setError(asError(thrown));
    }
  };
  const put = (body: { prometheus_enabled?: boolean; prometheus_categories?: MetricCategory[] }) =>
    void change(call("PUT /api/cloud/metrics/config", { body }));
  return (
    <section class="panel" aria-labelledby="metrics-export">
      <header class="panel-head">
        <h2 id="metrics-export">{t("export")}</h2>
        <span class="small muted" role="status">
          {config.prometheus_enabled ? t("is_on", { n: config.prometheus_categories.length }) : t("is_off")}
        </span>
      </header>
      <div class="panel-body stack">
        <label class="check">
          <input
            type="checkbox"
            checked={config.prometheus_enabled}
            onChange={(event) => put({ prometheus_enabled: event.currentTarget.checked })}
          />
          <span>{t("enabled")}</span>
        </label>
        {error && <ErrorBox error={error} />}
        <Templates
          offered={props.offered}
          config={config}
          onApply={(template) =>
            void change(
              call("POST /api/cloud/metrics/config/apply-template/{template}", { params: { template } }),
            )
          }
        />
        <Categories
          offered={props.offered}
          chosen={config.prometheus_categories}
          onChange={(prometheus_categories) => put({ prometheus_categories })}
        />
      </div>
    </section>
  );
}

function ScrapeConfig({ config }: { config: MetricsConfig }) {
  const text = scrapeConfigOf(config);
  return (
    <section class="panel" aria-labelledby="metrics-config">
      <header class="panel-head">
        <h2 id="metrics-config">{t("config")}</h2>
        <CopyButton text={text} label={t("copy")} />
      </header>
      <div class="panel-body stack">
        <pre class="metric-lines" dir="ltr" tabIndex={0} aria-label={t("config")}>
          {text}
        </pre>
        <p class="small muted">{t("config_text")}</p>
      </div>
    </section>
  );
}

/** What Prometheus gets from this server, who may ask for it, and what it looks like now. */
export function Metrics() {
  const offered = useLoad(
    async (signal): Promise<Offered> => ({
      categories: await call("GET /api/cloud/metrics/config/categories", { signal }),
      templates: await call("GET /api/cloud/metrics/config/templates", { signal }),
    }),
    [],
  );
  const loaded = useLoad((signal) => call("GET /api/cloud/metrics/config", { signal }), []);
  const [config, setConfig] = useState<MetricsConfig | null>(null);
  useEffect(() => setConfig(loaded.data), [loaded.data]);
  useReloadOn(["settings.changed"], loaded.reload);
  const error = offered.error ?? loaded.error;
  return (
    <Page
      title={t("title")}
      class="page-narrow"
      above={
        <Link href="/settings" class="crumb">
          <Icon name="arrowLeft" />
          {t("all")}
        </Link>
      }
    >
      <p class="muted">{t("about")}</p>
      {error && <ErrorBox error={error} onRetry={offered.error ? offered.reload : loaded.reload} />}
      {offered.data && config ? (
        <>
          <Export offered={offered.data} config={config} onChanged={setConfig} />
          <ScrapeAccess config={config} onChanged={setConfig} />
          <ScrapeConfig config={config} />
          <MetricsPreview categories={config.prometheus_categories} />
        </>
      ) : (
        !error && <Skeleton lines={10} />
      )}
    </Page>
  );
}
