import { useState } from "preact/hooks";
import { call, useLoad } from "../../api.ts";
import { ButtonLink } from "../../components/button.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Field } from "../../components/field.tsx";
import { Link } from "../../components/link.tsx";
import { Skeleton } from "../../components/skeleton.tsx";
import { isSignedIn } from "../../session.ts";
import { AccountForm, type AccountWish } from "./account-form.tsx";
import { PublicPage } from "./public-page.tsx";
import { t } from "./words.ts";

function Token({ value, onInput }: { value: string; onInput: (value: string) => void }) {
  return (
    <Field label={t("setup_token")} hint={t("setup_token_hint")}>
      {(attributes) => (
        <input
          class="input"
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
          {...attributes}
          value={value}
          onInput={(event) => onInput(event.currentTarget.value.trim())}
        />
      )}
    </Field>
  );
}

/** Makes the first account of a server that one person has used until now. */
export function Setup() {
  const { data, error, reload } = useLoad((signal) => call("GET /api/auth/setup/status", { signal }), []);
  const [token, setToken] = useState("");
  const make = async (wish: AccountWish): Promise<void> => {
    const body = { ...wish, ...(token !== "" && { setup_token: token }) };
    await call("POST /api/auth/setup/first-admin", { body });
    location.assign("/");
  };
  if (data && !data.needs_setup)
    return (
      <PublicPage title={t("setup_done_title")}>
        <p>{t("setup_done_text")}</p>
        <ButtonLink href="/login" kind="primary">
          {t("sign_in")}
        </ButtonLink>
      </PublicPage>
    );
  return (
    <PublicPage title={t("setup_title")}>
      {error && <ErrorBox error={error} onRetry={reload} />}
      {!data && !error && <Skeleton lines={6} />}
      {data && (
        <>
          <p class="muted">
            {t("setup_text")} {t("setup_yours")}
          </p>
          <AccountForm
            act={t("setup_act")}
            extra={data.setup_token_required && <Token value={token} onInput={setToken} />}
            onSend={make}
          />
          {isSignedIn.value && (
            <p>
              <Link href="/">{t("setup_later")}</Link>
            </p>
          )}
        </>
      )}
    </PublicPage>
  );
}
