import { useState } from "preact/hooks";
import type { BackupInfo } from "@simpletuner-cloud/contract/backups.ts";
import { asError, call, useLoad } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { ConfirmDialog } from "../../components/confirm-dialog.tsx";
import { EmptyState } from "../../components/empty-state.tsx";
import { ErrorBox, Notice } from "../../components/error-box.tsx";
import { Icon } from "../../components/icon.tsx";
import { Link } from "../../components/link.tsx";
import { MenuButton } from "../../components/menu.tsx";
import { Page } from "../../components/page.tsx";
import { Skeleton } from "../../components/skeleton.tsx";
import { Time } from "../../components/time.tsx";
import { toast } from "../../components/toast.tsx";
import { formatBytes, formatInstant } from "../../i18n.ts";
import { may } from "../../session.ts";
import { useReloadOn } from "../../use-reload-on.ts";
import { BackupScheduleForm } from "./backup-schedule.tsx";
import { DatabasePanel } from "./database-panel.tsx";
import { t } from "./words.ts";

const ofBackup = (backup_id: string) => ({ params: { backup_id } });

async function verify(id: string): Promise<void> {
  const { valid, problems, outputs_missing } = await call(
    "POST /api/backup/{backup_id}/verify",
    ofBackup(id),
  );
  const whole = outputs_missing === 0 ? t("whole", { id }) : t("whole_missing", { id, n: outputs_missing });
  if (valid) toast({ kind: "success", text: whole });
  else toast({ kind: "error", text: t("damaged", { id, problem: problems[0] ?? "" }) });
}

type Asked = { act: "restore" | "delete"; backup: BackupInfo };

/** What a backup is for; one that a restore has made is described by what was restored. */
function About({ backup: { created_by, description } }: { backup: BackupInfo }) {
  if (description === null) return null;
  const text = created_by === "restore" ? t("before_restore", { id: description }) : description;
  return <span class="small muted backup-about">{text}</span>;
}

function Row(props: { backup: BackupInfo; onAsk: (asked: Asked) => void; onFailed: (error: Error) => void }) {
  const { backup } = props;
  return (
    <tr>
      <th scope="row">
        <span class="number">{backup.id}</span>
        <About backup={backup} />
      </th>
      <td class="nowrap">
        <Time at={backup.created_at} />
        {backup.created_by === "schedule" && <span class="small muted"> · {t("by_schedule")}</span>}
      </td>
      <td class="number nowrap backup-size">{formatBytes(backup.size_bytes)}</td>
      <td class="backup-acts">
        <MenuButton
          label={t("acts", { id: backup.id })}
          items={[
            {
              key: "verify",
              icon: "check",
              text: t("verify"),
              run: () => void verify(backup.id).catch((thrown: unknown) => props.onFailed(asError(thrown))),
            },
            {
              key: "restore",
              icon: "retry",
              text: t("restore"),
              run: () => props.onAsk({ act: "restore", backup }),
            },
            {
              key: "delete",
              icon: "trash",
              text: t("delete"),
              danger: true,
              run: () => props.onAsk({ act: "delete", backup }),
            },
          ]}
        />
      </td>
    </tr>
  );
}

function AskDialog({ asked, onClose, onDone }: { asked: Asked; onClose: () => void; onDone: () => void }) {
  const { id, created_at } = asked.backup;
  if (asked.act === "delete")
    return (
      <ConfirmDialog
        title={t("delete_title", { id })}
        act={t("delete")}
        keep={t("keep")}
        onClose={onClose}
        onAct={async () => {
          await call("DELETE /api/backup/{backup_id}", ofBackup(id));
          toast({ kind: "success", text: t("deleted", { id }) });
          onDone();
        }}
      >
        <p>{t("delete_text")}</p>
      </ConfirmDialog>
    );
  return (
    <ConfirmDialog
      title={t("restore_title", { id })}
      act={t("stage")}
      keep={t("keep")}
      onClose={onClose}
      onAct={async () => {
        const { warnings } = await call("POST /api/backup/{backup_id}/restore", {
          ...ofBackup(id),
          body: {},
        });
        for (const text of warnings.slice(1)) toast({ kind: "error", text });
        toast({ kind: "success", text: t("staged", { id }) });
        onDone();
      }}
    >
      <p>{t("restore_text")}</p>
      <p>{t("restore_lost", { when: formatInstant(created_at) })}</p>
    </ConfirmDialog>
  );
}

function Pending({ id, onDone }: { id: string; onDone: () => void }) {
  const giveUp = async (): Promise<void> => {
    await call("DELETE /api/backup/restore");
    toast({ kind: "success", text: t("gave_up") });
    onDone();
  };
  return (
    <Notice kind="warning">
      <p>{t("pending", { id })}</p>
      <p>
        <Button onClick={() => void giveUp()}>{t("give_up")}</Button>
      </p>
    </Notice>
  );
}

function List(props: {
  backups: readonly BackupInfo[];
  onAsk: (asked: Asked) => void;
  onFailed: (error: Error) => void;
}) {
  if (props.backups.length === 0)
    return <EmptyState icon="copy" title={t("none_title")} text={t("none_text")} />;
  return (
    <div class="panel table-wrap">
      <table class="table backup-table" aria-label={t("table")}>
        <thead>
          <tr>
            <th scope="col">{t("col_id")}</th>
            <th scope="col">{t("col_made")}</th>
            <th scope="col" class="backup-size">
              {t("col_size")}
            </th>
            <th scope="col" class="backup-acts">
              <span class="only-read">{t("col_acts")}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {props.backups.map((backup) => (
            <Row key={backup.id} backup={backup} onAsk={props.onAsk} onFailed={props.onFailed} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Backups: make, check, restore, delete, and when they are made by themselves. */
export function Backups() {
  const { data, error, reload } = useLoad((signal) => call("GET /api/backup", { query: {}, signal }), []);
  const [asked, setAsked] = useState<Asked | null>(null);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Error | null>(null);
  useReloadOn(["backup.created", "backup.deleted"], reload);
  const make = async (): Promise<void> => {
    setBusy(true);
    setFailure(null);
    try {
      const { backup_id } = await call("POST /api/backup", { body: {} });
      toast({ kind: "success", text: t("made", { id: backup_id }) });
      reload();
    } catch (thrown) {
      setFailure(asError(thrown));
    }
    setBusy(false);
  };
  return (
    <Page
      title={t("title")}
      class="page-narrow"
      above={
        <Link href="/settings" class="crumb">
          <Icon name="arrowLeft" />
          {t("all")}
        </Link>
      }
      actions={
        <Button kind="primary" busy={busy} onClick={() => void make()}>
          {t("make")}
        </Button>
      }
    >
      {error && <ErrorBox error={error} onRetry={reload} />}
      {failure && <ErrorBox error={failure} />}
      {!data && !error && <Skeleton lines={5} />}
      {data && (
        <>
          <div class="muted">
            <p>
              {t("about", { folder: data.backup_dir })}{" "}
              {data.copies_to !== null && t("copied", { place: data.copies_to })}
            </p>
            <p>{t("outputs_note")}</p>
          </div>
          {data.pending_restore !== null && <Pending id={data.pending_restore} onDone={reload} />}
          <List backups={data.backups} onAsk={setAsked} onFailed={setFailure} />
        </>
      )}
      <BackupScheduleForm />
      {may("admin.database") && <DatabasePanel />}
      {asked && <AskDialog asked={asked} onClose={() => setAsked(null)} onDone={reload} />}
    </Page>
  );
}
