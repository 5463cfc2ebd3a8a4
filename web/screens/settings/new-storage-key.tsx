import { useState } from "preact/hooks";
import type { StorageKey } from "@simpletuner-cloud/contract/storage-keys.ts";
import { asError, call } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { CopyButton } from "../../components/copy-button.tsx";
import { Dialog } from "../../components/dialog.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Choice, Field } from "../../components/field.tsx";
import { formatNumber } from "../../i18n.ts";
import { may } from "../../session.ts";
import { t } from "./storage-key-words.ts";

interface Endpoint {
  endpoint_url: string;
  bucket: string;
  region: string;
}
interface Made {
  key: StorageKey;
  secret_access_key: string;
}

const lifetimes = [30, 90, 365];

/** What a shell needs so that aws, boto3 and rclone find the key and this server. */
function shellLines({ key, secret_access_key }: Made, { endpoint_url, bucket, region }: Endpoint): string {
  return [
    `export AWS_ACCESS_KEY_ID=${key.access_key_id}`,
    `export AWS_SECRET_ACCESS_KEY=${secret_access_key}`,
    `export AWS_ENDPOINT_URL_S3=${endpoint_url}`,
    `export AWS_REGION=${region}`,
    `aws s3 ls s3://${bucket}/`,
  ].join("\n");
}

function MadeKey({ lines, onClose }: { lines: string; onClose: () => void }) {
  const done = (
    <Button kind="primary" onClick={onClose}>
      {t("done")}
    </Button>
  );
  return (
    <Dialog open wide title={t("made_title")} onClose={onClose} actions={done}>
      <p>{t("made_text")}</p>
      <pre class="key-lines" dir="ltr">
        {lines}
      </pre>
      <CopyButton text={lines} label={t("copy_all")} />
    </Dialog>
  );
}

interface Wish {
  name: string;
  access: StorageKey["access"];
  /** 0: it never runs out. */
  days: number;
}

function WishFields(props: { wish: Wish; onChange: (wish: Wish) => void; nameMissing: boolean }) {
  const { wish, onChange } = props;
  return (
    <>
      <Field label={t("name")} hint={t("name_hint")} error={props.nameMissing ? t("name_missing") : null}>
        {(attributes) => (
          <input
            class="input"
            maxLength={80}
            {...attributes}
            value={wish.name}
            onInput={(event) => onChange({ ...wish, name: event.currentTarget.value })}
          />
        )}
      </Field>
      {may("admin.config") && (
        <Choice
          legend={t("access")}
          name="key-access"
          value={wish.access}
          options={(["read", "readwrite"] as const).map((value) => ({
            value,
            title: t(value),
            text: t(`${value}_text`),
          }))}
          onChange={(access) => onChange({ ...wish, access })}
        />
      )}
      <Field label={t("expires")}>
        {(attributes) => (
          <select
            class="input"
            {...attributes}
            value={wish.days}
            onChange={(event) => onChange({ ...wish, days: Number(event.currentTarget.value) })}
          >
            {lifetimes.map((lifetime) => (
              <option key={lifetime} value={lifetime}>
                {t("expires_days", { n: formatNumber(lifetime) })}
              </option>
            ))}
            <option value={0}>{t("expires_never")}</option>
          </select>
        )}
      </Field>
    </>
  );
}

/** Makes an access key, then shows its secret once. */
export function NewStorageKey(props: { endpoint: Endpoint; onClose: () => void; onMade: () => void }) {
  const [wish, setWish] = useState<Wish>({ name: "", access: "read", days: 90 });
  const [busy, setBusy] = useState(false);
  const [nameMissing, setNameMissing] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const [made, setMade] = useState<Made | null>(null);
  const make = async (): Promise<void> => {
    const name = wish.name.trim();
    setNameMissing(name === "");
    if (name === "") return;
    setBusy(true);
    setError(null);
    try {
      const body = { name, access: wish.access, ...(wish.days > 0 && { expires_in_days: wish.days }) };
      setMade(await call("POST /api/cloud/storage-keys", { body }));
      props.onMade();
    } catch (thrown) {
      setError(asError(thrown));
    }
    setBusy(false);
  };
  if (made) return <MadeKey lines={shellLines(made, props.endpoint)} onClose={props.onClose} />;
  const actions = (
    <>
      <Button onClick={props.onClose}>{t("cancel")}</Button>
      <Button kind="primary" busy={busy} onClick={() => void make()}>
        {t("make")}
      </Button>
    </>
  );
  return (
    <Dialog open title={t("create")} onClose={props.onClose} actions={actions}>
      <div class="stack">
        <WishFields wish={wish} onChange={setWish} nameMissing={nameMissing} />
        {error && <ErrorBox error={error} />}
      </div>
    </Dialog>
  );
}
