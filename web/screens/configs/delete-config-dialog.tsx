import { call } from "../../api.ts";
import { ConfirmDialog } from "../../components/confirm-dialog.tsx";
import { toast } from "../../components/toast.tsx";
import { t } from "./words.ts";

/** Asks before a saved configuration is deleted. */
export function DeleteConfigDialog({
  name,
  onClose,
  onDone,
}: {
  name: string;
  onClose: () => void;
  onDone: () => void;
}) {
  const act = async (): Promise<void> => {
    await call("DELETE /api/configs/{name}", { params: { name } });
    toast({ kind: "success", text: t("deleted", { name }) });
    onDone();
  };
  return (
    <ConfirmDialog title={t("delete_title")} act={t("delete")} keep={t("keep")} onAct={act} onClose={onClose}>
      <p>{t("delete_text", { name })}</p>
    </ConfirmDialog>
  );
}
