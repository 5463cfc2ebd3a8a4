import type { CostLimitStatus } from "@simpletuner-cloud/contract/cost.ts";
import type { Provider } from "@simpletuner-cloud/contract/providers.ts";
import { useState } from "preact/hooks";
import { call, useLoad } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Field } from "../../components/field.tsx";
import { Icon } from "../../components/icon.tsx";
import { Skeleton } from "../../components/skeleton.tsx";
import { formatInstant, formatMoney, formatPercent } from "../../i18n.ts";
import { route, setQuery } from "../../router.ts";
import { useReloadOn } from "../../use-reload-on.ts";
import { LimitEditor } from "./limit-editor.tsx";
import { t } from "./words.ts";

/** How much of a limit is spent and set aside, in words and as a bar. */
function LimitBar({ status }: { status: CostLimitStatus }) {
  const limit = status.limit_amount ?? 0;
  const left = Math.max(0, limit - status.current_spend);
  const asideShare = limit > 0 ? Math.min(100 - status.percent_used, (status.set_aside / limit) * 100) : 0;
  const tone = status.is_exceeded ? "over" : status.is_warning ? "near" : "fine";
  return (
    <div class={`limit-state limit-${tone}`}>
      <p class="limit-words">
        <strong class="number">
          {t("limit_used", { spent: formatMoney(status.current_spend), limit: formatMoney(limit) })}
        </strong>
        <span class="number">{t("limit_left", { money: formatMoney(left) })}</span>
      </p>
      <div
        class="limit-bar"
        role="meter"
        aria-label={t("limit_bar")}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.min(100, Math.round(status.percent_used))}
        aria-valuetext={formatPercent(status.percent_used)}
      >
        <span class="limit-spent" style={{ inlineSize: `${Math.min(100, status.percent_used)}%` }} />
        <span class="limit-aside" style={{ inlineSize: `${Math.max(0, asideShare)}%` }} />
      </div>
      {status.is_warning && (
        <p class="limit-told">
          <Icon name="warning" />
          {t(status.is_exceeded ? "limit_over" : "limit_near")}
        </p>
      )}
      <p class="small muted">
        {status.set_aside > 0 && `${t("limit_aside", { money: formatMoney(status.set_aside) })}. `}
        {status.resets_at && t("limit_resets", { at: formatInstant(status.resets_at) })}
      </p>
    </div>
  );
}

/** The limit of all places or of one, where it stands, and, when asked for, the form to change it. */
export function LimitPanel({ providers }: { providers: readonly Provider[] }) {
  const chosen = route.value.query.get("limit");
  const [editing, setEditing] = useState(false);
  const scope = providers.some((provider) => provider.id === chosen) ? chosen : null;
  const { data, error, reload } = useLoad(
    (signal) =>
      call("GET /api/cloud/cost-limit/status", {
        query: scope === null ? {} : { provider: scope },
        signal,
      }),
    [scope],
    { keepPrevious: true },
  );
  useReloadOn(["settings.changed", "job.status", "job.progress"], reload, () => true, 3_000);
  return (
    <section class="panel" aria-labelledby="cost-limit">
      <header class="panel-head">
        <h2 id="cost-limit">{t("limit")}</h2>
        {data && (
          <Button size="small" icon="edit" aria-expanded={editing} onClick={() => setEditing(!editing)}>
            {t(data.enabled ? "limit_change" : "limit_set")}
          </Button>
        )}
      </header>
      <div class="panel-body stack">
        {providers.length > 1 && (editing || scope !== null) && (
          <Field label={t("limit_for")}>
            {(attributes) => (
              <select
                class="input"
                {...attributes}
                value={scope ?? ""}
                onChange={(event) => setQuery({ limit: event.currentTarget.value }, { replace: true })}
              >
                <option value="">{t("all_places")}</option>
                {providers.map((provider) => (
                  <option key={provider.id} value={provider.id}>
                    {provider.name}
                  </option>
                ))}
              </select>
            )}
          </Field>
        )}
        {error && <ErrorBox error={error} onRetry={reload} />}
        {!data && !error && <Skeleton lines={4} />}
        {data && (data.enabled ? <LimitBar status={data} /> : <p class="muted">{t("limit_none")}</p>)}
        {data && editing && (
          <LimitEditor
            key={[data.provider, data.limit_amount, data.period, data.action, data.slice_minutes].join()}
            status={data}
            onSaved={() => {
              setEditing(false);
              reload();
            }}
          />
        )}
      </div>
    </section>
  );
}
