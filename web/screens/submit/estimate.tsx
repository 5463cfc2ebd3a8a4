import { call, useLoad } from "../../api.ts";
import type { CostEstimate } from "@simpletuner-cloud/contract/cost.ts";
import { Icon } from "../../components/icon.tsx";
import { Link } from "../../components/link.tsx";
import { formatDuration, formatMoney } from "../../i18n.ts";
import { useSettled } from "./use-plan.ts";
import { t } from "./words.ts";

/** What an estimate is asked for. */
export interface EstimateRequest {
  provider?: string;
  hardware?: string;
  config?: Record<string, unknown>;
  config_name_to_load?: string;
}

function costWords(estimate: CostEstimate): string {
  if (estimate.basis === "free" || estimate.cost_per_hour_usd === 0) {
    return estimate.provider === "local" ? t("free_here") : t("free");
  }
  const { estimated_cost_usd: usd, cost_usd_low: low, cost_usd_high: high } = estimate;
  if (usd !== null && low !== null && high !== null)
    return t("cost_range", { money: formatMoney(usd), low: formatMoney(low), high: formatMoney(high) });
  if (estimate.cost_per_hour_usd !== null) {
    return t("per_hour", { money: formatMoney(estimate.cost_per_hour_usd) });
  }
  return t("cost_unknown");
}

function timeWords({ duration_seconds_low: low, duration_seconds_high: high }: CostEstimate): string {
  if (low === null || high === null) return t("time_unknown");
  const [from, to] = [formatDuration(low), formatDuration(high)];
  return from === to ? from : t("time_range", { low: from, high: to });
}

/** What the figures are based on; nothing to say where nothing is known or asked. */
function basisWords({ basis, past_runs: runs, cost_per_hour_usd: perHour }: CostEstimate): string | null {
  const price = perHour ? t("at_price", { money: formatMoney(perHour) }) : null;
  const from = runs > 0 ? t.n("basis_history", runs) : basis === "typical" ? t("basis_typical") : null;
  return [from, price].filter(Boolean).join(" · ") || null;
}

/** What a spend limit says to the job, before anybody presses the button. */
function LimitNote({ limit, limit_verdict: verdict }: CostEstimate) {
  if (!limit || verdict === "fits") return null;
  return (
    <p class={`estimate-limit estimate-limit-${verdict}`} role={verdict === "refused" ? "alert" : undefined}>
      <Icon name="warning" />
      <span>
        {t(`limit_${verdict}`)}{" "}
        {t("limit_figures", {
          spent: formatMoney(limit.current_spend),
          aside: formatMoney(limit.set_aside),
          limit: formatMoney(limit.limit_amount ?? 0),
        })}{" "}
        <Link href="/cost">{t("limit_open")}</Link>
      </span>
    </p>
  );
}

function isAbout(estimate: CostEstimate | null, request: EstimateRequest | null): boolean {
  if (!estimate || !request) return false;
  const { provider = "local", hardware = estimate.hardware } = request;
  return estimate.provider === provider && estimate.hardware === hardware;
}

/** Cost and time of a job before it is submitted, with what they are based on and what the spend limit says. */
export function Estimate({ request }: { request: EstimateRequest | null }) {
  const key = useSettled(JSON.stringify(request), 350);
  const { data: loaded } = useLoad<CostEstimate | null>(
    async (signal) => {
      const body = JSON.parse(key) as EstimateRequest | null;
      return body ? await call("POST /api/cloud/cost-estimate", { body, signal }) : null;
    },
    [key],
    { keepPrevious: true },
  );
  // The figures of another place must not stand here while those of the chosen one are worked out.
  const data = isAbout(loaded, request) ? loaded : null;
  return (
    <div class="estimate-box">
      <dl class="estimate">
        <div>
          <dt>
            <Icon name="coin" />
            {t("cost")}
          </dt>
          <dd>{data ? costWords(data) : "–"}</dd>
        </div>
        <div>
          <dt>
            <Icon name="clock" />
            {t("time")}
          </dt>
          <dd>{data ? timeWords(data) : "–"}</dd>
        </div>
      </dl>
      {data && basisWords(data) && <p class="small muted">{basisWords(data)}</p>}
      {data && <LimitNote {...data} />}
    </div>
  );
}
