import { useState } from "preact/hooks";
import type { ConsentMode } from "@simpletuner-cloud/contract/data-consent.ts";
import type { Health } from "@simpletuner-cloud/contract/system.ts";
import { asError, call, useLoad, type Loaded } from "../../api.ts";
import { ErrorBox } from "../../components/error-box.tsx";
import { Choice } from "../../components/field.tsx";
import { Icon } from "../../components/icon.tsx";
import { Page } from "../../components/page.tsx";
import { Skeleton } from "../../components/skeleton.tsx";
import { toast } from "../../components/toast.tsx";
import { formatDuration } from "../../i18n.ts";
import { may, session } from "../../session.ts";
import { LanguageSwitch, ThemeSwitch } from "../shell/preferences.tsx";
import { GettingStarted } from "./getting-started.tsx";
import { SettingsPlaces } from "./places.tsx";
import { StorageKeys } from "./storage-keys.tsx";
import { StorageLimits } from "./storage-limits.tsx";
import { t } from "./words.ts";

function Consent({ setting }: { setting: Loaded<{ consent: ConsentMode }> }) {
  const { data, error, reload } = setting;
  const [chosen, setChosen] = useState<ConsentMode | null>(null);
  const [failure, setFailure] = useState<Error | null>(null);
  const save = async (next: ConsentMode): Promise<void> => {
    setChosen(next);
    setFailure(null);
    try {
      await call("PUT /api/cloud/data-consent/setting", { body: { consent: next } });
      toast({ kind: "success", text: t("consent_saved") });
      reload();
    } catch (thrown) {
      setFailure(asError(thrown));
      setChosen(null);
    }
  };
  const value = chosen ?? data?.consent;
  return (
    <section class="panel" aria-labelledby="settings-data">
      <header class="panel-head">
        <h2 id="settings-data">{t("data")}</h2>
      </header>
      <div class="panel-body stack">
        {error && <ErrorBox error={error} onRetry={reload} />}
        {value && (
          <Choice
            legend={t("consent")}
            name="consent"
            value={value}
            disabled={!may("admin.config")}
            options={(["ask", "allow", "deny"] as const).map((mode) => ({
              value: mode,
              title: t(`consent_${mode}`),
              text: t(`consent_${mode}_text`),
            }))}
            onChange={(next) => void save(next)}
          />
        )}
        {!may("admin.config") && <p class="small muted">{t("consent_admin")}</p>}
        {failure && <ErrorBox error={failure} />}
      </div>
    </section>
  );
}

function Looks() {
  return (
    <section class="panel" aria-labelledby="settings-looks">
      <header class="panel-head">
        <h2 id="settings-looks">{t("looks")}</h2>
        <span class="small muted">{t("here_only")}</span>
      </header>
      <div class="panel-body settings-looks">
        <div class="field">
          <h3>{t("theme")}</h3>
          <ThemeSwitch withWords />
        </div>
        <div class="field">
          <h3>{t("language")}</h3>
          <LanguageSwitch withWords />
        </div>
      </div>
    </section>
  );
}

function About({ health }: { health: Loaded<Health> }) {
  const { data, error, reload } = health;
  const who = session.value;
  return (
    <section class="panel" aria-labelledby="settings-about">
      <header class="panel-head">
        <h2 id="settings-about">{t("about")}</h2>
      </header>
      <div class="panel-body stack">
        {error && <ErrorBox error={error} onRetry={reload} />}
        <dl class="facts">
          <dt>{t("version")}</dt>
          <dd class="number">{who?.version ?? data?.version ?? "–"}</dd>
          {who?.username && (
            <>
              <dt>{t("signed_in")}</dt>
              <dd>
                {who.username}
                {who.mode === "single-user" && <span class="small muted"> · {t("single_user")}</span>}
              </dd>
            </>
          )}
          {data && (
            <>
              <dt>{t("uptime")}</dt>
              <dd class="number">{formatDuration(data.uptime_seconds)}</dd>
            </>
          )}
        </dl>
        <p>
          <a href="/docs" class="row">
            <Icon name="book" />
            {t("api")}
          </a>
          <span class="small muted">{t("api_text")}</span>
        </p>
      </div>
    </section>
  );
}

/** Settings: what may happen to data, looks, and what this server is. */
export function Settings() {
  const setting = useLoad((signal) => call("GET /api/cloud/data-consent/setting", { signal }), []);
  const health = useLoad((signal) => call("GET /api/cloud/health", { signal }), []);
  const waitsFor = [setting, health].some((part) => part.data === null && part.error === null);
  return (
    <Page title={t("title")} class="page-narrow">
      {waitsFor ? (
        <Skeleton lines={6} />
      ) : (
        <>
          <Consent setting={setting} />
          <StorageLimits />
          {may("api.access") && <StorageKeys />}
          <SettingsPlaces />
          {may("job.submit") && <GettingStarted />}
          <Looks />
          <About health={health} />
        </>
      )}
    </Page>
  );
}
