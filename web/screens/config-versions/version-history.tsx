import { useState } from "preact/hooks";
import type { ConfigCommit } from "@simpletuner-cloud/contract/config-versions.ts";
import { call, useLoad } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { ConfirmDialog } from "../../components/confirm-dialog.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Field } from "../../components/field.tsx";
import { Skeleton } from "../../components/skeleton.tsx";
import { Time } from "../../components/time.tsx";
import { toast } from "../../components/toast.tsx";
import { formatInstant } from "../../i18n.ts";
import { setQuery } from "../../router.ts";
import { may } from "../../session.ts";
import { PatchView } from "./patch-view.tsx";
import { t } from "./words.ts";

const pageLength = 20;

function Entry(props: { commit: ConfigCommit; name: string | null; onRestore: () => void }) {
  const { commit } = props;
  const [shown, setShown] = useState(false);
  return (
    <li class="version">
      <div class="version-head">
        <div class="version-what">
          <strong class="version-message">{commit.message}</strong>
          <span class="muted small">
            {commit.author} · <Time at={commit.at} /> · <code>{commit.abbrev}</code>
          </span>
        </div>
        <div class="version-acts">
          <Button size="small" kind="quiet" aria-expanded={shown} onClick={() => setShown(!shown)}>
            {t(shown ? "hide" : "show")}
          </Button>
          {props.name !== null && may("config.edit.all") && (
            <Button size="small" onClick={props.onRestore}>
              {t("restore")}
            </Button>
          )}
        </div>
      </div>
      {shown && <PatchView commit={commit.commit} name={props.name} />}
    </li>
  );
}

function Restore(props: { commit: ConfigCommit; name: string; onClose: () => void; onDone: () => void }) {
  const { commit, name } = props;
  const restore = async (): Promise<void> => {
    await call("POST /api/git/revert", { body: { name, commit: commit.commit } });
    toast({ kind: "success", text: t("restored", { name, commit: commit.abbrev }) });
    props.onDone();
  };
  return (
    <ConfirmDialog
      title={t("restore_title", { name })}
      act={t("restore")}
      keep={t("keep")}
      onAct={restore}
      onClose={props.onClose}
    >
      <p>{t("restore_text", { when: formatInstant(commit.at), commit: commit.abbrev })}</p>
    </ConfirmDialog>
  );
}

function NamePicker({ name }: { name: string | null }) {
  const { data } = useLoad((signal) => call("GET /api/configs", { signal }), []);
  return (
    <Field label={t("of")} class="versions-pick">
      {(attributes) => (
        <select
          class="input"
          {...attributes}
          value={name ?? ""}
          onChange={(event) => setQuery({ name: event.currentTarget.value || null })}
        >
          <option value="">{t("of_all")}</option>
          {[...new Set([...(data?.configs.map((config) => config.name) ?? []), ...(name ? [name] : [])])].map(
            (each) => (
              <option key={each} value={each}>
                {each}
              </option>
            ),
          )}
        </select>
      )}
    </Field>
  );
}

/** Commits of all configurations or one, what each changed, and the way back. */
export function VersionHistory({ name, onChanged }: { name: string | null; onChanged: () => void }) {
  const [limit, setLimit] = useState(pageLength);
  const [restoring, setRestoring] = useState<ConfigCommit | null>(null);
  const query = { limit, ...(name !== null && { name }) };
  const { data, error, reload } = useLoad(
    (signal) => call("GET /api/git/history", { query, signal }),
    [name, limit],
    { keepPrevious: true },
  );
  return (
    <section class="panel" aria-labelledby="versions-history">
      <header class="panel-head">
        <h2 id="versions-history">{t("history")}</h2>
        <NamePicker name={name} />
      </header>
      <div class="panel-body stack">
        {error && <ErrorBox error={error} onRetry={reload} />}
        {!data && !error && <Skeleton lines={6} />}
        {data?.commits.length === 0 && <p class="muted">{t("no_history")}</p>}
        <ul class="version-list">
          {data?.commits.map((commit) => (
            <Entry key={commit.commit} commit={commit} name={name} onRestore={() => setRestoring(commit)} />
          ))}
        </ul>
        {data?.has_more && limit < 200 && (
          <div>
            <Button onClick={() => setLimit(Math.min(200, limit + pageLength))}>{t("more")}</Button>
          </div>
        )}
      </div>
      {restoring && name !== null && (
        <Restore commit={restoring} name={name} onClose={() => setRestoring(null)} onDone={onChanged} />
      )}
    </section>
  );
}
