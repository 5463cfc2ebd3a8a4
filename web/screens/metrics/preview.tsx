import { useEffect, useState } from "preact/hooks";
import type { MetricCategory } from "@simpletuner-cloud/contract/metrics.ts";
import { call, useLoad } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { CopyButton } from "../../components/copy-button.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Field } from "../../components/field.tsx";
import { formatNumber } from "../../i18n.ts";
import { t } from "./words.ts";

const lookEveryMs = 15_000;

/** What a scrape would get now; asked again by itself while somebody sees the page. */
export function MetricsPreview({ categories }: { categories: readonly MetricCategory[] }) {
  const { data, error, loading, reload } = useLoad(
    (signal) =>
      call("POST /api/cloud/metrics/config/preview", { body: { categories: [...categories] }, signal }),
    [categories.join()],
    { keepPrevious: true },
  );
  const [wanted, setWanted] = useState("");
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.visibilityState === "visible") reload();
    }, lookEveryMs);
    return () => clearInterval(timer);
  }, [reload]);
  const all = data?.content.trimEnd().split("\n") ?? [];
  const lines = all.filter((line) => line.includes(wanted.trim()));
  return (
    <section class="panel" aria-labelledby="metrics-preview">
      <header class="panel-head">
        <h2 id="metrics-preview">{t("preview")}</h2>
        <span class="row">
          {data && <CopyButton text={data.content} label={t("copy")} />}
          <Button size="small" icon="retry" busy={loading && data !== null} onClick={reload}>
            {t("refresh")}
          </Button>
        </span>
      </header>
      <div class="panel-body stack">
        {error && <ErrorBox error={error} onRetry={reload} />}
        {categories.length === 0 && <p>{t("preview_none")}</p>}
        {data && categories.length > 0 && (
          <>
            <p class="small muted">
              {t("preview_text", { n: data.metric_count, lines: formatNumber(all.length) })}
            </p>
            <Field label={t("find")}>
              {(attributes) => (
                <input
                  class="input"
                  type="search"
                  placeholder="simpletuner_jobs"
                  {...attributes}
                  value={wanted}
                  onInput={(event) => setWanted(event.currentTarget.value)}
                />
              )}
            </Field>
            {lines.length === 0 ? (
              <p>{t("no_lines")}</p>
            ) : (
              <pre class="metric-lines metric-preview" dir="ltr" tabIndex={0} aria-label={t("preview")}>
                {lines.join("\n")}
              </pre>
            )}
          </>
        )}
      </div>
    </section>
  );
}
