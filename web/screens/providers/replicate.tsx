import { useState } from "preact/hooks";
import type { ProviderConfigAnswer } from "@simpletuner-cloud/contract/provider-settings.ts";
import { call, useLoad } from "../../api.ts";
import { Button, ButtonLink } from "../../components/button.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Icon } from "../../components/icon.tsx";
import { Link } from "../../components/link.tsx";
import { Page } from "../../components/page.tsx";
import { Skeleton } from "../../components/skeleton.tsx";
import { useReloadOn } from "../../use-reload-on.ts";
import { Account } from "./account.tsx";
import { ConnectReplicate } from "./connect.tsx";
import { HardwareSettings } from "./hardware-settings.tsx";
import { Introduction, isFirstVisit } from "./introduction.tsx";
import { NetworkSettings } from "./network-settings.tsx";
import { WebhookSettings } from "./webhook-settings.tsx";
import { t } from "./words.ts";

// Only these pages need these styles; their code waits for them, so that nothing is shown without.
await import("../../styles/providers.css");

const params = { provider: "replicate" };

/** Setting Replicate up, or its settings once that is done. */
export function Replicate() {
  const [introducing, setIntroducing] = useState(isFirstVisit());
  const providers = useLoad((signal) => call("GET /api/cloud/providers", { signal }), []);
  const settings = useLoad(
    (signal) => call("GET /api/cloud/providers/{provider}/config", { params, signal }),
    [],
  );
  const [saved, setSaved] = useState<ProviderConfigAnswer | null>(null);
  useReloadOn(["provider.configured", "secrets.changed"], providers.reload);
  const provider = providers.data?.providers.find(({ id }) => id === "replicate");
  const answer = saved ?? settings.data;
  const error = providers.error ?? settings.error;
  const form = answer && { answer, onSaved: setSaved, key: answer.version };
  return (
    <Page
      title="Replicate"
      class="page-narrow"
      above={
        <Link href="/providers" class="crumb">
          <Icon name="arrowLeft" />
          {t("all")}
        </Link>
      }
      actions={
        <Button kind="quiet" icon="info" onClick={() => setIntroducing(true)}>
          {t("guide")}
        </Button>
      }
    >
      {error && <ErrorBox error={error} onRetry={providers.reload} />}
      {!provider && !error && <Skeleton lines={8} />}
      {provider &&
        (provider.configured ? (
          <Account onChanged={providers.reload} />
        ) : (
          <ConnectReplicate onConnected={providers.reload} />
        ))}
      {provider && form && !provider.configured && (
        <details class="provider-more">
          <summary>{t("behind_proxy")}</summary>
          <NetworkSettings {...form} />
        </details>
      )}
      {provider?.configured && form && (
        <>
          <HardwareSettings {...form} provider={provider} />
          <p>
            <ButtonLink href="/cost" icon="coin">
              {t("limits")}
            </ButtonLink>
          </p>
          <WebhookSettings {...form} />
          <NetworkSettings {...form} />
        </>
      )}
      {introducing && provider && <Introduction onClose={() => setIntroducing(false)} />}
    </Page>
  );
}
