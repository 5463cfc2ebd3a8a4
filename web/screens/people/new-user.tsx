import { useState } from "preact/hooks";
import type { Invitation } from "@simpletuner-cloud/contract/users.ts";
import { asError, call } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { Dialog } from "../../components/dialog.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Choice, Field } from "../../components/field.tsx";
import { newPasswordError, NewPasswordField } from "../../components/new-password.tsx";
import { toast } from "../../components/toast.tsx";
import { emailError, usernameError } from "../access/account-form.tsx";
import { InvitationDialog } from "./invitation.tsx";
import { LevelSelect } from "./level-select.tsx";
import { t } from "./words.ts";

interface Wish {
  username: string;
  email: string;
  level: string;
  how: "link" | "password";
  password: string;
}

function problemOf(wish: Wish): string | null {
  const password = wish.how === "password" ? newPasswordError(wish.password, wish) : null;
  return usernameError(wish.username) ?? emailError(wish.email) ?? password;
}

function WishFields({ wish, told, onChange }: { wish: Wish; told: boolean; onChange: (wish: Wish) => void }) {
  return (
    <div class="stack">
      <Field label={t("col_name")} error={told ? usernameError(wish.username) : null}>
        {(attributes) => (
          <input
            class="input"
            autocomplete="off"
            autocapitalize="none"
            spellcheck={false}
            maxLength={50}
            {...attributes}
            value={wish.username}
            onInput={(event) => onChange({ ...wish, username: event.currentTarget.value })}
          />
        )}
      </Field>
      <Field label={t("col_email")} error={told ? emailError(wish.email) : null}>
        {(attributes) => (
          <input
            class="input"
            type="email"
            autocomplete="off"
            maxLength={254}
            {...attributes}
            value={wish.email}
            onInput={(event) => onChange({ ...wish, email: event.currentTarget.value })}
          />
        )}
      </Field>
      <LevelSelect label={t("level")} value={wish.level} onChange={(level) => onChange({ ...wish, level })} />
      <Choice
        legend={t("how")}
        name="how"
        value={wish.how}
        options={(["link", "password"] as const).map((value) => ({
          value,
          title: t(`how_${value}`),
          text: t(`how_${value}_text`),
        }))}
        onChange={(how) => onChange({ ...wish, how })}
      />
      {wish.how === "password" && (
        <NewPasswordField
          label={t("first_password")}
          value={wish.password}
          owner={wish}
          insist={told}
          onInput={(password) => onChange({ ...wish, password })}
        />
      )}
    </div>
  );
}

/** Makes a user, and shows the link where it gets in with one. */
export function NewUser({ onClose, onMade }: { onClose: () => void; onMade: () => void }) {
  const [wish, setWish] = useState<Wish>({
    username: "",
    email: "",
    level: "researcher",
    how: "link",
    password: "",
  });
  const [told, setTold] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const [invitation, setInvitation] = useState<Invitation | null>(null);
  const make = async (): Promise<void> => {
    setTold(true);
    if (busy || problemOf(wish) !== null) return;
    setBusy(true);
    setError(null);
    try {
      const { username, email, level, how, password } = wish;
      const answer = await call("POST /api/users", {
        body: { username, email, level_names: [level], ...(how === "password" && { password }) },
      });
      onMade();
      if (answer.invitation) setInvitation(answer.invitation);
      else {
        toast({ kind: "success", text: t("made", { name: username }) });
        onClose();
      }
    } catch (thrown) {
      setError(asError(thrown));
    }
    setBusy(false);
  };
  if (invitation) return <InvitationDialog name={wish.username} invitation={invitation} onClose={onClose} />;
  return (
    <Dialog
      open
      title={t("new_user")}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>{t("cancel")}</Button>
          <Button kind="primary" busy={busy} onClick={() => void make()}>
            {t("make")}
          </Button>
        </>
      }
    >
      <WishFields wish={wish} told={told} onChange={setWish} />
      {error && <ErrorBox error={error} />}
    </Dialog>
  );
}
