import { useId, useState } from "preact/hooks";
import type { Artifact } from "@simpletuner-cloud/contract/results.ts";
import { Button } from "../../components/button.tsx";
import { Icon, type IconName } from "../../components/icon.tsx";
import { Link } from "../../components/link.tsx";
import { MenuButton, type MenuItem } from "../../components/menu.tsx";
import { Time } from "../../components/time.tsx";
import { formatBytes, formatNumber } from "../../i18n.ts";
import { hrefWith } from "../../router.ts";
import { copyArtifact } from "./artifact-copy.ts";
import { archiveUrl } from "./artifact-commands.ts";
import {
  type ArtifactGroup,
  fileName,
  groupFolder,
  type Preview,
  previewOf,
  savedAt,
} from "./artifact-groups.ts";
import { t } from "./artifact-words.ts";
import type { Deletion } from "./job-artifact-delete.tsx";

/** What can be done with the files of a job. */
export interface ArtifactActs {
  jobId: string;
  /** Asks before it deletes; null where deleting is not possible now or not allowed. */
  onDelete: ((deletion: Deletion) => void) | null;
}

/** Files drawn of a group before it is asked for more. */
const firstFiles = 50;
const nextFiles = 500;

/** A group of files that opens and closes; `bare` leaves out its own line, for a group under its own heading. */
export function FileGroup(props: {
  group: ArtifactGroup;
  name: string;
  isOpen: boolean;
  isNewest?: boolean;
  bare?: boolean;
  acts: ArtifactActs;
}) {
  const { group, name, acts } = props;
  const [open, setOpen] = useState(props.isOpen);
  const listId = useId();
  if (props.bare) {
    return (
      <div class="panel files-list">
        <FileList group={group} acts={acts} />
      </div>
    );
  }
  return (
    <div class={`files-group ${open ? "is-open" : ""}`}>
      <div class="files-head">
        <button
          type="button"
          class="files-fold"
          aria-expanded={open}
          aria-controls={listId}
          onClick={() => setOpen(!open)}
        >
          <Icon name="chevronRight" class="files-arrow" />
          <span class="files-group-name number">{name}</span>
          {props.isNewest && <span class="chip">{t("newest")}</span>}
          <span class="muted small number files-count">{t.n("files", group.files.length)}</span>
        </button>
        <span class="files-size number">{formatBytes(group.sizeBytes)}</span>
        <span class="files-time muted">
          <Time at={savedAt(group)} />
        </span>
        <GroupActs group={group} name={name} acts={acts} />
      </div>
      <div id={listId} hidden={!open}>
        {open && <FileList group={group} acts={acts} />}
      </div>
    </div>
  );
}

function GroupActs({ group, name, acts }: { group: ArtifactGroup; name: string; acts: ArtifactActs }) {
  const folder = groupFolder(group);
  const { onDelete } = acts;
  if (folder === null) return <span class="files-actions" />;
  const label = t("zip", { step: group.step === null ? "?" : formatNumber(group.step) });
  return (
    <span class="files-actions">
      <a
        class="button button-quiet button-small"
        href={archiveUrl(acts.jobId, folder)}
        download=""
        title={label}
        aria-label={label}
      >
        <Icon name="download" />
        zip
      </a>
      {onDelete && (
        <MenuButton
          label={t("more", { name })}
          items={[
            {
              key: "delete",
              icon: "trash",
              text: t("delete_checkpoint"),
              danger: true,
              run: () => onDelete({ kind: "folder", prefix: folder, group }),
            },
          ]}
        />
      )}
    </span>
  );
}

function FileList({ group, acts }: { group: ArtifactGroup; acts: ArtifactActs }) {
  const [shown, setShown] = useState(firstFiles);
  const rest = group.files.length - shown;
  const folder = groupFolder(group) ?? "";
  return (
    <>
      <ul class="files-rows">
        {group.files.slice(0, shown).map((artifact) => (
          <FileRow key={artifact.key} artifact={artifact} folder={folder} acts={acts} />
        ))}
      </ul>
      {rest > 0 && (
        <p class="files-more">
          <Button size="small" onClick={() => setShown(shown + nextFiles)}>
            {t.n("show_more", Math.min(rest, nextFiles))}
          </Button>
        </p>
      )}
    </>
  );
}

const icons: Record<NonNullable<Preview>, IconName> = { image: "image", safetensors: "cube", text: "file" };

function FileRow({ artifact, folder, acts }: { artifact: Artifact; folder: string; acts: ArtifactActs }) {
  const preview = previewOf(artifact.key);
  const name = artifact.key.slice(folder.length);
  return (
    <li class="files-row">
      <Link class="files-name" href={hrefWith({ file: artifact.key })} data-file={artifact.key}>
        <Icon name={preview === null ? "file" : icons[preview]} class="files-kind" />
        <span class="mono" dir="ltr">
          {name}
        </span>
      </Link>
      <span class="files-size number">{formatBytes(artifact.size_bytes)}</span>
      <span class="files-time muted">
        <Time at={artifact.last_modified} />
      </span>
      <span class="files-actions">
        <a
          class="button button-quiet button-icon"
          href={artifact.url}
          download={fileName(artifact.key)}
          title={t("download")}
          aria-label={t("download_name", { name: artifact.key })}
        >
          <Icon name="download" />
        </a>
        <MenuButton label={t("more", { name: artifact.key })} items={rowItems(artifact, acts)} />
      </span>
    </li>
  );
}

function rowItems(artifact: Artifact, { onDelete }: ArtifactActs): MenuItem[] {
  const copy = (what: "link" | "path" | "curl"): MenuItem => ({
    key: what,
    icon: "copy",
    text: t(`copy_${what}`),
    run: () => void copyArtifact(artifact, what),
  });
  return [
    copy("link"),
    ...(artifact.path === null ? [] : [copy("path")]),
    copy("curl"),
    ...(onDelete
      ? [
          {
            key: "delete",
            icon: "trash" as const,
            text: t("delete"),
            danger: true,
            run: () => onDelete({ kind: "file", artifact }),
          },
        ]
      : []),
  ];
}
