import { useState } from "preact/hooks";
import type { Registration } from "@simpletuner-cloud/contract/auth.ts";
import { asError, call, useLoad } from "../../api.ts";
import { ErrorBox } from "../../components/error-box.tsx";
import { toast } from "../../components/toast.tsx";
import { LevelSelect } from "./level-select.tsx";
import { t } from "./words.ts";

/** Whether people may make their own accounts, and what they are then. */
export function RegistrationPanel() {
  const { data, error, reload } = useLoad((signal) => call("GET /api/auth/registration", { signal }), []);
  const [chosen, setChosen] = useState<Registration | null>(null);
  const [failure, setFailure] = useState<Error | null>(null);
  const now = chosen ?? data;
  const save = async (body: Registration): Promise<void> => {
    setChosen(body);
    setFailure(null);
    try {
      await call("PUT /api/auth/registration", { body });
      toast({ kind: "success", text: t("register_saved") });
    } catch (thrown) {
      setFailure(asError(thrown));
      setChosen(null);
      reload();
    }
  };
  return (
    <section class="panel" aria-labelledby="people-registration">
      <header class="panel-head">
        <h2 id="people-registration">{t("register_title")}</h2>
      </header>
      <div class="panel-body stack">
        {error && <ErrorBox error={error} onRetry={reload} />}
        {failure && <ErrorBox error={failure} />}
        {now && (
          <>
            <label class="check">
              <input
                type="checkbox"
                checked={now.enabled}
                onChange={(event) => void save({ ...now, enabled: event.currentTarget.checked })}
              />
              <span>{t("register_open")}</span>
            </label>
            {now.enabled && (
              <LevelSelect
                label={t("register_text")}
                value={now.default_level}
                onChange={(default_level) => void save({ ...now, default_level })}
              />
            )}
          </>
        )}
      </div>
    </section>
  );
}
