import { useState } from "preact/hooks";
import { asError, call, useLoad } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { ErrorBox, Notice } from "../../components/error-box.tsx";
import { Field } from "../../components/field.tsx";
import { toast } from "../../components/toast.tsx";
import { formatAge } from "../../i18n.ts";
import { t } from "./words.ts";

const offered = [6, 12, 24, 168];

function wordOf(hours: number): string {
  if (hours === 24) return t("daily");
  return hours === 168 ? t("weekly") : t("hours", { n: hours });
}

function Fields(props: { every: number | null; keepDays: number; onSaved: () => void }) {
  const [every, setEvery] = useState(props.every);
  const [keepDays, setKeepDays] = useState(String(props.keepDays));
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const save = async (): Promise<void> => {
    setBusy(true);
    setError(null);
    try {
      await call("PUT /api/backup/schedule", { body: { every_hours: every, keep_days: Number(keepDays) } });
      toast({ kind: "success", text: t("saved") });
      props.onSaved();
    } catch (thrown) {
      setError(asError(thrown));
    }
    setBusy(false);
  };
  const choices = [...new Set([...offered, ...(every === null ? [] : [every])])].sort((a, b) => a - b);
  return (
    <form
      class="stack"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <div class="limit-fields">
        <Field label={t("every")}>
          {(attributes) => (
            <select
              class="input"
              {...attributes}
              value={every === null ? "" : String(every)}
              onChange={(event) =>
                setEvery(event.currentTarget.value === "" ? null : Number(event.currentTarget.value))
              }
            >
              <option value="">{t("never")}</option>
              {choices.map((hours) => (
                <option key={hours} value={hours}>
                  {wordOf(hours)}
                </option>
              ))}
            </select>
          )}
        </Field>
        <Field label={t("keep_days")} hint={t("keep_hint")}>
          {(attributes) => (
            <input
              class="input"
              type="number"
              min={1}
              max={3650}
              required
              {...attributes}
              value={keepDays}
              onInput={(event) => setKeepDays(event.currentTarget.value)}
            />
          )}
        </Field>
      </div>
      {error && <ErrorBox error={error} />}
      <div>
        <Button type="submit" busy={busy}>
          {t("save")}
        </Button>
      </div>
    </form>
  );
}

/** When backups are made by themselves, and how the last one went. */
export function BackupScheduleForm() {
  const { data, error, reload } = useLoad((signal) => call("GET /api/backup/schedule", { signal }), []);
  return (
    <section class="panel" aria-labelledby="backup-schedule">
      <header class="panel-head">
        <h2 id="backup-schedule">{t("schedule")}</h2>
      </header>
      <div class="panel-body stack">
        {error && <ErrorBox error={error} onRetry={reload} />}
        {data && data.last_error !== null && (
          <Notice kind="warning">{t("last_failed", { reason: data.last_error })}</Notice>
        )}
        {data && data.last_at !== null && (
          <p class="small muted">{t("last", { when: formatAge(data.last_at) })}</p>
        )}
        {data && (
          <Fields
            key={`${data.every_hours} ${data.keep_days}`}
            every={data.every_hours}
            keepDays={data.keep_days}
            onSaved={reload}
          />
        )}
      </div>
    </section>
  );
}
