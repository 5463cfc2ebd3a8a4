import { call, useLoad } from "../../api.ts";
import type { CostEstimate } from "@simpletuner-cloud/contract/providers.ts";
import { Icon } from "../../components/icon.tsx";
import { formatDuration, formatMoney } from "../../i18n.ts";
import { useSettled } from "./use-plan.ts";
import { t } from "./words.ts";

/** What an estimate is asked for. */
export interface EstimateRequest {
  provider?: string;
  config?: Record<string, unknown>;
  config_name_to_load?: string;
}

function costWords(estimate: CostEstimate): string {
  if (estimate.basis === "free" || estimate.cost_per_hour_usd === 0) {
    return estimate.provider === "local" ? t("free_here") : t("free");
  }
  if (estimate.estimated_cost_usd !== null) return formatMoney(estimate.estimated_cost_usd);
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

/** Cost and time of a job before it is submitted, with what they are based on. */
export function Estimate({ request }: { request: EstimateRequest | null }) {
  const key = useSettled(JSON.stringify(request), 350);
  const { data } = useLoad<CostEstimate | null>(
    async (signal) => {
      const body = JSON.parse(key) as EstimateRequest | null;
      return body ? await call("POST /api/cloud/cost-estimate", { body, signal }) : null;
    },
    [key],
    { keepPrevious: true },
  );
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
      {data && data.past_runs > 0 && <p class="small muted">{t.n("basis_history", data.past_runs)}</p>}
    </div>
  );
}
