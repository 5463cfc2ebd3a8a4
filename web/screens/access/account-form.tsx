import { useState } from "preact/hooks";
import { asError } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Field } from "../../components/field.tsx";
import { newPasswordError, NewPasswordField } from "../../components/new-password.tsx";
import { t } from "./words.ts";

/** What makes an account. */
export interface AccountWish {
  username: string;
  email: string;
  display_name: string | null;
  password: string;
}

const emptyWish: AccountWish = { username: "", email: "", display_name: null, password: "" };

/** The server's own rules, told while it is typed. */
export function usernameError(username: string): string | null {
  return /^[A-Za-z0-9_-]{3,50}$/.test(username) ? null : t("username_wrong");
}

/** See {@link usernameError}. */
export function emailError(email: string): string | null {
  return /^[^@\s]+@[^@\s]+$/.test(email.trim()) ? null : t("email_wrong");
}

function Names(props: { wish: AccountWish; told: boolean; onChange: (wish: AccountWish) => void }) {
  const { wish, told, onChange } = props;
  return (
    <>
      <Field
        label={t("username")}
        hint={t("username_hint")}
        error={told || wish.username.length > 2 ? usernameError(wish.username) : null}
      >
        {(attributes) => (
          <input
            class="input"
            autocomplete="username"
            autocapitalize="none"
            spellcheck={false}
            maxLength={50}
            autofocus
            {...attributes}
            value={wish.username}
            onInput={(event) => onChange({ ...wish, username: event.currentTarget.value })}
          />
        )}
      </Field>
      <Field label={t("email")} hint={t("email_hint")} error={told ? emailError(wish.email) : null}>
        {(attributes) => (
          <input
            class="input"
            type="email"
            autocomplete="email"
            maxLength={254}
            {...attributes}
            value={wish.email}
            onInput={(event) => onChange({ ...wish, email: event.currentTarget.value })}
          />
        )}
      </Field>
      <Field label={`${t("display_name")} (${t("optional")})`}>
        {(attributes) => (
          <input
            class="input"
            autocomplete="name"
            maxLength={100}
            {...attributes}
            value={wish.display_name ?? ""}
            onInput={(event) => onChange({ ...wish, display_name: event.currentTarget.value || null })}
          />
        )}
      </Field>
    </>
  );
}

/** The form of a new account; what is wrong is told beside the field, and by the server below all of them. */
export function AccountForm(props: {
  act: string;
  extra?: preact.ComponentChildren;
  onSend: (wish: AccountWish) => Promise<void>;
}) {
  const [wish, setWish] = useState(emptyWish);
  const [told, setTold] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const send = async (): Promise<void> => {
    setTold(true);
    const problem =
      usernameError(wish.username) ?? emailError(wish.email) ?? newPasswordError(wish.password, wish);
    if (problem !== null || busy) return;
    setBusy(true);
    setError(null);
    try {
      await props.onSend(wish);
    } catch (thrown) {
      setError(asError(thrown));
      setBusy(false);
    }
  };
  return (
    <form
      class="sign-in-form"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <Names wish={wish} told={told} onChange={setWish} />
      <NewPasswordField
        label={t("password")}
        value={wish.password}
        owner={wish}
        insist={told}
        onInput={(password) => setWish({ ...wish, password })}
      />
      {props.extra}
      {error && <ErrorBox error={error} title={t("failed")} />}
      <Button kind="primary" type="submit" busy={busy}>
        {props.act}
      </Button>
    </form>
  );
}
