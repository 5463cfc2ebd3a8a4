import { useState } from "preact/hooks";
import type { StorageSettings } from "@simpletuner-cloud/contract/storage-settings.ts";
import { asError, call, useLoad } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Field } from "../../components/field.tsx";
import { toast } from "../../components/toast.tsx";
import { may } from "../../session.ts";
import { useReloadOn } from "../../use-reload-on.ts";
import { t } from "./storage-limit-words.ts";

const gib = 2 ** 30;

/** The fields as they are typed; empty is no limit. */
interface Typed {
  checkpoints: string;
  job: string;
  user: string;
}

const fields = ["checkpoints", "job", "user"] as const;

function typedOf(settings: StorageSettings): Typed {
  const gibOf = (bytes: number | null): string =>
    bytes === null ? "" : String(Number((bytes / gib).toFixed(3)));
  return {
    checkpoints: settings.keep_checkpoints === null ? "" : String(settings.keep_checkpoints),
    job: gibOf(settings.quota_job_bytes),
    user: gibOf(settings.quota_user_bytes),
  };
}

/** A whole number of checkpoints, or gibibytes as bytes; undefined when the text is neither empty nor such a number. */
function parsed(field: keyof Typed, text: string): number | null | undefined {
  if (text.trim() === "") return null;
  const value = Number(text.replace(",", "."));
  if (field !== "checkpoints") return value > 0 ? Math.round(value * gib) : undefined;
  return Number.isInteger(value) && value >= 1 && value <= 10_000 ? value : undefined;
}

function LimitFields(props: { settings: StorageSettings; onSaved: () => void }) {
  const [typed, setTyped] = useState(typedOf(props.settings));
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const editable = may("admin.config");
  const save = async (): Promise<void> => {
    const [checkpoints, job, user] = fields.map((field) => parsed(field, typed[field]));
    if (checkpoints === undefined || job === undefined || user === undefined) return;
    setBusy(true);
    setError(null);
    try {
      const body = { keep_checkpoints: checkpoints, quota_job_bytes: job, quota_user_bytes: user };
      await call("PUT /api/cloud/storage-settings", { body });
      toast({ kind: "success", text: t("saved") });
      props.onSaved();
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
        void save();
      }}
    >
      <div class="limit-fields">
        {fields.map((field) => (
          <Field
            key={field}
            label={t(field)}
            hint={t(`${field}_hint`)}
            error={parsed(field, typed[field]) === undefined ? t(`${field}_error`) : null}
          >
            {(attributes) => (
              <input
                class="input"
                inputMode="decimal"
                placeholder={t("unlimited")}
                disabled={!editable}
                {...attributes}
                value={typed[field]}
                onInput={(event) => setTyped({ ...typed, [field]: event.currentTarget.value })}
              />
            )}
          </Field>
        ))}
      </div>
      {error && <ErrorBox error={error} />}
      {editable ? (
        <div>
          <Button type="submit" busy={busy}>
            {t("save")}
          </Button>
        </div>
      ) : (
        <p class="small muted">{t("admin")}</p>
      )}
    </form>
  );
}

/** What is kept of the jobs' outputs, and how much. */
export function StorageLimits() {
  const { data, error, reload } = useLoad(
    (signal) => call("GET /api/cloud/storage-settings", { signal }),
    [],
  );
  useReloadOn(["settings.changed"], reload);
  return (
    <section class="panel" aria-labelledby="settings-storage">
      <header class="panel-head">
        <h2 id="settings-storage">{t("title")}</h2>
      </header>
      <div class="panel-body stack">
        {error && <ErrorBox error={error} onRetry={reload} />}
        {data && <LimitFields key={JSON.stringify(data)} settings={data} onSaved={reload} />}
      </div>
    </section>
  );
}
