import { useState } from "preact/hooks";
import type { Level } from "@simpletuner-cloud/contract/levels.ts";
import { call, useLoad } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { ConfirmDialog } from "../../components/confirm-dialog.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { MenuButton } from "../../components/menu.tsx";
import { Skeleton } from "../../components/skeleton.tsx";
import { toast } from "../../components/toast.tsx";
import { formatNumber } from "../../i18n.ts";
import { LevelEditor } from "./level-editor.tsx";
import { levelText } from "./level-select.tsx";
import { PeoplePage } from "./people-page.tsx";
import { t } from "./words.ts";

function Row({ level, onEdit, onDelete }: { level: Level; onEdit: () => void; onDelete: () => void }) {
  const held = level.permissions.includes("*")
    ? t("everything")
    : t.n("permissions", level.permissions.length);
  return (
    <tr>
      <th scope="row">
        {level.name} {level.is_system && <span class="chip">{t("built_in")}</span>}
        <span class="small muted under">{levelText(level)}</span>
      </th>
      <td class="number wide-only">{formatNumber(level.priority)}</td>
      <td class="number">{formatNumber(level.user_count)}</td>
      <td title={level.permissions.join(", ")}>{held}</td>
      <td class="end">
        {!level.is_system && (
          <MenuButton
            label={level.name}
            items={[
              { key: "edit", icon: "edit", text: t("edit_level"), run: onEdit },
              { key: "delete", icon: "trash", text: t("delete_level"), danger: true, run: onDelete },
            ]}
          />
        )}
      </td>
    </tr>
  );
}

function LevelTable(props: {
  levels: readonly Level[];
  onEdit: (level: Level) => void;
  onDelete: (level: Level) => void;
}) {
  return (
    <div class="panel table-wrap">
      <table class="table people-table" aria-label={t("level_table")}>
        <thead>
          <tr>
            <th scope="col">{t("level_name")}</th>
            <th scope="col" class="wide-only">
              {t("col_priority")}
            </th>
            <th scope="col">{t("col_users")}</th>
            <th scope="col">{t("col_permissions")}</th>
            <th scope="col">
              <span class="only-read">{t("edit_level")}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {props.levels.map((level) => (
            <Row
              key={level.id}
              level={level}
              onEdit={() => props.onEdit(level)}
              onDelete={() => props.onDelete(level)}
            />
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Levels: the built-in ones, and those an administrator makes beside them. */
export function Levels() {
  const { data, error, reload } = useLoad((signal) => call("GET /api/users/meta/levels", { signal }), []);
  const [editing, setEditing] = useState<Level | "new" | null>(null);
  const [deleting, setDeleting] = useState<Level | null>(null);
  const remove = async ({ id, name }: Level): Promise<void> => {
    await call("DELETE /api/users/levels/{level_id}", { params: { level_id: id } });
    toast({ kind: "success", text: t("level_deleted", { name }) });
    reload();
  };
  return (
    <PeoplePage
      current="levels"
      actions={
        <Button kind="primary" icon="plus" onClick={() => setEditing("new")}>
          {t("new_level")}
        </Button>
      }
    >
      {error && <ErrorBox error={error} onRetry={reload} />}
      {!data && !error && <Skeleton lines={5} />}
      {data && <LevelTable levels={data.levels} onEdit={setEditing} onDelete={setDeleting} />}
      {editing && (
        <LevelEditor
          level={editing === "new" ? null : editing}
          onClose={() => setEditing(null)}
          onSaved={reload}
        />
      )}
      {deleting && (
        <ConfirmDialog
          title={t("level_delete_title", { name: deleting.name })}
          act={t("delete_level")}
          keep={t("keep")}
          onAct={() => remove(deleting)}
          onClose={() => setDeleting(null)}
        >
          <p>{t.n("level_delete_text", deleting.user_count)}</p>
        </ConfirmDialog>
      )}
    </PeoplePage>
  );
}
