import { useState } from "preact/hooks";
import { asError, call } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { ErrorBox, Notice } from "../../components/error-box.tsx";
import { newPasswordError, NewPasswordField } from "../../components/new-password.tsx";
import { PublicPage } from "./public-page.tsx";
import { t } from "./words.ts";

const nobody = { username: "", email: "" };

/** Sets the password of somebody who came with an invitation; its token is behind `#`, where no log sees it. */
export function Invite() {
  const [token] = useState(() => location.hash.slice(1));
  const [password, setPassword] = useState("");
  const [told, setTold] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const send = async (): Promise<void> => {
    setTold(true);
    if (busy || newPasswordError(password, nobody) !== null) return;
    setBusy(true);
    setError(null);
    try {
      await call("POST /api/auth/accept-invite", { body: { token, password } });
      location.assign("/");
    } catch (thrown) {
      setError(asError(thrown));
      setBusy(false);
    }
  };
  if (token === "")
    return (
      <PublicPage title={t("invite_title")}>
        <Notice kind="warning">{t("invite_missing")}</Notice>
      </PublicPage>
    );
  return (
    <PublicPage title={t("invite_title")}>
      <p class="muted">{t("invite_text")}</p>
      <form
        class="sign-in-form"
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <NewPasswordField
          label={t("password")}
          value={password}
          owner={nobody}
          insist={told}
          autofocus
          onInput={setPassword}
        />
        {error && <ErrorBox error={error} title={t("failed")} />}
        <Button kind="primary" type="submit" busy={busy}>
          {t("invite_act")}
        </Button>
      </form>
    </PublicPage>
  );
}
