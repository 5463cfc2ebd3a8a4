import { useState } from "preact/hooks";
import type { Level } from "@simpletuner-cloud/contract/levels.ts";
import { callerMay, permissions } from "@simpletuner-cloud/contract/permissions.ts";
import { asError, call } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { Dialog } from "../../components/dialog.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Field } from "../../components/field.tsx";
import { PermissionChecks } from "../../components/permission-checks.tsx";
import { toast } from "../../components/toast.tsx";
import { session } from "../../session.ts";
import { t } from "./words.ts";

interface Wish {
  name: string;
  description: string;
  priority: number;
  permission_names: string[];
}

function nameError(name: string): string | null {
  return /^[A-Za-z0-9_-]{1,50}$/.test(name) ? null : t("level_name_wrong");
}

function WishFields({ wish, told, onChange }: { wish: Wish; told: boolean; onChange: (wish: Wish) => void }) {
  // Nobody gives what they do not hold; what the level has already stays to be seen.
  const offered = [
    ...wish.permission_names.filter((one) => !(permissions as readonly string[]).includes(one)),
    ...permissions.filter(
      (one) => wish.permission_names.includes(one) || callerMay({ grants: session.value?.grants ?? [] }, one),
    ),
  ];
  return (
    <div class="stack">
      <div class="limit-fields">
        <Field label={t("level_name")} error={told ? nameError(wish.name) : null}>
          {(attributes) => (
            <input
              class="input"
              maxLength={50}
              {...attributes}
              value={wish.name}
              onInput={(event) => onChange({ ...wish, name: event.currentTarget.value })}
            />
          )}
        </Field>
        <Field label={t("level_priority")} hint={t("level_priority_hint")}>
          {(attributes) => (
            <input
              class="input"
              type="number"
              min={0}
              max={1000}
              {...attributes}
              value={wish.priority}
              onInput={(event) => onChange({ ...wish, priority: Number(event.currentTarget.value) })}
            />
          )}
        </Field>
      </div>
      <Field label={t("level_description")}>
        {(attributes) => (
          <input
            class="input"
            maxLength={500}
            {...attributes}
            value={wish.description}
            onInput={(event) => onChange({ ...wish, description: event.currentTarget.value })}
          />
        )}
      </Field>
      <PermissionChecks
        legend={t("level_permissions")}
        offered={offered}
        chosen={wish.permission_names}
        onChange={(permission_names) => onChange({ ...wish, permission_names })}
      />
    </div>
  );
}

/** Makes a level, or changes one that is not built in. */
export function LevelEditor(props: { level: Level | null; onClose: () => void; onSaved: () => void }) {
  const { level, onClose, onSaved } = props;
  const [wish, setWish] = useState<Wish>({
    name: level?.name ?? "",
    description: level?.description ?? "",
    priority: level?.priority ?? 20,
    permission_names: [...(level?.permissions ?? [])],
  });
  const [told, setTold] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const save = async (): Promise<void> => {
    setTold(true);
    if (busy || nameError(wish.name) !== null) return;
    setBusy(true);
    setError(null);
    try {
      if (level)
        await call("PUT /api/users/levels/{level_id}", { params: { level_id: level.id }, body: wish });
      else await call("POST /api/users/levels", { body: wish });
      toast({ kind: "success", text: t("level_saved") });
      onSaved();
      onClose();
    } catch (thrown) {
      setError(asError(thrown));
      setBusy(false);
    }
  };
  return (
    <Dialog
      open
      wide
      title={level ? level.name : t("new_level")}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>{t("cancel")}</Button>
          <Button kind="primary" busy={busy} onClick={() => void save()}>
            {t("save")}
          </Button>
        </>
      }
    >
      <WishFields wish={wish} told={told} onChange={setWish} />
      {error && <ErrorBox error={error} />}
    </Dialog>
  );
}
