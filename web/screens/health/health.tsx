import { useEffect, useState } from "preact/hooks";
import type { Health as HealthAnswer } from "@simpletuner-cloud/contract/system.ts";
import { call, useLoad } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Icon } from "../../components/icon.tsx";
import { Link } from "../../components/link.tsx";
import { Page } from "../../components/page.tsx";
import { Skeleton } from "../../components/skeleton.tsx";
import { formatAge, formatDuration, formatNumber } from "../../i18n.ts";
import { may } from "../../session.ts";
import { Breakers } from "./breakers.tsx";
import { loopWord, partWord, t } from "./words.ts";

const icons = { healthy: "tick", degraded: "warning", unhealthy: "fail" } as const;
const lookEveryMs = 30_000;

function State({ status }: { status: HealthAnswer["status"] }) {
  return (
    <span class={`row health-${status}`}>
      <Icon name={icons[status]} />
      {t(`state_${status}`)}
    </span>
  );
}

function Parts({ components }: Pick<HealthAnswer, "components">) {
  return (
    <div class="panel table-wrap">
      <table class="table health-table" aria-label={t("parts")}>
        <thead>
          <tr>
            <th scope="col">{t("col_part")}</th>
            <th scope="col">{t("col_state")}</th>
            <th scope="col" class="health-wide">
              {t("col_says")}
            </th>
            <th scope="col" class="health-number">
              {t("col_latency")}
            </th>
          </tr>
        </thead>
        <tbody>
          {components.map(({ name, status, message, latency_ms }) => (
            <tr key={name}>
              <th scope="row">
                {partWord(name)}
                {message !== null && <span class="small muted health-says">{message}</span>}
              </th>
              <td>
                <State status={status} />
              </td>
              <td class="health-wide muted">{message}</td>
              <td class="number nowrap health-number">
                {latency_ms === null ? "–" : t("ms", { n: formatNumber(latency_ms, 1) })}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function lastRound(loop: HealthAnswer["loops"][number]): string {
  const ago = loop.last_success_seconds_ago;
  if (loop.running_seconds !== null) return t("running");
  return ago === null ? t("not_yet") : t("ago", { time: formatDuration(ago) });
}

function Loops({ loops }: Pick<HealthAnswer, "loops">) {
  return (
    <section class="stack" aria-labelledby="health-loops">
      <h2 id="health-loops">{t("loops")}</h2>
      <p class="muted">{t("loops_text")}</p>
      <div class="panel table-wrap">
        <table class="table health-table" aria-label={t("loops")}>
          <thead>
            <tr>
              <th scope="col">{t("col_loop")}</th>
              <th scope="col" class="health-wide">
                {t("col_every")}
              </th>
              <th scope="col">{t("col_last")}</th>
            </tr>
          </thead>
          <tbody>
            {loops.map((loop) => (
              <tr key={loop.name}>
                <th scope="row">{loopWord(loop.name)}</th>
                <td class="number health-wide">{formatDuration(loop.every_seconds)}</td>
                <td class={`number health-${loop.status}`}>
                  {loop.status === "healthy" ? (
                    lastRound(loop)
                  ) : (
                    <span class="row">
                      <Icon name="warning" />
                      {loop.failures_in_row > 1
                        ? t("failed_row", { n: loop.failures_in_row })
                        : `${t("late")}: ${lastRound(loop)}`}
                    </span>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

/** Looks again every half minute, while somebody sees the page. */
function useHealth(includeProviders: boolean) {
  const health = useLoad(
    async (signal) => ({
      answer: await call("GET /api/cloud/health", {
        query: { include_providers: includeProviders },
        signal,
      }),
      at: new Date(),
    }),
    [includeProviders],
    { keepPrevious: true },
  );
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.visibilityState === "visible") health.reload();
    }, lookEveryMs);
    return () => clearInterval(timer);
  }, [health.reload]);
  return health;
}

/** How the server and everything it stands on is. */
export function Health() {
  const [withProviders, setWithProviders] = useState(false);
  const { data, error, loading, reload } = useHealth(withProviders);
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
      actions={
        <Button icon="retry" busy={loading && data !== null} onClick={reload}>
          {t("look")}
        </Button>
      }
    >
      {error && <ErrorBox error={error} onRetry={reload} />}
      {!data && !error && <Skeleton lines={8} />}
      {data && (
        <>
          <div role="status">
            <p class={`health-whole health-${data.answer.status}`}>
              <Icon name={icons[data.answer.status]} />
              <strong>{t(data.answer.status)}</strong>
            </p>
            <p class="muted">
              {t("up", {
                time: formatDuration(data.answer.uptime_seconds),
                version: data.answer.version,
              })}
            </p>
          </div>
          <label class="check">
            <input
              type="checkbox"
              checked={withProviders}
              onChange={(event) => setWithProviders(event.currentTarget.checked)}
            />
            <span>
              {t("ask")} <span class="small muted health-hint">{t("ask_text")}</span>
            </span>
          </label>
          <Parts components={data.answer.components} />
          <p class="small muted">{t("looked", { when: formatAge(data.at) })}</p>
          <Breakers />
          <Loops loops={data.answer.loops} />
          {may("admin.config") && (
            <p>
              <Link href="/settings/metrics" class="row">
                <Icon name="chart" />
                {t("metrics")}
              </Link>
            </p>
          )}
        </>
      )}
    </Page>
  );
}
