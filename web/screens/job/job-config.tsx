import { useState } from "preact/hooks";
import type { ConfigDifference, ConfigSnapshot } from "@simpletuner-cloud/contract/config-versions.ts";
import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import { ApiError, asError, call, useLoad } from "../../api.ts";
import { Button, ButtonLink } from "../../components/button.tsx";
import { Dialog } from "../../components/dialog.tsx";
import { ErrorBox, Notice } from "../../components/error-box.tsx";
import { Field } from "../../components/field.tsx";
import { JsonView } from "../../components/json-view.tsx";
import { Skeleton } from "../../components/skeleton.tsx";
import { toast } from "../../components/toast.tsx";
import { formatAge } from "../../i18n.ts";
import { route, setQuery } from "../../router.ts";
import { may } from "../../session.ts";
import { t } from "./config-words.ts";

/** How many earlier jobs can be chosen from. */
const offered = 50;

/** The commit that holds the configurations as they were, or why there is none. */
function Version({ job }: { job: Job }) {
  const snapshot = job.metadata["snapshot"] as ConfigSnapshot | undefined;
  if (!snapshot) return null;
  if (snapshot.error !== undefined)
    return <Notice kind="warning">{t("version_failed", { reason: snapshot.error })}</Notice>;
  const { abbrev, branch, name, was_dirty } = snapshot;
  if (abbrev === null) return null;
  return (
    <p class="small muted">
      {t(was_dirty ? "version_made" : "version_was", { commit: abbrev, branch: branch ?? "–", name })}
    </p>
  );
}

function valueOf(difference: ConfigDifference, side: "before" | "after") {
  if (!(side in difference)) return <em class="muted">{t("absent")}</em>;
  const value = difference[side];
  return <code>{typeof value === "string" ? value : JSON.stringify(value)}</code>;
}

function Differences({ job, other }: { job: Job; other: string }) {
  const { data, error, reload } = useLoad(
    (signal) =>
      call("GET /api/cloud/jobs/{job_id}/config/diff", {
        params: { job_id: job.job_id },
        query: { with: other },
        signal,
      }),
    [job.job_id, other],
  );
  if (error) return <ErrorBox error={error} onRetry={reload} />;
  if (!data) return <Skeleton lines={3} />;
  if (data.differences.length === 0) return <p>{t("same")}</p>;
  return (
    <div class="table-wrap">
      <table class="table difference-table">
        <thead>
          <tr>
            <th scope="col">{t("option")}</th>
            <th scope="col">{t("other")}</th>
            <th scope="col">{t("this")}</th>
          </tr>
        </thead>
        <tbody>
          {data.differences.map((each) => (
            <tr key={each.path}>
              <th scope="row">
                <code>{each.path.replace(/^\/(config|dataloader)\/?/, "") || each.path}</code>
              </th>
              <td>{valueOf(each, "before")}</td>
              <td>{valueOf(each, "after")}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** What another job set differently; which one stands in the address. */
function Compare({ job }: { job: Job }) {
  const other = route.value.query.get("with");
  const { data } = useLoad(
    (signal) => call("GET /api/cloud/jobs", { query: { limit: offered }, signal }),
    [],
  );
  const jobs = data?.jobs.filter((each) => each.job_id !== job.job_id) ?? [];
  if (data && jobs.length === 0 && other === null) return null;
  return (
    <section class="panel" aria-labelledby="compare-configs">
      <header class="panel-head">
        <h2 id="compare-configs">{t("compare")}</h2>
      </header>
      <div class="panel-body stack">
        <Field label={t("compare_with")}>
          {(attributes) => (
            <select
              class="input"
              {...attributes}
              value={other ?? ""}
              onChange={(event) => setQuery({ with: event.currentTarget.value || null })}
            >
              <option value="">{t("choose")}</option>
              {other !== null && !jobs.some((each) => each.job_id === other) && (
                <option value={other}>{other}</option>
              )}
              {jobs.map((each) => (
                <option key={each.job_id} value={each.job_id}>
                  {each.name} · {formatAge(each.created_at)}
                  {each.job_id === job.retry_of ? ` · ${t("parent")}` : ""}
                </option>
              ))}
            </select>
          )}
        </Field>
        {other !== null && <Differences job={job} other={other} />}
      </div>
    </section>
  );
}

function SaveAs({ job, onClose }: { job: Job; onClose: () => void }) {
  const [name, setName] = useState(job.config_name ?? "");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const [taken, setTaken] = useState(false);
  const save = async (): Promise<void> => {
    setBusy(true);
    setError(null);
    try {
      const current = taken ? await call("GET /api/configs/{name}", { params: { name } }) : null;
      const body = { name, ...(current && { if_version: current.version }) };
      await call("POST /api/cloud/jobs/{job_id}/config/save", { params: { job_id: job.job_id }, body });
      toast({ kind: "success", text: t("saved", { name }) });
      onClose();
    } catch (thrown) {
      const exists = thrown instanceof ApiError && thrown.code === "config_exists_changed";
      setTaken(exists);
      setError(exists ? null : asError(thrown));
      setBusy(false);
    }
  };
  return (
    <Dialog
      open
      title={t("save_title")}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>{t("leave")}</Button>
          <Button
            kind={taken ? "danger" : "primary"}
            busy={busy}
            disabled={name === ""}
            onClick={() => void save()}
          >
            {t(taken ? "replace" : "save")}
          </Button>
        </>
      }
    >
      <Field label={t("name")} hint={t("name_hint")} error={taken ? t("taken", { name }) : null}>
        {(attributes) => (
          <input
            class="input"
            maxLength={100}
            spellcheck={false}
            {...attributes}
            value={name}
            onInput={(event) => {
              setName(event.currentTarget.value);
              setTaken(false);
            }}
          />
        )}
      </Field>
      {error && <ErrorBox error={error} />}
    </Dialog>
  );
}

/** The job's inputs as they were frozen, what another job set differently, and the way back into a configuration. */
export function JobConfigTab({ job }: { job: Job }) {
  const [saving, setSaving] = useState(false);
  const { data, error, reload } = useLoad(
    (signal) => call("GET /api/cloud/jobs/{job_id}/config", { params: { job_id: job.job_id }, signal }),
    [job.job_id],
  );
  if (error) return <ErrorBox error={error} title={t("config_failed")} onRetry={reload} />;
  if (!data) return <Skeleton lines={8} />;
  return (
    <div class="stack">
      <p class="muted">{t("config_frozen")}</p>
      <Version job={job} />
      <JsonView
        title={t("config_title")}
        value={data.config}
        fileName={`${job.name}-config.json`}
        extra={
          <>
            {may("config.create") && (
              <Button size="small" onClick={() => setSaving(true)}>
                {t("save_as")}
              </Button>
            )}
            <ButtonLink size="small" icon="plus" href={`/jobs/new?clone=${encodeURIComponent(job.job_id)}`}>
              {t("use_as_new")}
            </ButtonLink>
          </>
        }
      />
      <JsonView
        title={t("dataloader_title")}
        value={data.dataloader_config}
        fileName={`${job.name}-multidatabackend.json`}
      />
      <Compare job={job} />
      {saving && <SaveAs job={job} onClose={() => setSaving(false)} />}
    </div>
  );
}
