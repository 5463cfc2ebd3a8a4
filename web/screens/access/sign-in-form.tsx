import { useState } from "preact/hooks";
import { asError, call } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Field } from "../../components/field.tsx";
import { PasswordField } from "../../components/password-field.tsx";
import { t } from "./words.ts";

await import("../../styles/access.css");

/** Name, password and one text for whatever is wrong. `name` is filled in where it is known who comes back. */
export function SignInForm({ name, onDone }: { name?: string; onDone: () => Promise<void> | void }) {
  const [username, setUsername] = useState(name ?? "");
  const [password, setPassword] = useState("");
  const [remember, setRemember] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const send = async (): Promise<void> => {
    if (busy || username.trim() === "" || password === "") return;
    setBusy(true);
    setError(null);
    try {
      await call("POST /api/auth/login", { body: { username, password, remember_me: remember } });
      setPassword("");
      await onDone();
    } catch (thrown) {
      setError(asError(thrown));
      setBusy(false);
    }
  };
  return (
    <form
      class="sign-in-form"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <Field label={t("name_or_email")}>
        {(attributes) => (
          <input
            class="input"
            autocomplete="username"
            autocapitalize="none"
            spellcheck={false}
            required
            maxLength={254}
            autofocus={!name}
            {...attributes}
            value={username}
            onInput={(event) => setUsername(event.currentTarget.value)}
          />
        )}
      </Field>
      <PasswordField
        label={t("password")}
        autocomplete="current-password"
        autofocus={Boolean(name)}
        value={password}
        onInput={setPassword}
      />
      <label class="check">
        <input
          type="checkbox"
          checked={remember}
          onChange={(event) => setRemember(event.currentTarget.checked)}
        />
        <span>{t("remember")}</span>
      </label>
      {error && <ErrorBox error={error} title={t("failed")} />}
      <Button kind="primary" type="submit" busy={busy}>
        {t("sign_in")}
      </Button>
    </form>
  );
}
