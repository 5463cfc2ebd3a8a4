import type { Provider } from "@simpletuner-cloud/contract/providers.ts";
import { call, useLoad } from "../../api.ts";
import { ButtonLink } from "../../components/button.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Icon } from "../../components/icon.tsx";
import { Page } from "../../components/page.tsx";
import { Skeleton } from "../../components/skeleton.tsx";
import { formatMoney } from "../../i18n.ts";
import { providerWord } from "../../provider-words.ts";
import { may } from "../../session.ts";
import { useReloadOn } from "../../use-reload-on.ts";
import { t } from "./words.ts";

// Only these pages need these styles; their code waits for them, so that nothing is shown without.
await import("../../styles/providers.css");

function stateOf(provider: Provider): { word: string; icon: "tick" | "warning" | "clock"; name: string } {
  if (provider.coming_soon) return { word: t("soon"), icon: "clock", name: "pending" };
  if (!provider.configured) return { word: t("not_set_up"), icon: "clock", name: "pending" };
  if (provider.unavailable_reason !== null) return { word: t("trouble"), icon: "warning", name: "failed" };
  return { word: t("ready"), icon: "tick", name: "completed" };
}

function priceOf({ hardware, capabilities }: Provider): string | null {
  if (!capabilities.cost) return t("free");
  const prices = hardware.flatMap(({ cost_per_hour_usd: usd }) => (usd === null ? [] : [usd]));
  return prices.length === 0 ? null : t("per_hour", { money: formatMoney(Math.min(...prices)) });
}

function aboutOf({ id, description }: Provider): string {
  const known = (["local", "replicate", "simpletuner_io"] as const).find((each) => each === id);
  return known ? t(`about_${known}`) : description;
}

function Card({ provider }: { provider: Provider }) {
  const state = stateOf(provider);
  const detail = provider.configured ? (provider.unavailable_reason ?? provider.trainer?.detail) : null;
  const canSetUp = provider.id === "replicate" && may("admin.config");
  return (
    <li class={`panel provider ${provider.coming_soon ? "provider-soon" : ""}`}>
      <div class="provider-what">
        <h2>{providerWord(provider.id)}</h2>
        <p class={`provider-state state-${state.name}`}>
          <Icon name={state.icon} />
          {state.word}
        </p>
        <p class="muted">{aboutOf(provider)}</p>
        {detail && <p class="small muted">{detail}</p>}
        {!provider.coming_soon && <p class="small">{priceOf(provider)}</p>}
      </div>
      {canSetUp && (
        <ButtonLink href="/providers/replicate" kind={provider.configured ? "secondary" : "primary"}>
          {t(provider.configured ? "manage" : "set_up")}
        </ButtonLink>
      )}
    </li>
  );
}

/** Where jobs can run. */
export function Providers() {
  const { data, error, reload } = useLoad((signal) => call("GET /api/cloud/providers", { signal }), []);
  useReloadOn(["provider.configured", "secrets.changed"], reload);
  return (
    <Page title={t("title")} class="page-narrow">
      <p class="muted">{t("about")}</p>
      {error && <ErrorBox error={error} onRetry={reload} />}
      {!data && !error && <Skeleton lines={6} />}
      <ul class="providers">
        {data?.providers.map((provider) => (
          <Card key={provider.id} provider={provider} />
        ))}
      </ul>
    </Page>
  );
}
