import { useState } from "preact/hooks";
import type { User } from "@simpletuner-cloud/contract/users.ts";
import { asError, call, useLoad } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Field } from "../../components/field.tsx";
import { Icon } from "../../components/icon.tsx";
import { Link } from "../../components/link.tsx";
import { Page } from "../../components/page.tsx";
import { Skeleton } from "../../components/skeleton.tsx";
import { toast } from "../../components/toast.tsx";
import { emailError, usernameError } from "../access/account-form.tsx";
import { UserAccess } from "./user-access.tsx";
import { UserRights } from "./user-rights.tsx";
import { UserState } from "./user-state.tsx";
import { t } from "./words.ts";

await import("../../styles/people.css");

function Profile({ user, onSaved }: { user: User; onSaved: () => void }) {
  const [wish, setWish] = useState({
    username: user.username,
    email: user.email,
    display_name: user.display_name ?? "",
  });
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const save = async (): Promise<void> => {
    if (busy || usernameError(wish.username) !== null || emailError(wish.email) !== null) return;
    setBusy(true);
    setError(null);
    try {
      await call("PATCH /api/users/{user_id}", {
        params: { user_id: user.id },
        body: { ...wish, display_name: wish.display_name || null },
      });
      toast({ kind: "success", text: t("saved") });
      onSaved();
    } catch (thrown) {
      setError(asError(thrown));
    }
    setBusy(false);
  };
  const field = (name: keyof typeof wish, label: string, problem: string | null) => (
    <Field label={label} error={problem}>
      {(attributes) => (
        <input
          class="input"
          autocomplete="off"
          maxLength={name === "email" ? 254 : name === "username" ? 50 : 100}
          {...attributes}
          value={wish[name]}
          onInput={(event) => setWish({ ...wish, [name]: event.currentTarget.value })}
        />
      )}
    </Field>
  );
  return (
    <section class="panel" aria-labelledby="user-profile">
      <header class="panel-head">
        <h2 id="user-profile">{t("profile")}</h2>
        <UserState user={user} />
      </header>
      <form
        class="panel-body stack"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <div class="limit-fields">
          {field("username", t("col_name"), usernameError(wish.username))}
          {field("email", t("col_email"), emailError(wish.email))}
          {field("display_name", t("display_name"), null)}
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

/** One user: profile, what it may do and why, how it signs in. */
export function UserScreen({ userId }: { userId: string }) {
  const params = { user_id: userId };
  const { data, error, reload } = useLoad(
    (signal) => call("GET /api/users/{user_id}", { params, signal }),
    [userId],
  );
  const name = data ? (data.display_name ?? data.username) : t("title");
  return (
    <Page
      title={name}
      class="page-narrow"
      above={
        <Link href="/admin/users" class="crumb">
          <Icon name="arrowLeft" />
          {t("all")}
        </Link>
      }
    >
      {error && <ErrorBox error={error} onRetry={reload} />}
      {!data && !error && <Skeleton lines={8} />}
      {data && (
        <>
          <Profile user={data} onSaved={reload} />
          <UserRights user={data} onChanged={reload} />
          <UserAccess user={data} onChanged={reload} />
        </>
      )}
    </Page>
  );
}
