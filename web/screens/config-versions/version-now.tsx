import { useState } from "preact/hooks";
import type { ConfigRepository } from "@simpletuner-cloud/contract/config-versions.ts";
import { asError, call } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Field } from "../../components/field.tsx";
import { toast } from "../../components/toast.tsx";
import { may } from "../../session.ts";
import { PatchView } from "./patch-view.tsx";
import { t } from "./words.ts";

/** The branch, what is not committed, and committing it. */
export function VersionNow(props: { repository: ConfigRepository; onChanged: () => void }) {
  const { branch, dirty_count, dirty_paths } = props.repository;
  const [message, setMessage] = useState("");
  const [busy, setBusy] = useState(false);
  const [shown, setShown] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const commit = async (): Promise<void> => {
    setBusy(true);
    setError(null);
    try {
      const body = message.trim() === "" ? {} : { message: message.trim() };
      const taken = await call("POST /api/git/snapshot", { body });
      const text = taken.committed
        ? t("committed", { commit: taken.commit?.slice(0, 8) ?? "" })
        : t("nothing");
      toast({ kind: "success", text });
      setMessage("");
      setShown(false);
      props.onChanged();
    } catch (thrown) {
      setError(asError(thrown));
    }
    setBusy(false);
  };
  return (
    <section class="panel" aria-labelledby="versions-now">
      <header class="panel-head">
        <h2 id="versions-now">{t("now")}</h2>
        <span class="chip">
          {t("branch")}: {branch ?? t("no_branch")}
        </span>
      </header>
      <div class="panel-body stack">
        <p>{dirty_count === 0 ? t("clean") : t.n("dirty", dirty_count)}</p>
        {dirty_count > 0 && (
          <ul class="versions-paths small">
            {dirty_paths.slice(0, 20).map((path) => (
              <li key={path}>
                <code>{path}</code>
              </li>
            ))}
          </ul>
        )}
        {dirty_count > 0 && may("config.edit.all") && (
          <form
            class="versions-commit"
            onSubmit={(event) => {
              event.preventDefault();
              void commit();
            }}
          >
            <Field label={t("message")} hint={t("message_hint")}>
              {(attributes) => (
                <input
                  class="input"
                  maxLength={500}
                  {...attributes}
                  value={message}
                  onInput={(event) => setMessage(event.currentTarget.value)}
                />
              )}
            </Field>
            <p class="row">
              <Button type="submit" kind="primary" icon="check" busy={busy}>
                {t("commit")}
              </Button>
              <Button aria-expanded={shown} onClick={() => setShown(!shown)}>
                {t(shown ? "hide" : "show")}
              </Button>
            </p>
          </form>
        )}
        {error && <ErrorBox error={error} />}
        {shown && <PatchView commit={null} name={null} />}
      </div>
    </section>
  );
}
