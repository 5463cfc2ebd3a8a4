import type { Artifact } from "@simpletuner-cloud/contract/results.ts";
import { call } from "../../api.ts";
import { ConfirmDialog } from "../../components/confirm-dialog.tsx";
import { toast } from "../../components/toast.tsx";
import { formatBytes } from "../../i18n.ts";
import type { ArtifactGroup } from "./artifact-groups.ts";
import { t } from "./artifact-words.ts";

/** What is to be deleted: one file, or a checkpoint with its folder as key prefix. */
export type Deletion =
  | { kind: "file"; artifact: Artifact }
  | { kind: "folder"; prefix: string; group: ArtifactGroup };

/** Asks, deletes, and tells what was freed. */
export function DeleteArtifacts(props: {
  jobId: string;
  deletion: Deletion;
  /** Step of the newest checkpoint there is. */
  newestStep: number | null;
  onClose: () => void;
  onDeleted: () => void;
}) {
  const { deletion } = props;
  const isFile = deletion.kind === "file";
  const act = async (): Promise<void> => {
    const done = await call("DELETE /api/cloud/jobs/{job_id}/artifacts", {
      params: { job_id: props.jobId },
      query: isFile ? { key: deletion.artifact.key } : { prefix: deletion.prefix },
    });
    toast({
      kind: "success",
      text: t.n("deleted", done.deleted_files, { size: formatBytes(done.deleted_bytes) }),
    });
    props.onDeleted();
  };
  const [count, bytes] = isFile
    ? [1, deletion.artifact.size_bytes]
    : [deletion.group.files.length, deletion.group.sizeBytes];
  return (
    <ConfirmDialog
      title={isFile ? t("delete_file_title") : t("delete_folder_title", { step: deletion.group.step ?? "?" })}
      act={t(isFile ? "delete" : "delete_checkpoint")}
      keep={t("keep")}
      onAct={act}
      onClose={props.onClose}
    >
      <p class="mono files-whole-name" dir="ltr">
        {isFile ? deletion.artifact.key : deletion.prefix}
      </p>
      {isFile && deletion.artifact.kind === "model" && <p>{t("delete_is_model")}</p>}
      {!isFile && deletion.group.step === props.newestStep && <p>{t("delete_is_newest")}</p>}
      <p>
        {t.n("delete_size", count, { size: formatBytes(bytes) })} {t("delete_final")}
      </p>
    </ConfirmDialog>
  );
}
