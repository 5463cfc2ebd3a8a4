import { useEffect, useState } from "preact/hooks";
import type { Tunnel as TunnelState, TunnelProgram } from "@simpletuner-cloud/contract/tunnel.ts";
import { asError, call, useLoad } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { ConfirmDialog } from "../../components/confirm-dialog.tsx";
import { CopyButton } from "../../components/copy-button.tsx";
import { ErrorBox, Notice } from "../../components/error-box.tsx";
import { Skeleton } from "../../components/skeleton.tsx";
import { serverText } from "../../server-text.ts";
import { useReloadOn } from "../../use-reload-on.ts";
import { t } from "./tunnel-words.ts";

/** While it waits for an address, and to see that it lost one. */
const lookEveryMs = { starting: 1_500, running: 15_000 } as const;

/** A tunnel for a server without an address: started after a question, shown while it runs. `onChanged` hears of its address. */
export function Tunnel({ onChanged }: { onChanged: () => void }) {
  const { data, error, reload } = useLoad((signal) => call("GET /api/cloud/tunnel", { signal }), []);
  const [asking, setAsking] = useState<TunnelProgram | null>(null);
  useReloadOn(["tunnel.started", "tunnel.stopped"], reload);
  const status = data?.status;
  useEffect(() => {
    if (status !== "starting" && status !== "running") return;
    const timer = setInterval(reload, lookEveryMs[status]);
    return () => clearInterval(timer);
  }, [status, reload]);
  useEffect(() => {
    if (status === "running") onChanged();
  }, [status, data?.url]);
  return (
    <section class="panel" aria-labelledby="tunnel">
      <header class="panel-head">
        <h2 id="tunnel">{t("title")}</h2>
        {data && (
          <span class="muted" role="status">
            {t(data.status)}
          </span>
        )}
      </header>
      <div class="panel-body stack">
        <p class="muted">{t("about")}</p>
        {error && <ErrorBox error={error} onRetry={reload} />}
        {!data && !error && <Skeleton lines={2} />}
        {data && (data.status === "starting" || data.status === "running") && (
          <Running
            tunnel={data}
            onStopped={() => {
              reload();
              onChanged();
            }}
          />
        )}
        {data && (data.status === "off" || data.status === "failed") && (
          <Stopped tunnel={data} onAsk={setAsking} />
        )}
      </div>
      {asking && (
        <ConfirmDialog
          title={t("start_title")}
          act={t("act")}
          keep={t("keep")}
          onClose={() => setAsking(null)}
          onAct={async () => {
            await call("POST /api/cloud/tunnel", { body: { program: asking } });
            reload();
          }}
        >
          <p>{t("start_text")}</p>
        </ConfirmDialog>
      )}
    </section>
  );
}

function Running({ tunnel, onStopped }: { tunnel: TunnelState; onStopped: () => void }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const stop = async (): Promise<void> => {
    setBusy(true);
    setError(null);
    try {
      await call("DELETE /api/cloud/tunnel");
      onStopped();
    } catch (thrown) {
      setError(asError(thrown));
    }
    setBusy(false);
  };
  return (
    <>
      {tunnel.url !== null && (
        <p class="row">
          <a href={tunnel.url} target="_blank" rel="noreferrer" dir="ltr" class="tunnel-url">
            {tunnel.url}
          </a>
          <CopyButton text={tunnel.url} label={t("copy")} />
        </p>
      )}
      {tunnel.url !== null && tunnel.used_instead === null && <p>{t("used")}</p>}
      {tunnel.used_instead !== null && (
        <Notice kind="warning">{t("instead", { url: tunnel.used_instead })}</Notice>
      )}
      {tunnel.message !== null && <Notice kind="warning">{serverText(tunnel.message)}</Notice>}
      {tunnel.restarts > 0 && <p class="muted">{t.n("restarts", tunnel.restarts)}</p>}
      <p class="muted small">{t("limits")}</p>
      {error && <ErrorBox error={error} />}
      <p class="row">
        <Button busy={busy} onClick={() => void stop()}>
          {t("stop")}
        </Button>
      </p>
    </>
  );
}

function Stopped({ tunnel, onAsk }: { tunnel: TunnelState; onAsk: (program: TunnelProgram) => void }) {
  const installed = tunnel.programs.filter((each) => each.installed);
  return (
    <>
      {tunnel.message !== null && <Notice kind="warning">{serverText(tunnel.message)}</Notice>}
      {installed.length === 0 && <p>{t("missing")}</p>}
      <p class="row">
        {installed.map(({ program }) => (
          <Button key={program} onClick={() => onAsk(program)}>
            {t("start", { program })}
          </Button>
        ))}
        {installed.length === 0 &&
          tunnel.programs.map(({ program, install_url: url }) => (
            <a key={program} href={url} target="_blank" rel="noreferrer">
              {t("get", { program })}
            </a>
          ))}
      </p>
    </>
  );
}
