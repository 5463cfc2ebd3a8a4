import { useState } from "preact/hooks";
import type { StorageKey } from "@simpletuner-cloud/contract/storage-keys.ts";
import { call, useLoad } from "../../api.ts";
import { Button, IconButton } from "../../components/button.tsx";
import { ConfirmDialog } from "../../components/confirm-dialog.tsx";
import { EmptyState } from "../../components/empty-state.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Time } from "../../components/time.tsx";
import { toast } from "../../components/toast.tsx";
import { session } from "../../session.ts";
import { NewStorageKey } from "./new-storage-key.tsx";
import { t } from "./storage-key-words.ts";

function KeyRow({ storageKey, onDelete }: { storageKey: StorageKey; onDelete: () => void }) {
  const { name, access_key_id, access, user_id, username, last_used_at, expires_at } = storageKey;
  return (
    <li class="key-row">
      <div class="key-words">
        <span class="cut" title={name}>
          <strong>{name}</strong> <span class="small muted">{t(access)}</span>
          {user_id !== session.value?.user_id && (
            <span class="small muted"> {t("of_user", { user: username ?? user_id })}</span>
          )}
        </span>
        <span class="small muted">
          <code>{access_key_id}</code> · {last_used_at === null ? t("unused") : t("used")}{" "}
          {last_used_at !== null && <Time at={last_used_at} />}
          {expires_at !== null && (
            <>
              {" "}
              · {t("runs_out")} <Time at={expires_at} />
            </>
          )}
        </span>
      </div>
      <IconButton icon="trash" label={`${t("delete")} ${name}`} onClick={onDelete} />
    </li>
  );
}

/** The access keys of S3 clients: list, make, delete. */
export function StorageKeys() {
  const { data, error, reload } = useLoad((signal) => call("GET /api/cloud/storage-keys", { signal }), []);
  const [making, setMaking] = useState(false);
  const [deleting, setDeleting] = useState<StorageKey | null>(null);
  const remove = async ({ access_key_id, name }: StorageKey): Promise<void> => {
    await call("DELETE /api/cloud/storage-keys/{access_key_id}", { params: { access_key_id } });
    toast({ kind: "success", text: t("deleted", { name }) });
    reload();
  };
  return (
    <section class="panel" aria-labelledby="settings-keys">
      <header class="panel-head">
        <h2 id="settings-keys">{t("title")}</h2>
        <Button size="small" icon="plus" onClick={() => setMaking(true)}>
          {t("create")}
        </Button>
      </header>
      <div class="panel-body stack">
        <p class="small muted">{t("about")}</p>
        {error && <ErrorBox error={error} onRetry={reload} />}
        {data?.keys.length === 0 && <EmptyState text={t("none")} />}
        {data && data.keys.length > 0 && (
          <ul class="keys">
            {data.keys.map((key) => (
              <KeyRow key={key.access_key_id} storageKey={key} onDelete={() => setDeleting(key)} />
            ))}
          </ul>
        )}
      </div>
      {making && data && <NewStorageKey endpoint={data} onClose={() => setMaking(false)} onMade={reload} />}
      {deleting && (
        <ConfirmDialog
          title={t("delete_title")}
          act={t("delete")}
          keep={t("keep")}
          onAct={() => remove(deleting)}
          onClose={() => setDeleting(null)}
        >
          <p>{t("delete_text", { name: deleting.name })}</p>
        </ConfirmDialog>
      )}
    </section>
  );
}
