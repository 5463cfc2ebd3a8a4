import { useMemo, useState } from "preact/hooks";
import type { Artifact } from "@simpletuner-cloud/contract/results.ts";
import { formatBytes, formatNumber } from "../i18n.ts";
import { artifactGroups, curlCommand, type ArtifactGroup } from "./artifact-table-groups.ts";
import { t } from "./artifact-table-words.ts";
import { Button } from "./button.tsx";
import { CopyButton } from "./copy-button.tsx";
import { Icon, type IconName } from "./icon.tsx";
import { Time } from "./time.tsx";

const icons: Record<Artifact["kind"], IconName> = {
  model: "cube",
  checkpoint: "folder",
  sample: "image",
  other: "file",
};
/** Files drawn of a group before it is asked for more. */
const firstFiles = 50;

/** The files of a job in groups that open and close; the model and the newest checkpoint are open. */
export function ArtifactTable({ artifacts }: { artifacts: readonly Artifact[] }) {
  const groups = useMemo(() => artifactGroups(artifacts), [artifacts]);
  const newest = groups.find((group) => group.kind === "checkpoint")?.key;
  return (
    <div class="files">
      {groups.map((group) => (
        <Group key={group.key} group={group} open={group.kind === "model" || group.key === newest} />
      ))}
    </div>
  );
}

function groupName({ kind, step }: ArtifactGroup): string {
  if (kind === "checkpoint") return t("kind_checkpoint", { step: step === null ? "?" : formatNumber(step) });
  return t(`kind_${kind}`);
}

function Group({ group, open }: { group: ArtifactGroup; open: boolean }) {
  const [shown, setShown] = useState(firstFiles);
  const [isOpen, setOpen] = useState(open);
  const rest = group.files.length - shown;
  return (
    <details class="files-group panel" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <Icon name="chevronRight" class="files-arrow" />
        <Icon name={icons[group.kind]} class="files-kind" />
        <span class="files-group-name">{groupName(group)}</span>
        <span class="muted small number">{t.n("files", group.files.length)}</span>
        <span class="files-size number">{formatBytes(group.sizeBytes)}</span>
      </summary>
      {isOpen && (
        <div class="table-wrap">
          <table class="table files-table">
            <thead class="only-read">
              <tr>
                <th scope="col">{t("name")}</th>
                <th scope="col">{t("size")}</th>
                <th scope="col">{t("time")}</th>
                <th scope="col">{t("actions")}</th>
              </tr>
            </thead>
            <tbody>
              {group.files.slice(0, shown).map((artifact) => (
                <FileRow key={artifact.key} artifact={artifact} />
              ))}
            </tbody>
          </table>
          {rest > 0 && (
            <p class="files-more">
              <Button size="small" onClick={() => setShown(shown + 500)}>
                {t.n("show_more", rest)}
              </Button>
            </p>
          )}
        </div>
      )}
    </details>
  );
}

function FileRow({ artifact }: { artifact: Artifact }) {
  return (
    <tr>
      <td class="files-name">
        <a
          href={artifact.url}
          download=""
          class="mono"
          dir="ltr"
          aria-label={t("download", { name: artifact.key })}
        >
          {artifact.key}
        </a>
      </td>
      <td class="files-size number">{formatBytes(artifact.size_bytes)}</td>
      <td class="files-time muted">
        <Time at={artifact.last_modified} />
      </td>
      <td class="files-actions">
        <a
          class="button button-secondary button-small"
          href={artifact.url}
          download=""
          aria-label={t("download", { name: artifact.key })}
        >
          <Icon name="download" />
        </a>
        {artifact.path !== null && <CopyButton text={artifact.path} label={t("copy_path")} />}
        <CopyButton text={curlCommand(location.origin, artifact)} label={t("copy_curl")} />
      </td>
    </tr>
  );
}
