import { useState } from "preact/hooks";
import type { ApiKey } from "@simpletuner-cloud/contract/api-keys.ts";
import { call, useLoad } from "../../api.ts";
import { Button, IconButton } from "../../components/button.tsx";
import { ConfirmDialog } from "../../components/confirm-dialog.tsx";
import { EmptyState } from "../../components/empty-state.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Time } from "../../components/time.tsx";
import { toast } from "../../components/toast.tsx";
import { may } from "../../session.ts";
import { NewApiKey } from "./new-api-key.tsx";
import { t } from "./words.ts";

function Row({ apiKey, onRevoke }: { apiKey: ApiKey; onRevoke: () => void }) {
  const { name, key_prefix, last_used_at, expires_at, is_active, scoped_permissions } = apiKey;
  return (
    <li class="key-row">
      <div class="key-words">
        <span class="cut" title={name}>
          <strong>{name}</strong>{" "}
          {scoped_permissions && (
            <span class="small muted" title={scoped_permissions.join(", ")}>
              {t.n("key_scopes", scoped_permissions.length)}
            </span>
          )}
        </span>
        <span class="small muted">
          <code dir="ltr">{key_prefix}…</code> · {last_used_at === null ? t("key_unused") : t("key_used")}{" "}
          {last_used_at !== null && <Time at={last_used_at} />}
          {expires_at !== null && (
            <>
              {" "}
              · {t(is_active ? "key_ends" : "key_ended")} <Time at={expires_at} />
            </>
          )}
        </span>
      </div>
      <IconButton icon="trash" label={`${t("revoke")} ${name}`} onClick={onRevoke} />
    </li>
  );
}

function KeyList() {
  const { data, error, reload } = useLoad(
    (signal) => call("GET /api/auth/api-keys", { query: {}, signal }),
    [],
  );
  const [making, setMaking] = useState(false);
  const [revoking, setRevoking] = useState<ApiKey | null>(null);
  const revoke = async ({ id, name }: ApiKey): Promise<void> => {
    await call("DELETE /api/auth/api-keys/{api_key_id}", { params: { api_key_id: id } });
    toast({ kind: "success", text: t("revoked", { name }) });
    reload();
  };
  return (
    <>
      <div class="row">
        <Button icon="plus" onClick={() => setMaking(true)}>
          {t("key_new")}
        </Button>
      </div>
      {error && <ErrorBox error={error} onRetry={reload} />}
      {data?.api_keys.length === 0 && <EmptyState text={t("keys_none")} />}
      <ul class="keys">
        {data?.api_keys.map((key) => (
          <Row key={key.id} apiKey={key} onRevoke={() => setRevoking(key)} />
        ))}
      </ul>
      {making && <NewApiKey onClose={() => setMaking(false)} onMade={reload} />}
      {revoking && (
        <ConfirmDialog
          title={t("revoke_title")}
          act={t("revoke")}
          keep={t("keep")}
          onAct={() => revoke(revoking)}
          onClose={() => setRevoking(null)}
        >
          <p>{t("revoke_text", { name: revoking.name })}</p>
        </ConfirmDialog>
      )}
    </>
  );
}

/** The keys of one's own programs. */
export function ApiKeys() {
  const allowed = may("api.keys.own") && may("api.access");
  return (
    <section class="panel" aria-labelledby="account-keys">
      <header class="panel-head">
        <h2 id="account-keys">{t("keys")}</h2>
      </header>
      <div class="panel-body stack">
        <p class="small muted">{t(allowed ? "keys_text" : "keys_forbidden")}</p>
        {allowed && <KeyList />}
      </div>
    </section>
  );
}
