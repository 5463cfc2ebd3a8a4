import { call, useLoad } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { Icon } from "../../components/icon.tsx";
import { Link } from "../../components/link.tsx";
import { errorText } from "../../error-text.ts";
import { may } from "../../session.ts";
import { t } from "./before-start-words.ts";

/** Whether the provider's webhooks would reach this server; `no address`: none is set. */
async function loadReach(provider: string, signal: AbortSignal) {
  const params = { provider };
  const { config } = await call("GET /api/cloud/providers/{provider}/config", { params, signal });
  if (config.webhook_url === null) return "no address" as const;
  return call("POST /api/cloud/providers/{provider}/test-webhook", { params, signal });
}

function Outcome({ provider }: { provider: string }) {
  const { data, error, loading, reload } = useLoad((signal) => loadReach(provider, signal), [provider]);
  if (loading) return <>{t("webhook_checking")}</>;
  if (data === "no address")
    return (
      <>
        {t("webhook_none")} <Link href={`/providers/${provider}`}>{t("webhook_set")}</Link>
      </>
    );
  if (data?.success)
    return (
      <span class="reach-good">
        <Icon name="tick" /> {t("webhook_good", { ms: data.latency_ms ?? 0 })}
      </span>
    );
  const reason = data ? (data.error ?? data.message) : error ? errorText(error) : "";
  return (
    <>
      <span class="reach-bad">
        <Icon name="warning" /> {t("webhook_bad", { reason })}
      </span>{" "}
      <Button size="small" icon="retry" onClick={reload}>
        {t("webhook_again")}
      </Button>
    </>
  );
}

/**
 * Whether the place that trains reaches this server. It never stops a start: what is not told is looked at. Only those who
 * may set the address see it.
 */
export function WebhookFact({ provider }: { provider: string }) {
  if (provider === "local" || !may("admin.config")) return null;
  return (
    <>
      <dt>{t("webhook")}</dt>
      <dd aria-live="polite">
        <Outcome provider={provider} />
      </dd>
    </>
  );
}
