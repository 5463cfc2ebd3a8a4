import { useState } from "preact/hooks";
import { callerMay, permissions } from "@simpletuner-cloud/contract/permissions.ts";
import { asError, call } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { CopyButton } from "../../components/copy-button.tsx";
import { Dialog } from "../../components/dialog.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Choice, Field } from "../../components/field.tsx";
import { PermissionChecks } from "../../components/permission-checks.tsx";
import { formatNumber } from "../../i18n.ts";
import { session } from "../../session.ts";
import { t } from "./words.ts";

const lifetimes = [30, 90, 365];

interface Wish {
  name: string;
  /** 0: it never runs out. */
  days: number;
  holds: "all" | "some";
  scopes: readonly string[];
}

function Made({ apiKey, onClose }: { apiKey: string; onClose: () => void }) {
  const line = `export SIMPLETUNER_API_KEY=${apiKey}`;
  return (
    <Dialog
      open
      title={t("key_made")}
      onClose={onClose}
      actions={
        <Button kind="primary" onClick={onClose}>
          {t("key_done")}
        </Button>
      }
    >
      <p>{t("key_made_text")}</p>
      <pre class="key-lines" dir="ltr">
        {apiKey}
      </pre>
      <div>
        <CopyButton text={apiKey} label={t("copy")} />
      </div>
      <p class="small muted">{t("key_use")}</p>
      <pre class="key-lines" dir="ltr">
        {line}
      </pre>
    </Dialog>
  );
}

function WishFields({ wish, told, onChange }: { wish: Wish; told: boolean; onChange: (wish: Wish) => void }) {
  const mine = permissions.filter((permission) =>
    callerMay({ grants: session.value?.grants ?? [] }, permission),
  );
  return (
    <div class="stack">
      <Field
        label={t("key_name")}
        hint={t("key_name_hint")}
        error={told && wish.name.trim() === "" ? t("key_name_missing") : null}
      >
        {(attributes) => (
          <input
            class="input"
            maxLength={100}
            {...attributes}
            value={wish.name}
            onInput={(event) => onChange({ ...wish, name: event.currentTarget.value })}
          />
        )}
      </Field>
      <Field label={t("key_expires")}>
        {(attributes) => (
          <select
            class="input"
            {...attributes}
            value={wish.days}
            onChange={(event) => onChange({ ...wish, days: Number(event.currentTarget.value) })}
          >
            {lifetimes.map((days) => (
              <option key={days} value={days}>
                {t("key_days", { n: formatNumber(days) })}
              </option>
            ))}
            <option value={0}>{t("key_never")}</option>
          </select>
        )}
      </Field>
      <Choice
        legend={t("key_may")}
        name="key-holds"
        value={wish.holds}
        options={(["all", "some"] as const).map((value) => ({
          value,
          title: t(`key_${value}`),
          text: t(`key_${value}_text`),
        }))}
        onChange={(holds) => onChange({ ...wish, holds })}
      />
      {wish.holds === "some" && (
        <PermissionChecks
          legend={t("key_some")}
          offered={mine}
          chosen={wish.scopes}
          error={told && wish.scopes.length === 0 ? t("key_some_missing") : null}
          onChange={(scopes) => onChange({ ...wish, scopes })}
        />
      )}
    </div>
  );
}

/** Makes an API key, then shows it once. */
export function NewApiKey({ onClose, onMade }: { onClose: () => void; onMade: () => void }) {
  const [wish, setWish] = useState<Wish>({ name: "", days: 90, holds: "all", scopes: [] });
  const [told, setTold] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const [made, setMade] = useState<string | null>(null);
  const make = async (): Promise<void> => {
    setTold(true);
    const name = wish.name.trim();
    if (busy || name === "" || (wish.holds === "some" && wish.scopes.length === 0)) return;
    setBusy(true);
    setError(null);
    try {
      const { key } = await call("POST /api/auth/api-keys", {
        body: {
          name,
          expires_days: wish.days || null,
          scoped_permissions: wish.holds === "some" ? [...wish.scopes] : null,
        },
      });
      setMade(key);
      onMade();
    } catch (thrown) {
      setError(asError(thrown));
    }
    setBusy(false);
  };
  if (made !== null) return <Made apiKey={made} onClose={onClose} />;
  return (
    <Dialog
      open
      title={t("key_new")}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>{t("cancel")}</Button>
          <Button kind="primary" busy={busy} onClick={() => void make()}>
            {t("key_make")}
          </Button>
        </>
      }
    >
      <WishFields wish={wish} told={told} onChange={setWish} />
      {error && <ErrorBox error={error} />}
    </Dialog>
  );
}
