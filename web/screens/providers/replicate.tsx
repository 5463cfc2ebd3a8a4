import { useEffect, useState } from "preact/hooks";
import type { ProviderConfigAnswer } from "@simpletuner-cloud/contract/provider-settings.ts";
import { call, useLoad } from "../../api.ts";
import { Button, ButtonLink } from "../../components/button.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Icon } from "../../components/icon.tsx";
import { Link } from "../../components/link.tsx";
import { Page } from "../../components/page.tsx";
import { Skeleton } from "../../components/skeleton.tsx";
import { route } from "../../router.ts";
import { useHint } from "../../hints.ts";
import { useReloadOn } from "../../use-reload-on.ts";
import { Account } from "./account.tsx";
import { ConnectReplicate } from "./connect.tsx";
import { HardwareSettings } from "./hardware-settings.tsx";
import { Introduction } from "./introduction.tsx";
import { NetworkSettings } from "./network-settings.tsx";
import { Tunnel } from "./tunnel.tsx";
import { WebhookSettings } from "./webhook-settings.tsx";
import { t } from "./words.ts";

// Only these pages need these styles; their code waits for them, so that nothing is shown without.
await import("../../styles/providers.css");

const params = { provider: "replicate" };

/**
 * Whether the form for a first token is shown: as long as there is none, and until the one that was typed works. A token
 * that is refused is stored all the same, and what is wrong with it is said beside it.
 */
function useConnecting(configured: boolean | undefined): [boolean, (connecting: boolean) => void] {
  const [connecting, setConnecting] = useState<boolean | null>(null);
  useEffect(() => {
    if (configured === false) setConnecting(true);
    else if (configured) setConnecting((before) => before ?? false);
  }, [configured]);
  return [connecting ?? configured === false, setConnecting];
}

/** Setting Replicate up, or its settings once that is done. */
export function Replicate() {
  const seen = useHint("introduction").dismissed;
  const [asked, setIntroducing] = useState<boolean | null>(route.value.query.has("introduction") || null);
  const introducing = asked ?? seen === false;
  const providers = useLoad((signal) => call("GET /api/cloud/providers", { signal }), []);
  const settings = useLoad(
    (signal) => call("GET /api/cloud/providers/{provider}/config", { params, signal }),
    [],
  );
  const [saved, setSaved] = useState<ProviderConfigAnswer | null>(null);
  useReloadOn(["provider.configured", "secrets.changed"], providers.reload);
  const provider = providers.data?.providers.find(({ id }) => id === "replicate");
  const [connecting, setConnecting] = useConnecting(provider?.configured);
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
        (connecting ? (
          <ConnectReplicate
            onConnected={() => {
              setConnecting(false);
              providers.reload();
            }}
          />
        ) : (
          <Account onChanged={providers.reload} />
        ))}
      {provider && form && connecting && (
        <details class="provider-more">
          <summary>{t("behind_proxy")}</summary>
          <NetworkSettings {...form} />
        </details>
      )}
      {provider && !connecting && form && (
        <>
          <HardwareSettings {...form} provider={provider} />
          <p>
            <ButtonLink href="/cost" icon="coin">
              {t("limits")}
            </ButtonLink>
          </p>
          <WebhookSettings {...form} />
          <Tunnel
            onChanged={() => {
              setSaved(null);
              settings.reload();
            }}
          />
          <NetworkSettings {...form} />
        </>
      )}
      {introducing && provider && <Introduction onClose={() => setIntroducing(false)} />}
    </Page>
  );
}
