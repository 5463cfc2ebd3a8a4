import { useState } from "preact/hooks";
import { call, useLoad } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { Field } from "../../components/field.tsx";
import { Link } from "../../components/link.tsx";
import { dismissHint, useHint } from "../../hints.ts";
import { may } from "../../session.ts";
import { useReloadOn } from "../../use-reload-on.ts";
import { t } from "./before-start-words.ts";
import type { JobDraft } from "./draft.ts";

type Versions = Awaited<ReturnType<typeof loadVersions>>;
const loadVersions = (signal: AbortSignal) => call("GET /api/cloud/pre-submit-check", { query: {}, signal });

interface Props {
  draft: JobDraft;
  change: (changes: Partial<JobDraft>) => void;
}

/** Most paths that are listed; the rest is counted. */
const listed = 5;

function Changes({ paths, count }: { paths: readonly string[]; count: number }) {
  const shown = paths.slice(0, listed);
  return (
    <ul class="small version-paths">
      {shown.map((path) => (
        <li key={path}>
          <code dir="ltr">{path}</code>
        </li>
      ))}
      {count > shown.length && <li class="muted">{t.n("more", count - shown.length)}</li>}
    </ul>
  );
}

function NameVersion({ draft, change }: Props) {
  return (
    <details class="version-name">
      <summary>{t("name_version")}</summary>
      <div class="stack">
        <Field label={t("version_name")} hint={t("version_name_hint")}>
          {(attributes) => (
            <input
              class="input"
              maxLength={120}
              {...attributes}
              value={draft.snapshotName ?? ""}
              onInput={(event) => change({ snapshotName: event.currentTarget.value })}
            />
          )}
        </Field>
        <Field label={t("version_message")} hint={t("version_message_hint")}>
          {(attributes) => (
            <input
              class="input"
              maxLength={500}
              {...attributes}
              value={draft.snapshotMessage ?? ""}
              onInput={(event) => change({ snapshotMessage: event.currentTarget.value })}
            />
          )}
        </Field>
      </div>
    </details>
  );
}

function State({ versions, draft, change }: Props & { versions: Versions }) {
  const { is_dirty, dirty_count, dirty_paths, current_abbrev, current_branch } = versions;
  if (!is_dirty) {
    const commit = current_abbrev ?? "–";
    return (
      <>
        {current_branch === null
          ? t("committed_bare", { commit })
          : t("committed", { commit, branch: current_branch })}
      </>
    );
  }
  return (
    <>
      {t.n(versions.snapshot_on_submit ? "will_commit" : "not_committed", dirty_count)}{" "}
      <Link href="/configs/versions">{t("to_versions")}</Link>
      <Changes paths={dirty_paths} count={dirty_count} />
      {versions.snapshot_on_submit && <NameVersion draft={draft} change={change} />}
    </>
  );
}

function NoVersions() {
  const { dismissed } = useHint("git");
  const [hidden, setHidden] = useState(false);
  if (dismissed !== false || hidden || !may("config.edit.all")) return null;
  const hide = (): void => {
    setHidden(true);
    void dismissHint("git").catch(() => undefined);
  };
  return (
    <>
      <dt>{t("versions")}</dt>
      <dd>
        {t("hint_text")}
        <span class="row">
          <Link href="/configs/versions">{t("hint_start")}</Link>
          <Button size="small" kind="quiet" onClick={hide}>
            {t("hint_hide")}
          </Button>
        </span>
      </dd>
    </>
  );
}

/** What becomes of the configurations' versions with this job: which state it runs with, or what is not committed. */
export function VersionFact({ draft, change }: Props) {
  const { data, reload } = useLoad(loadVersions, []);
  useReloadOn(["settings.changed", "job.created"], reload);
  if (!data?.git_available) return null;
  if (!data.repo_present) return <NoVersions />;
  return (
    <>
      <dt>{t("versions")}</dt>
      <dd>
        <State versions={data} draft={draft} change={change} />
      </dd>
    </>
  );
}
