import { useEffect, useRef } from "preact/hooks";
import type { Artifact } from "@simpletuner-cloud/contract/results.ts";
import { asError, useLoad } from "../../api.ts";
import { Button, IconButton } from "../../components/button.tsx";
import { CopyButton } from "../../components/copy-button.tsx";
import { Dialog } from "../../components/dialog.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Icon } from "../../components/icon.tsx";
import { Picture } from "../../components/sample-gallery-picture.tsx";
import { Skeleton } from "../../components/skeleton.tsx";
import { formatBytes, formatInstant, formatNumber } from "../../i18n.ts";
import { fileName, previewOf } from "./artifact-groups.ts";
import { t } from "./artifact-words.ts";
import type { ArtifactActs } from "./job-artifact-group.tsx";
import { SafetensorsView } from "./job-artifact-header.tsx";

/** One file as large as the window allows: picture, tensors or text; arrow keys go to its neighbours in the list. */
export function ArtifactDialog(props: {
  /** In the order of the list. */
  files: readonly Artifact[];
  /** Key from the address; null = closed. */
  chosen: string | null;
  acts: ArtifactActs;
  onChoose: (key: string | null) => void;
}) {
  const { files, chosen, acts } = props;
  const body = useRef<HTMLDivElement>(null);
  const at = chosen === null ? -1 : files.findIndex(({ key }) => key === chosen);
  const artifact = files[at];
  const go = (by: number): void => {
    const next = files[at + by];
    if (at >= 0 && next) props.onChoose(next.key);
  };
  useArrows(chosen === null ? null : body, go);
  useFocusAfter(chosen);
  const title = artifact ? fileName(artifact.key) : t("gone_title");
  return (
    <Dialog
      open={chosen !== null}
      title={title}
      onClose={() => props.onChoose(null)}
      wide
      actions={artifact && <Acts artifact={artifact} acts={acts} />}
    >
      <div ref={body} class="file-body">
        {artifact ? (
          <>
            <div class="file-way">
              <IconButton
                icon="arrowLeft"
                label={t("previous")}
                aria-disabled={at === 0}
                onClick={() => go(-1)}
              />
              <span class="muted small number">{t("place", { n: at + 1, total: files.length })}</span>
              <IconButton
                icon="arrowRight"
                label={t("next")}
                aria-disabled={at === files.length - 1}
                onClick={() => go(1)}
              />
              <span class="mono small muted file-key" dir="ltr">
                {artifact.key}
              </span>
              <span class="muted small large-keys">{t("keys")}</span>
            </div>
            <Inside key={artifact.key} artifact={artifact} jobId={acts.jobId} />
            <Facts artifact={artifact} />
          </>
        ) : (
          chosen !== null && <p>{t("gone", { key: chosen })}</p>
        )}
      </div>
    </Dialog>
  );
}

/** Left and right go to the neighbours, unless they move something else: a text cursor or a scrolled table. */
function useArrows(body: { current: HTMLElement | null } | null, go: (by: number) => void): void {
  useEffect(() => {
    if (body === null) return undefined;
    const onKey = (event: KeyboardEvent): void => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      const target = event.target instanceof Element ? event.target : null;
      if (by === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
      if (!target || target instanceof HTMLInputElement || target.closest(".file-scrolls")) return;
      // Another dialog may lie over this one.
      if (target.closest("dialog") !== body.current?.closest("dialog")) return;
      event.preventDefault();
      go(by);
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  });
}

/** When it closes, focus goes to the file it showed last; the one it was opened from may be another. */
function useFocusAfter(chosen: string | null): void {
  const last = useRef<string | null>(null);
  useEffect(() => {
    if (chosen === null && last.current !== null)
      document.querySelector<HTMLElement>(`[data-file="${CSS.escape(last.current)}"]`)?.focus();
    last.current = chosen;
  }, [chosen]);
}

function Acts({ artifact, acts }: { artifact: Artifact; acts: ArtifactActs }) {
  const { onDelete } = acts;
  return (
    <>
      {onDelete && (
        <Button
          kind="danger"
          icon="trash"
          class="file-delete"
          onClick={() => onDelete({ kind: "file", artifact })}
        >
          {t("delete")}
        </Button>
      )}
      <CopyButton text={new URL(artifact.url, location.origin).href} label={t("copy_link")} />
      <a class="button button-primary" href={artifact.url} download={fileName(artifact.key)}>
        <Icon name="download" />
        {t("download")} <span class="number">({formatBytes(artifact.size_bytes)})</span>
      </a>
    </>
  );
}

function Facts({ artifact }: { artifact: Artifact }) {
  return (
    <dl class="facts">
      <dt>{t("fact_size")}</dt>
      <dd class="number">{formatBytes(artifact.size_bytes)}</dd>
      <dt>{t("fact_saved")}</dt>
      <dd>{formatInstant(artifact.last_modified)}</dd>
      {artifact.step !== null && (
        <>
          <dt>{t("fact_step")}</dt>
          <dd class="number">{formatNumber(artifact.step)}</dd>
        </>
      )}
      {artifact.path !== null && (
        <>
          <dt>{t("fact_path")}</dt>
          <dd class="file-path" dir="ltr">
            <code>{artifact.path}</code>
            <CopyButton text={artifact.path} />
          </dd>
        </>
      )}
    </dl>
  );
}

function Inside({ artifact, jobId }: { artifact: Artifact; jobId: string }) {
  switch (previewOf(artifact.key)) {
    case "image":
      return (
        <div class="large-stage">
          <Picture artifact={artifact} alt={artifact.key} eager />
        </div>
      );
    case "safetensors":
      return <SafetensorsView jobId={jobId} fileKey={artifact.key} />;
    case "text":
      return <TextBeginning artifact={artifact} />;
    case null:
      return <p class="muted">{t("no_preview")}</p>;
  }
}

/** Shown of a text file; logs and state files may be long. */
const textBytes = 64 << 10;

async function loadText(artifact: Artifact, signal: AbortSignal): Promise<string> {
  if (artifact.size_bytes === 0) return "";
  const answer = await fetch(artifact.url, { headers: { range: `bytes=0-${textBytes - 1}` }, signal });
  if (!answer.ok) throw asError(`${answer.status} ${answer.statusText}`);
  return answer.text();
}

function TextBeginning({ artifact }: { artifact: Artifact }) {
  const { data, error, reload } = useLoad((signal) => loadText(artifact, signal), [artifact.key]);
  if (error) return <ErrorBox error={error} title={t("text_failed")} onRetry={reload} />;
  if (data === null) return <Skeleton lines={4} />;
  return (
    <div class="stack">
      <pre
        class="file-text file-scrolls"
        dir="ltr"
        tabIndex={0}
        aria-label={t("text_label", { name: artifact.key })}
      >
        {data}
      </pre>
      {artifact.size_bytes > textBytes && (
        <p class="muted small">{t("text_cut", { size: formatBytes(textBytes) })}</p>
      )}
    </div>
  );
}
