import { useState } from "preact/hooks";
import type { ProviderConfigAnswer } from "@simpletuner-cloud/contract/provider-settings.ts";
import { ConfirmDialog } from "../../components/confirm-dialog.tsx";
import { Notice } from "../../components/error-box.tsx";
import { Field } from "../../components/field.tsx";
import { SettingForm, useSaving } from "./setting-form.tsx";
import { t } from "./words.ts";

/** The risk was confirmed once; it is not asked for again while this page lives. */
let confirmed = false;

interface Typed {
  proxy: string;
  ca: string;
  timeout: string;
}

function TextFields(props: {
  typed: Typed;
  change: (changes: Partial<Typed>) => void;
  problemOf: (field: string) => string | null;
}) {
  const { typed, change, problemOf } = props;
  return (
    <>
      <Field label={t("proxy")} hint={t("proxy_hint")} error={problemOf("proxy_url")}>
        {(attributes) => (
          <input
            class="input"
            dir="ltr"
            spellcheck={false}
            autoComplete="off"
            {...attributes}
            value={typed.proxy}
            onInput={(event) => change({ proxy: event.currentTarget.value })}
          />
        )}
      </Field>
      <div class="limit-fields">
        <Field label={t("ca")} hint={t("ca_hint")} error={problemOf("ssl_ca_bundle")}>
          {(attributes) => (
            <input
              class="input"
              dir="ltr"
              spellcheck={false}
              {...attributes}
              value={typed.ca}
              onInput={(event) => change({ ca: event.currentTarget.value })}
            />
          )}
        </Field>
        <Field label={t("timeout")} error={problemOf("http_timeout")}>
          {(attributes) => (
            <input
              class="input"
              type="number"
              min={1}
              max={3600}
              {...attributes}
              value={typed.timeout}
              onInput={(event) => change({ timeout: event.currentTarget.value })}
            />
          )}
        </Field>
      </div>
    </>
  );
}

/** How this server reaches Replicate: proxy, authorities, time limit, and whether certificates are checked. */
export function NetworkSettings(props: {
  answer: ProviderConfigAnswer;
  onSaved: (saved: ProviderConfigAnswer) => void;
}) {
  const { config, set } = props.answer;
  const ownText = (name: "proxy_url" | "ssl_ca_bundle"): string =>
    set.includes(name) ? (config[name] ?? "") : "";
  const [typed, setTyped] = useState<Typed>({
    proxy: ownText("proxy_url"),
    ca: ownText("ssl_ca_bundle"),
    timeout: String(config.http_timeout),
  });
  const [asking, setAsking] = useState(false);
  const saving = useSaving(props.answer, props.onSaved);
  const save = (): void =>
    void saving.save({
      proxy_url: typed.proxy.trim() || null,
      ssl_ca_bundle: typed.ca.trim() || null,
      http_timeout: typed.timeout === "" ? null : Number(typed.timeout),
    });
  const setVerify = async (verify: boolean): Promise<void> => {
    await saving.save({ ssl_verify: verify, ...(!verify && { ssl_risk_acknowledged: true }) });
  };
  return (
    <SettingForm id="network" title={t("network")} text={t("network_text")} saving={saving} onSave={save}>
      {!config.ssl_verify && <Notice kind="error">{t("verify_off")}</Notice>}
      <TextFields
        typed={typed}
        change={(changes) => setTyped({ ...typed, ...changes })}
        problemOf={saving.problemOf}
      />
      <label class="check">
        <input
          type="checkbox"
          checked={config.ssl_verify}
          onChange={(event) => {
            // The box shows what holds; it changes once that is saved.
            const wanted = event.currentTarget.checked;
            event.currentTarget.checked = config.ssl_verify;
            if (wanted || confirmed) void setVerify(wanted);
            else setAsking(true);
          }}
        />
        <span>
          <strong>{t("verify")}</strong>
          <span class="small muted provider-hint">{t("verify_hint")}</span>
        </span>
      </label>
      {asking && (
        <ConfirmDialog
          title={t("verify_title")}
          act={t("verify_act")}
          keep={t("keep")}
          onClose={() => setAsking(false)}
          onAct={async () => {
            confirmed = true;
            await setVerify(false);
          }}
        >
          <p>{t("verify_confirm")}</p>
        </ConfirmDialog>
      )}
    </SettingForm>
  );
}
