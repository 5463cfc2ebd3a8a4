import { useMemo, useState } from "preact/hooks";
import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import { ButtonLink } from "../../components/button.tsx";
import { EmptyState } from "../../components/empty-state.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Icon } from "../../components/icon.tsx";
import { Link } from "../../components/link.tsx";
import { Skeleton } from "../../components/skeleton.tsx";
import { formatBytes } from "../../i18n.ts";
import { hrefWith, route, setQuery } from "../../router.ts";
import { may } from "../../session.ts";
import { archiveUrl } from "./artifact-commands.ts";
import { artifactGroups, type ArtifactGroup } from "./artifact-groups.ts";
import { t } from "./artifact-words.ts";
import { type Deletion, DeleteArtifacts } from "./job-artifact-delete.tsx";
import { ArtifactDialog } from "./job-artifact-dialog.tsx";
import { type ArtifactActs, FileGroup } from "./job-artifact-group.tsx";
import { ArtifactPlaces } from "./job-artifact-places.tsx";
import { SampleThumbs } from "./job-artifact-samples.tsx";
import type { JobFiles } from "./job-data.ts";
import { Receiving } from "./job-receiving.tsx";

/** The files of a job: look into them, take them home, delete them. The chosen file stands in the address. */
export function JobArtifacts(props: {
  job: Job;
  files: JobFiles | null;
  error: Error | null;
  onReload: () => void;
}) {
  const { job, files, error } = props;
  if (error && !files) return <ErrorBox error={error} title={t("failed")} onRetry={props.onReload} />;
  if (!files) return <Skeleton lines={4} />;
  return (
    <div class="stack">
      {job.status === "running" && job.upload_progress !== null && <Receiving job={job} />}
      {files.artifacts.length === 0 ? (
        <NoFiles isActive={job.is_active} />
      ) : (
        <Browser job={job} files={files} onReload={props.onReload} />
      )}
    </div>
  );
}

function NoFiles({ isActive }: { isActive: boolean }) {
  if (!isActive) {
    return (
      <EmptyState
        icon="folder"
        title={t("empty_end")}
        text={t("empty_end_text")}
        action={
          <>
            <ButtonLink href={hrefWith({ tab: "logs" })}>{t("open_log")}</ButtonLink>
            <ButtonLink href={hrefWith({ tab: "config" })}>{t("open_config")}</ButtonLink>
          </>
        }
      />
    );
  }
  return (
    <div class="empty">
      <span class="empty-icon">
        <Icon name="folder" />
      </span>
      <h2>{t("empty_wait")}</h2>
      <p>{t("empty_wait_text")}</p>
      <ul class="files-coming">
        <li>
          <Icon name="folder" />
          {t("empty_checkpoints")}
        </li>
        <li>
          <Icon name="image" />
          {t("empty_samples")}
        </li>
        <li>
          <Icon name="cube" />
          {t("empty_model")}
        </li>
      </ul>
    </div>
  );
}

function Browser({ job, files, onReload }: { job: Job; files: JobFiles; onReload: () => void }) {
  const groups = useMemo(() => artifactGroups(files.artifacts), [files.artifacts]);
  const inOrder = useMemo(() => groups.flatMap((group) => group.files), [groups]);
  const [deletion, setDeletion] = useState<Deletion | null>(null);
  const chosen = route.value.query.get("file");
  const acts: ArtifactActs = {
    jobId: job.job_id,
    onDelete: job.is_terminal && may("job.delete.own") ? setDeletion : null,
  };
  return (
    <>
      <div class="files-top">
        <strong class="number">
          {t.n("total", files.artifacts.length, { size: formatBytes(files.totalBytes) })}
        </strong>
        <a class="button button-secondary" href={archiveUrl(job.job_id, null)} download="">
          <Icon name="download" />
          {t("zip_all")}
        </a>
      </div>
      <Groups groups={groups} chosen={chosen} isActive={job.is_active} acts={acts} />
      <ArtifactPlaces job={job} artifacts={files.artifacts} />
      <ArtifactDialog
        files={inOrder}
        chosen={chosen}
        acts={acts}
        onChoose={(key) => setQuery({ file: key }, { replace: chosen !== null })}
      />
      {deletion && (
        <DeleteArtifacts
          jobId={job.job_id}
          deletion={deletion}
          newestStep={groups.find(({ kind }) => kind === "checkpoint")?.step ?? null}
          onClose={() => setDeletion(null)}
          onDeleted={() => {
            if (chosen !== null) setQuery({ file: null }, { replace: true });
            onReload();
          }}
        />
      )}
    </>
  );
}

function Groups(props: {
  groups: readonly ArtifactGroup[];
  chosen: string | null;
  isActive: boolean;
  acts: ArtifactActs;
}) {
  const { groups, chosen, acts } = props;
  const of = (kind: ArtifactGroup["kind"]) => groups.filter((group) => group.kind === kind);
  const holdsChosen = (group: ArtifactGroup) => group.files.some(({ key }) => key === chosen);
  const [model] = of("model");
  const checkpoints = of("checkpoint");
  const [samples] = of("sample");
  const [other] = of("other");
  return (
    <>
      {(model || props.isActive) && (
        <section class="files-section" aria-labelledby="files-model">
          <h2 id="files-model">{t("model")}</h2>
          {model ? (
            <FileGroup group={model} name={t("model")} isOpen acts={acts} bare />
          ) : (
            <p class="muted">{t("model_wait")}</p>
          )}
        </section>
      )}
      {checkpoints.length > 0 && (
        <section class="files-section" aria-labelledby="files-checkpoints">
          <h2 id="files-checkpoints">{t("checkpoints")}</h2>
          <div class="files-list panel">
            {checkpoints.map((group, place) => (
              <FileGroup
                key={group.key}
                group={group}
                name={t("checkpoint", { step: group.step ?? "?" })}
                isNewest={place === 0}
                isOpen={holdsChosen(group) || (place === 0 && !model && !props.isActive)}
                acts={acts}
              />
            ))}
          </div>
        </section>
      )}
      {samples && (
        <section class="files-section" aria-labelledby="files-samples">
          <div class="files-section-head">
            <h2 id="files-samples">{t("samples")}</h2>
            <Link href={hrefWith({ tab: "samples", file: null })}>{t("by_step")}</Link>
          </div>
          <SampleThumbs files={samples.files} />
        </section>
      )}
      {other && (
        <section class="files-section" aria-labelledby="files-other">
          <h2 id="files-other">{t("other")}</h2>
          <FileGroup group={other} name={t("other")} isOpen acts={acts} bare />
        </section>
      )}
    </>
  );
}
