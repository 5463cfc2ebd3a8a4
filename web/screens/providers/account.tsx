import { useState } from "preact/hooks";
import { call, useLoad } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { ConfirmDialog } from "../../components/confirm-dialog.tsx";
import { ErrorBox, Notice } from "../../components/error-box.tsx";
import { Skeleton } from "../../components/skeleton.tsx";
import { toast } from "../../components/toast.tsx";
import { TokenForm } from "./connect.tsx";
import { t } from "./words.ts";

const sources = ["environment", "file", "aws", "vault"] as const;

function sourceWord(source: string): string {
  const known = sources.find((each) => each === source);
  return known ? t(`source_${known}`) : source;
}

function StatusLine() {
  const { data } = useLoad((signal) => call("GET /api/cloud/replicate/status", { signal }), []);
  if (!data) return null;
  const what = data.ongoing_incidents.map(({ name }) => name).join(", ");
  const text =
    data.operational === null
      ? t("status_unknown")
      : data.operational
        ? t("status_ok")
        : t("status_bad", { what });
  return (
    <p class={data.operational === false ? "" : "muted"}>
      {text}{" "}
      {data.status_page_url !== null && (
        <a href={data.status_page_url} target="_blank" rel="noreferrer">
          {t("status_link")}
        </a>
      )}
    </p>
  );
}

/** Whose account it is, where its token comes from, and what Replicate says of itself. */
export function Account({ onChanged }: { onChanged: () => void }) {
  const [round, setRound] = useState(0);
  const [replacing, setReplacing] = useState(false);
  const [removing, setRemoving] = useState(false);
  const { data, error, reload } = useLoad(
    (signal) => call("GET /api/cloud/providers/replicate/validate", { signal }),
    [round],
  );
  const changed = (): void => {
    setReplacing(false);
    setRound((count) => count + 1);
    onChanged();
  };
  return (
    <section class="panel" aria-labelledby="account">
      <header class="panel-head">
        <h2 id="account">{t("account")}</h2>
        <a href="https://replicate.com/account/billing" target="_blank" rel="noreferrer" class="small">
          {t("balance")}
        </a>
      </header>
      <div class="panel-body stack">
        {error && <ErrorBox error={error} onRetry={reload} />}
        {!data && !error && <Skeleton lines={2} />}
        {data?.user_info && (
          <p>
            <strong>{t("as", { name: data.user_info.username })}</strong>{" "}
            <span class="muted">{t("from_source", { source: sourceWord(data.user_info.token_source) })}</span>
          </p>
        )}
        {data && !data.user_info && data.error !== null && <Notice kind="warning">{data.error}</Notice>}
        <StatusLine />
        {replacing && <TokenForm onConnected={changed} />}
        <p class="row">
          {!replacing && <Button onClick={() => setReplacing(true)}>{t("replace")}</Button>}
          <Button kind="quiet" onClick={() => setRemoving(true)}>
            {t("remove")}
          </Button>
        </p>
      </div>
      {removing && (
        <ConfirmDialog
          title={t("remove_title")}
          act={t("remove")}
          keep={t("keep")}
          onClose={() => setRemoving(false)}
          onAct={async () => {
            await call("DELETE /api/cloud/providers/replicate/token");
            toast({ kind: "success", text: t("removed") });
            changed();
          }}
        >
          <p>{t("remove_text")}</p>
        </ConfirmDialog>
      )}
    </section>
  );
}
