import { useState } from "preact/hooks";
import { asError, call } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { CopyButton } from "../../components/copy-button.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Field } from "../../components/field.tsx";
import { toast } from "../../components/toast.tsx";
import { t } from "./words.ts";

const environmentLine = 'export REPLICATE_API_TOKEN="r8_…"';

/** A field for the token, which is stored and tried at once. */
export function TokenForm({ onConnected }: { onConnected: () => void }) {
  const [token, setToken] = useState("");
  const [shown, setShown] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const connect = async (): Promise<void> => {
    setBusy(true);
    setProblem(null);
    setError(null);
    try {
      const answer = await call("PUT /api/cloud/providers/replicate/token", { body: { api_token: token } });
      if (answer.valid === false) setProblem(answer.error);
      else {
        const text =
          answer.user_info === null
            ? t("saved_unchecked", { reason: answer.error ?? "" })
            : t("connected", { name: answer.user_info.username });
        toast({ kind: "success", text });
        setToken("");
        onConnected();
      }
    } catch (thrown) {
      setError(asError(thrown));
    }
    setBusy(false);
  };
  return (
    <form
      class="stack"
      onSubmit={(event) => {
        event.preventDefault();
        void connect();
      }}
    >
      <Field label={t("token")} error={problem} required>
        {(attributes) => (
          <div class="row">
            <input
              class="input token-input"
              {...(shown ? ({ type: "text" } as const) : ({ type: "password" } as const))}
              autoComplete="off"
              spellcheck={false}
              dir="ltr"
              placeholder="r8_…"
              required
              {...attributes}
              value={token}
              onInput={(event) => setToken(event.currentTarget.value)}
            />
            <Button aria-pressed={shown} onClick={() => setShown(!shown)}>
              {t(shown ? "hide_token" : "show_token")}
            </Button>
          </div>
        )}
      </Field>
      {error && <ErrorBox error={error} />}
      <div>
        <Button kind="primary" type="submit" busy={busy} disabled={token.trim() === ""}>
          {t("connect")}
        </Button>
      </div>
    </form>
  );
}

/** The way to a first job at Replicate, in three steps. */
export function ConnectReplicate({ onConnected }: { onConnected: () => void }) {
  return (
    <section class="panel" aria-labelledby="connect">
      <header class="panel-head">
        <h2 id="connect">{t("setup_title")}</h2>
      </header>
      <div class="panel-body stack">
        <p class="muted">{t("setup_text")}</p>
        <ol class="setup-steps">
          <li>
            <h3>{t("step_1")}</h3>
            <p>{t("step_1_text")}</p>
            <p>
              <a href="https://replicate.com/account/api-tokens" target="_blank" rel="noreferrer">
                {t("step_1_link")}
              </a>
            </p>
          </li>
          <li>
            <h3>{t("step_2")}</h3>
            <p>{t("step_2_text")}</p>
            <TokenForm onConnected={onConnected} />
            <p class="small muted">{t("or_env")}</p>
            <p class="row">
              <code dir="ltr">{environmentLine}</code>
              <CopyButton text={environmentLine} />
            </p>
          </li>
          <li>
            <h3>{t("step_3")}</h3>
            <p>{t("step_3_text")}</p>
          </li>
        </ol>
      </div>
    </section>
  );
}
