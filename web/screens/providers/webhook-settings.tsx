import { useState } from "preact/hooks";
import type { ProviderConfigAnswer } from "@simpletuner-cloud/contract/provider-settings.ts";
import type { ReachabilityTest } from "@simpletuner-cloud/contract/webhooks.ts";
import { asError, call } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { ErrorBox, Notice } from "../../components/error-box.tsx";
import { Field } from "../../components/field.tsx";
import { SettingForm, useSaving } from "./setting-form.tsx";
import { t } from "./words.ts";

const params = { provider: "replicate" };

function useTest() {
  const [running, setRunning] = useState<"here" | "there" | null>(null);
  const [result, setResult] = useState<ReachabilityTest | Error | null>(null);
  const test = async (from: "here" | "there"): Promise<void> => {
    setRunning(from);
    setResult(null);
    try {
      setResult(
        from === "here"
          ? await call("POST /api/cloud/providers/{provider}/test-webhook", { params })
          : await call("POST /api/cloud/providers/{provider}/test-webhook-external", { params }),
      );
    } catch (thrown) {
      setResult(asError(thrown));
    }
    setRunning(null);
  };
  return { running, result, test };
}

function Outcome({ result }: { result: ReachabilityTest | Error | null }) {
  if (result === null) return null;
  if (result instanceof Error) return <ErrorBox error={result} />;
  return (
    <div role="status">
      <Notice kind={result.success ? "success" : "warning"}>
        {result.success ? t("test_good", { ms: result.latency_ms ?? 0 }) : result.error}
      </Notice>
    </div>
  );
}

/** This server's public address, who may send to it, and whether it is reached. */
export function WebhookSettings(props: {
  answer: ProviderConfigAnswer;
  onSaved: (saved: ProviderConfigAnswer) => void;
}) {
  const { config, set } = props.answer;
  const own = set.includes("webhook_url");
  const [url, setUrl] = useState(own ? (config.webhook_url ?? "") : "");
  const [ips, setIps] = useState(config.webhook_allowed_ips.join("\n"));
  const [signed, setSigned] = useState(config.webhook_require_signature);
  const saving = useSaving(props.answer, props.onSaved);
  const { running, result, test } = useTest();
  const save = (): void => {
    const list = ips.split(/[\s,]+/).filter((each) => each !== "");
    void saving.save({
      webhook_url: url.trim() || null,
      webhook_allowed_ips: list.length > 0 ? list : null,
      webhook_require_signature: signed,
    });
  };
  const tests = (["here", "there"] as const).map((from) => (
    <Button
      key={from}
      busy={running === from}
      disabled={config.webhook_url === null || (running !== null && running !== from)}
      onClick={() => void test(from)}
    >
      {t(`test_${from}`)}
    </Button>
  ));
  return (
    <SettingForm
      id="webhooks"
      title={t("webhooks")}
      text={t("webhooks_text")}
      saving={saving}
      onSave={save}
      more={tests}
    >
      <Field
        label={t("webhook_url")}
        hint={t("webhook_url_hint", { otherwise: own ? t("none") : (config.webhook_url ?? t("none")) })}
        error={saving.problemOf("webhook_url")}
      >
        {(attributes) => (
          <input
            class="input"
            dir="ltr"
            type="url"
            spellcheck={false}
            placeholder="https://train.example.org"
            {...attributes}
            value={url}
            onInput={(event) => setUrl(event.currentTarget.value)}
          />
        )}
      </Field>
      <Field label={t("allow")} hint={t("allow_hint")} error={saving.problemOf("webhook_allowed_ips")}>
        {(attributes) => (
          <textarea
            class="input"
            dir="ltr"
            rows={3}
            spellcheck={false}
            {...attributes}
            value={ips}
            onInput={(event) => setIps(event.currentTarget.value)}
          />
        )}
      </Field>
      <label class="check">
        <input
          type="checkbox"
          checked={signed}
          onChange={(event) => setSigned(event.currentTarget.checked)}
        />
        <span>
          <strong>{t("signed")}</strong>
          <span class="small muted provider-hint">{t("signed_hint")}</span>
        </span>
      </label>
      <Outcome result={result} />
    </SettingForm>
  );
}
