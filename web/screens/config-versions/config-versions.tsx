import { useState } from "preact/hooks";
import { asError, call, useLoad } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { EmptyState } from "../../components/empty-state.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Icon } from "../../components/icon.tsx";
import { Link } from "../../components/link.tsx";
import { Page } from "../../components/page.tsx";
import { Skeleton } from "../../components/skeleton.tsx";
import { toast } from "../../components/toast.tsx";
import { may } from "../../session.ts";
import { VersionHistory } from "./version-history.tsx";
import { VersionNow } from "./version-now.tsx";
import { VersionSettings } from "./version-settings.tsx";
import { t } from "./words.ts";

// Only this page needs these styles; its code waits for them, so that nothing is shown without.
await import("../../styles/config-versions.css");

function Start({ onStarted }: { onStarted: () => void }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const start = async (): Promise<void> => {
    setBusy(true);
    try {
      await call("POST /api/git/init", { body: {} });
      toast({ kind: "success", text: t("started") });
      onStarted();
    } catch (thrown) {
      setError(asError(thrown));
      setBusy(false);
    }
  };
  return (
    <>
      <EmptyState
        icon="sliders"
        title={t("none_title")}
        text={t("none_text")}
        action={
          may("config.edit.all") && (
            <Button kind="primary" busy={busy} onClick={() => void start()}>
              {t("start")}
            </Button>
          )
        }
      />
      {error && <ErrorBox error={error} />}
    </>
  );
}

/** The versions of all configurations, or with `name` those of one. */
export function ConfigVersions({ name }: { name: string | null }) {
  const [round, setRound] = useState(0);
  const { data, error, reload } = useLoad((signal) => call("GET /api/git/status", { signal }), [round], {
    keepPrevious: true,
  });
  const changed = (): void => setRound((count) => count + 1);
  return (
    <Page
      title={name === null ? t("title") : t("title_of", { name })}
      above={
        <Link href="/configs" class="crumb">
          <Icon name="arrowLeft" />
          {t("back")}
        </Link>
      }
    >
      {error && <ErrorBox error={error} title={t("failed")} onRetry={reload} />}
      {!data && !error && <Skeleton lines={8} />}
      {data && !data.git_available && (
        <EmptyState icon="sliders" title={t("no_git_title")} text={t("no_git")} />
      )}
      {data?.git_available && !data.repo_present && <Start onStarted={changed} />}
      {data?.repo_present && (
        <>
          <p class="muted configs-about">{t("about", { folder: data.config_dir })}</p>
          {!may("config.edit.all") && <p class="small muted">{t("not_yours")}</p>}
          <VersionNow repository={data} onChanged={changed} />
          <VersionHistory key={`${name}${round}`} name={name} onChanged={changed} />
          {may("config.edit.all") && <VersionSettings repository={data} onChanged={changed} />}
        </>
      )}
    </Page>
  );
}
