import { useState } from "preact/hooks";
import type { User } from "@simpletuner-cloud/contract/users.ts";
import { asError, call } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { Dialog } from "../../components/dialog.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Field } from "../../components/field.tsx";
import { toast } from "../../components/toast.tsx";
import { navigate } from "../../router.ts";
import { t } from "./words.ts";

/** Deletes a user once its name was typed. */
export function DeleteUser({ user, onClose }: { user: User; onClose: () => void }) {
  const name = user.username;
  const [typed, setTyped] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const remove = async (): Promise<void> => {
    setBusy(true);
    setError(null);
    try {
      await call("DELETE /api/users/{user_id}", { params: { user_id: user.id } });
      toast({ kind: "success", text: t("deleted", { name }) });
      navigate("/admin/users");
    } catch (thrown) {
      setError(asError(thrown));
      setBusy(false);
    }
  };
  return (
    <Dialog
      open
      title={t("delete_title", { name })}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>{t("keep")}</Button>
          <Button kind="danger" busy={busy} disabled={typed.trim() !== name} onClick={() => void remove()}>
            {t("delete")}
          </Button>
        </>
      }
    >
      <p>{t("delete_text")}</p>
      <Field label={t("delete_type", { name })}>
        {(attributes) => (
          <input
            class="input"
            autocomplete="off"
            autocapitalize="none"
            spellcheck={false}
            {...attributes}
            value={typed}
            onInput={(event) => setTyped(event.currentTarget.value)}
          />
        )}
      </Field>
      {error && <ErrorBox error={error} />}
    </Dialog>
  );
}
