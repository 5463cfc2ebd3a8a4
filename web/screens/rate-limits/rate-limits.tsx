import type { RateLimitRule } from "@simpletuner-cloud/contract/rate-limits.ts";
import { call, useLoad } from "../../api.ts";
import { ErrorBox, Notice } from "../../components/error-box.tsx";
import { Icon } from "../../components/icon.tsx";
import { Link } from "../../components/link.tsx";
import { Page } from "../../components/page.tsx";
import { Skeleton } from "../../components/skeleton.tsx";
import { formatInstant, formatNumber } from "../../i18n.ts";
import { useReloadOn } from "../../use-reload-on.ts";
import { ClientUsage } from "./client-usage.tsx";
import { ruleWord } from "./rule-word.ts";
import { t } from "./words.ts";

function Rule({ rule }: { rule: RateLimitRule }) {
  const { limit, signed_in_limit, window_seconds, methods, pattern } = rule;
  return (
    <tr>
      <th scope="row">
        {ruleWord(rule.name)}
        {rule.name !== "default" && (
          <code class="small muted rate-path" dir="ltr">
            {methods?.join(", ")} {pattern.replaceAll("\\/", "/")}
          </code>
        )}
      </th>
      <td class="number">
        {t("per", { limit: formatNumber(limit), seconds: formatNumber(window_seconds) })}
        {signed_in_limit !== limit && (
          <span class="small muted rate-more">
            {t("signed_in", { limit: formatNumber(signed_in_limit) })}
          </span>
        )}
      </td>
      <td class="number end">{formatNumber(rule.requests.refused)}</td>
    </tr>
  );
}

/** Rate limits: the rules, what they refused, and what one client has used. */
export function RateLimits() {
  const { data, error, reload } = useLoad((signal) => call("GET /api/cloud/rate-limits", { signal }), []);
  useReloadOn(["rate_limits.suspended", "rate_limits.resumed"], reload);
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
      {error && <ErrorBox error={error} onRetry={reload} />}
      {!data && !error && <Skeleton lines={8} />}
      {data && !data.enabled && <Notice kind="info">{t("off")}</Notice>}
      {data?.suspended_since && (
        <Notice kind="warning">{t("suspended", { when: formatInstant(data.suspended_since) })}</Notice>
      )}
      {data?.enabled && (
        <>
          <section class="panel" aria-labelledby="rate-rules">
            <header class="panel-head">
              <h2 id="rate-rules">{t("rules")}</h2>
              <span class="small muted">{t("refused_since", { n: formatNumber(data.tracked_clients) })}</span>
            </header>
            <div class="table-wrap">
              <table class="table rate-table" aria-labelledby="rate-rules">
                <thead>
                  <tr>
                    <th scope="col">{t("col_rule")}</th>
                    <th scope="col">{t("col_limit")}</th>
                    <th scope="col" class="end">
                      {t("col_refused")}
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {data.rules.map((rule) => (
                    <Rule key={rule.name} rule={rule} />
                  ))}
                </tbody>
              </table>
            </div>
            {data.passes_this_machine && <p class="panel-body small muted">{t("local")}</p>}
          </section>
          <ClientUsage />
        </>
      )}
    </Page>
  );
}
