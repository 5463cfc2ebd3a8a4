import { useEffect, useState } from "preact/hooks";
import type { AuditExport } from "@simpletuner-cloud/contract/audit-export.ts";
import { asError, call, useLoad } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { ConfirmDialog } from "../../components/confirm-dialog.tsx";
import { ErrorBox, Notice } from "../../components/error-box.tsx";
import { Icon, type IconName } from "../../components/icon.tsx";
import { Time } from "../../components/time.tsx";
import { toast } from "../../components/toast.tsx";
import { formatAge, formatInstant, formatNumber } from "../../i18n.ts";
import { nowMs } from "../../clock.ts";
import { CollectorDialog } from "./collector-dialog.tsx";
import { t } from "./collector-words.ts";

const lookEveryMs = 3_000;

type OnStatus = Exclude<AuditExport["status"], "off">;

const looks: Readonly<Record<OnStatus, { icon: IconName; state: string }>> = {
  up_to_date: { icon: "tick", state: "completed" },
  sending: { icon: "sending", state: "running" },
  retrying: { icon: "warning", state: "queued" },
  stopped: { icon: "fail", state: "failed" },
};

function Trouble({ state }: { state: AuditExport }) {
  const { problem, failing_since: since, next_try_at: next } = state;
  if (problem === null) return null;
  const isDue = next !== null && Date.parse(next) <= nowMs.value;
  return (
    <Notice kind={state.status === "stopped" ? "error" : "warning"}>
      <p>{problem}</p>
      {since !== null && (
        <p class="small">
          {t("since", { when: formatInstant(since), n: formatNumber(state.attempts) })}{" "}
          {next !== null && (isDue ? t("next_now") : t("next", { when: formatAge(next, nowMs.value) }))}
        </p>
      )}
      {state.status === "stopped" && <p class="small">{t("stopped_text")}</p>}
    </Notice>
  );
}

function Facts({ state }: { state: AuditExport }) {
  const { last_sent_id: id, last_sent_at: at } = state;
  return (
    <dl class="facts">
      <dt>{t("host")}</dt>
      <dd>
        <code dir="ltr" class="collector-url">
          {state.webhook_url}
        </code>
      </dd>
      <dt>{t("format")}</dt>
      <dd>
        {state.format && t(state.format)} · {t(state.security_only ? "security_only" : "everything")}
      </dd>
      <dt>{t("sent")}</dt>
      <dd>
        {id === null || at === null ? (
          <span class="muted">{t("nothing_sent")}</span>
        ) : (
          <>
            {t("sent_id", { id: formatNumber(id) })}{" "}
            <span class="small muted">
              <Time at={at} />
            </span>
          </>
        )}
      </dd>
      <dt>{t("waiting")}</dt>
      <dd class="number">{formatNumber(state.waiting)}</dd>
    </dl>
  );
}

type Asked = "change" | "skip" | "off" | null;

function Card({ state, onChanged }: { state: AuditExport; onChanged: (state: AuditExport) => void }) {
  const [asked, setAsked] = useState<Asked>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const { icon, state: look } = looks[state.status as OnStatus];
  const entry = state.problem_entry;
  const id = formatNumber(entry ?? 0);
  const resume = async (body: { skip_entry?: number }): Promise<void> =>
    onChanged(await call("POST /api/audit/export-config/resume", { body }));
  const tryAgain = async (): Promise<void> => {
    setBusy(true);
    setError(null);
    await resume({}).catch((thrown: unknown) => setError(asError(thrown)));
    setBusy(false);
  };
  return (
    <section class="panel" aria-labelledby="collector">
      <header class="panel-head">
        <h2 id="collector">{t("title")}</h2>
        <span class={`collector-state state-${look}`} role="status">
          <Icon name={icon} />
          {t(`status_${state.status as OnStatus}`, { id })}
        </span>
      </header>
      <div class="panel-body stack">
        <Trouble state={state} />
        {error && <ErrorBox error={error} />}
        <Facts state={state} />
        <div class="row">
          {state.problem !== null && (
            <Button kind="primary" icon="retry" busy={busy} onClick={() => void tryAgain()}>
              {t("try_again")}
            </Button>
          )}
          {state.status === "stopped" && entry !== null && (
            <Button onClick={() => setAsked("skip")}>{t("skip", { id })}</Button>
          )}
          <Button icon="edit" onClick={() => setAsked("change")}>
            {t("change")}
          </Button>
          <Button icon="stop" onClick={() => setAsked("off")}>
            {t("off")}
          </Button>
        </div>
      </div>
      <Asking
        asked={asked}
        state={state}
        skip={() => resume({ skip_entry: entry ?? 0 })}
        onChanged={onChanged}
        onClose={() => setAsked(null)}
      />
    </section>
  );
}

function Asking(props: {
  asked: Asked;
  state: AuditExport;
  skip: () => Promise<void>;
  onChanged: (state: AuditExport) => void;
  onClose: () => void;
}) {
  const { asked, state, onClose, onChanged } = props;
  const id = formatNumber(state.problem_entry ?? 0);
  if (asked === "change") return <CollectorDialog state={state} onClose={onClose} onSaved={onChanged} />;
  if (asked === "skip")
    return (
      <ConfirmDialog
        title={t("skip_title", { id })}
        act={t("skip_act")}
        keep={t("back")}
        onAct={props.skip}
        onClose={onClose}
      >
        <p>{t("skip_text")}</p>
      </ConfirmDialog>
    );
  if (asked !== "off") return null;
  return (
    <ConfirmDialog
      title={t("off_title")}
      act={t("off_act")}
      keep={t("keep")}
      onClose={onClose}
      onAct={async () => {
        onChanged(await call("DELETE /api/audit/export-config"));
        toast({ kind: "success", text: t("off_done") });
      }}
    >
      <p>{t("off_text")}</p>
      {state.waiting > 0 && <p>{t("off_waiting", { n: formatNumber(state.waiting) })}</p>}
    </ConfirmDialog>
  );
}

/** Where the audit is sent to: a button that sets it, and a card with its state once it is set. */
export function useCollector() {
  const loaded = useLoad((signal) => call("GET /api/audit/export-config", { signal }), []);
  const [state, setState] = useState<AuditExport | null>(null);
  const [open, setOpen] = useState(false);
  useEffect(() => setState(loaded.data), [loaded.data]);
  const isOn = state !== null && state.status !== "off";
  const { reload } = loaded;
  useEffect(() => {
    if (!isOn) return;
    const timer = setInterval(() => {
      if (document.visibilityState === "visible") reload();
    }, lookEveryMs);
    return () => clearInterval(timer);
  }, [isOn, reload]);
  return {
    button: state?.status === "off" && (
      <Button icon="sending" onClick={() => setOpen(true)}>
        {t("send")}
      </Button>
    ),
    card: (
      <>
        {loaded.error && <ErrorBox error={loaded.error} onRetry={reload} />}
        {state && isOn && <Card state={state} onChanged={setState} />}
        {state && open && !isOn && (
          <CollectorDialog state={state} onClose={() => setOpen(false)} onSaved={setState} />
        )}
      </>
    ),
  };
}
