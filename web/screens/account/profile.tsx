import { useState } from "preact/hooks";
import type { User } from "@simpletuner-cloud/contract/users.ts";
import { asError, call } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Field } from "../../components/field.tsx";
import { newPasswordError, NewPasswordField } from "../../components/new-password.tsx";
import { PasswordField } from "../../components/password-field.tsx";
import { toast } from "../../components/toast.tsx";
import { loadSession } from "../../session.ts";
import { emailError } from "../access/account-form.tsx";
import { t } from "./words.ts";

/** Name on screen and address. */
export function Profile({ user, onSaved }: { user: User; onSaved: () => void }) {
  const [displayName, setDisplayName] = useState(user.display_name ?? "");
  const [email, setEmail] = useState(user.email);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const save = async (): Promise<void> => {
    if (busy || emailError(email) !== null) return;
    setBusy(true);
    setError(null);
    try {
      await call("PATCH /api/users/me/profile", { body: { display_name: displayName || null, email } });
      toast({ kind: "success", text: t("saved") });
      await loadSession();
      onSaved();
    } catch (thrown) {
      setError(asError(thrown));
    }
    setBusy(false);
  };
  const levels = user.levels.map(({ name }) => name).join(", ");
  return (
    <section class="panel" aria-labelledby="account-profile">
      <header class="panel-head">
        <h2 id="account-profile">{t("profile")}</h2>
      </header>
      <form
        class="panel-body stack"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <dl class="facts">
          <dt>{t("name")}</dt>
          <dd>{user.username}</dd>
          <dt>{t("levels")}</dt>
          <dd>{levels || t("no_levels")}</dd>
        </dl>
        <div class="limit-fields">
          <Field label={t("display_name")}>
            {(attributes) => (
              <input
                class="input"
                autocomplete="name"
                maxLength={100}
                {...attributes}
                value={displayName}
                onInput={(event) => setDisplayName(event.currentTarget.value)}
              />
            )}
          </Field>
          <Field label={t("email")} error={emailError(email)}>
            {(attributes) => (
              <input
                class="input"
                type="email"
                autocomplete="email"
                maxLength={254}
                {...attributes}
                value={email}
                onInput={(event) => setEmail(event.currentTarget.value)}
              />
            )}
          </Field>
        </div>
        {error && <ErrorBox error={error} />}
        <div class="row">
          <Button type="submit" busy={busy}>
            {t("save")}
          </Button>
        </div>
      </form>
    </section>
  );
}

/** A new password, for who knows the present one. */
export function ChangePassword({ user }: { user: User }) {
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const [told, setTold] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const change = async (): Promise<void> => {
    setTold(true);
    if (busy || current === "" || newPasswordError(next, user) !== null) return;
    setBusy(true);
    setError(null);
    try {
      const body = { current_password: current, new_password: next };
      await call("POST /api/auth/change-password", { body });
      toast({ kind: "success", text: t("changed") });
      setCurrent("");
      setNext("");
      setTold(false);
    } catch (thrown) {
      setError(asError(thrown));
    }
    setBusy(false);
  };
  return (
    <section class="panel" aria-labelledby="account-password">
      <header class="panel-head">
        <h2 id="account-password">{t("password")}</h2>
      </header>
      <form
        class="panel-body stack"
        onSubmit={(event) => {
          event.preventDefault();
          void change();
        }}
      >
        {/* Tells a password manager whose password it is. */}
        <input type="text" autocomplete="username" value={user.username} readOnly hidden />
        <div class="limit-fields">
          <PasswordField
            label={t("current_password")}
            autocomplete="current-password"
            value={current}
            error={told && current === "" ? t("fill_current") : null}
            onInput={setCurrent}
          />
          <NewPasswordField value={next} owner={user} insist={told} onInput={setNext} />
        </div>
        {error && <ErrorBox error={error} />}
        <div class="row">
          <Button type="submit" busy={busy}>
            {t("change")}
          </Button>
        </div>
      </form>
    </section>
  );
}
