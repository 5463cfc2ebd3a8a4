import type { AuditEntry } from "@simpletuner-cloud/contract/audit.ts";
import { Button } from "../../components/button.tsx";
import { Dialog } from "../../components/dialog.tsx";
import { JsonView } from "../../components/json-view.tsx";
import { formatInstant } from "../../i18n.ts";
import { setQuery } from "../../router.ts";
import { typeWord } from "./type-words.ts";
import { t } from "./words.ts";

/** Who did it, for people: a name, else an id, else how they came. */
export function whoOf({ actor_username, actor_id, actor_ip }: AuditEntry): string {
  return actor_username ?? actor_id ?? (actor_ip === null ? t("nobody") : t("anonymous"));
}

/** What an entry is about, for people. */
export function targetOf({ target_name, target_id }: AuditEntry): string | null {
  return target_name ?? target_id;
}

/** Everything an entry says, with ways to more of the same. */
export function AuditEntryDialog({ entry, onClose }: { entry: AuditEntry; onClose: () => void }) {
  const { actor_id, target_id } = entry;
  const only = (changes: Record<string, string>): void => {
    setQuery({ ...changes, offset: null });
    onClose();
  };
  return (
    <Dialog
      open
      wide
      title={t("entry", { id: entry.id })}
      onClose={onClose}
      actions={
        <>
          {target_id !== null && (
            <Button icon="filter" onClick={() => only({ target: target_id })}>
              {t("only_target")}
            </Button>
          )}
          {actor_id !== null && (
            <Button icon="filter" onClick={() => only({ actor: actor_id })}>
              {t("only_who", { name: whoOf(entry) })}
            </Button>
          )}
          <Button kind="primary" onClick={onClose}>
            {t("close")}
          </Button>
        </>
      }
    >
      <dl class="facts">
        <dt>{t("type")}</dt>
        <dd>
          {typeWord(entry.event_type)} <code class="small muted">{entry.event_type}</code>
        </dd>
        <dt>{t("time")}</dt>
        <dd>{formatInstant(entry.timestamp)}</dd>
        <dt>{t("who")}</dt>
        <dd>
          {whoOf(entry)} {actor_id !== null && <code class="small muted">{actor_id}</code>}
        </dd>
        <dt>{t("address")}</dt>
        <dd class="number">{entry.actor_ip ?? "–"}</dd>
        <dt>{t("target")}</dt>
        <dd>
          {targetOf(entry) ?? "–"} {target_id !== null && <code class="small muted">{target_id}</code>}
        </dd>
        <dt>{t("hash")}</dt>
        <dd>
          <code class="small audit-hash">{entry.entry_hash}</code>
        </dd>
      </dl>
      {Object.keys(entry.details).length > 0 && (
        <JsonView title={t("col_more")} value={entry.details} fileName={`audit-${entry.id}.json`} />
      )}
    </Dialog>
  );
}
