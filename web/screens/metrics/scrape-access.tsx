import { useState } from "preact/hooks";
import type { MetricsConfig } from "@simpletuner-cloud/contract/metrics.ts";
import { asError, call } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { CopyButton } from "../../components/copy-button.tsx";
import { Dialog } from "../../components/dialog.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Icon } from "../../components/icon.tsx";
import { toast } from "../../components/toast.tsx";
import { formatAge } from "../../i18n.ts";
import { t } from "./words.ts";

function Made({ token, onClose }: { token: string; onClose: () => void }) {
  return (
    <Dialog
      open
      title={t("token_made")}
      onClose={onClose}
      actions={
        <Button kind="primary" onClick={onClose}>
          {t("token_done")}
        </Button>
      }
    >
      <p>{t("token_made_text")}</p>
      <pre class="key-lines" dir="ltr">
        {token}
      </pre>
      <div>
        <CopyButton text={token} label={t("copy")} />
      </div>
    </Dialog>
  );
}

/** Who may scrape: anybody, or who has the token. */
export function ScrapeAccess({
  config,
  onChanged,
}: {
  config: MetricsConfig;
  onChanged: (config: MetricsConfig) => void;
}) {
  const [token, setToken] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const act = async (work: () => Promise<void>): Promise<void> => {
    setBusy(true);
    setError(null);
    await work().catch((thrown: unknown) => setError(asError(thrown)));
    setBusy(false);
  };
  const make = (): Promise<void> =>
    act(async () => {
      const made = await call("POST /api/cloud/metrics/config/token");
      onChanged(made.config);
      setToken(made.token);
    });
  const remove = (): Promise<void> =>
    act(async () => {
      onChanged(await call("DELETE /api/cloud/metrics/config/token"));
      toast({ kind: "success", text: t("removed") });
    });
  return (
    <section class="panel" aria-labelledby="metrics-access">
      <header class="panel-head">
        <h2 id="metrics-access">{t("access")}</h2>
      </header>
      <div class="panel-body stack">
        <p class="metric-access">
          <Icon name={config.token_required ? "lock" : "globe"} />
          <span>
            {config.token_made_at === null
              ? t("open")
              : t("token_since", { when: formatAge(config.token_made_at) })}
          </span>
        </p>
        {error && <ErrorBox error={error} />}
        <div class="row">
          <Button icon="key" busy={busy} onClick={() => void make()}>
            {config.token_required ? t("renew") : t("make")}
          </Button>
          {config.token_required && (
            <Button kind="quiet" onClick={() => void remove()}>
              {t("remove")}
            </Button>
          )}
        </div>
      </div>
      {token !== null && <Made token={token} onClose={() => setToken(null)} />}
    </section>
  );
}
