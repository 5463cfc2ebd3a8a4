import { useState } from "preact/hooks";
import type { SavedConfig } from "@simpletuner-cloud/contract/configs.ts";
import { call, useLoad } from "../../api.ts";
import { Button, ButtonLink } from "../../components/button.tsx";
import { ErrorBox, Notice } from "../../components/error-box.tsx";
import { Field } from "../../components/field.tsx";
import { Icon } from "../../components/icon.tsx";
import { Link } from "../../components/link.tsx";
import { Page } from "../../components/page.tsx";
import { Skeleton } from "../../components/skeleton.tsx";
import { toast } from "../../components/toast.tsx";
import { navigate } from "../../router.ts";
import { may } from "../../session.ts";
import { ConfigEditor } from "../config-editor/config-editor.tsx";
import type { ConfigValue } from "../config-editor/config-value.ts";
import { useValidation } from "../config-editor/use-validation.ts";
import { configDifferences } from "./config-differences.ts";
import { DeleteConfigDialog } from "./delete-config-dialog.tsx";
import { useConfigDraft, type ConfigDraft } from "./use-config-draft.ts";
import { t } from "./words.ts";

const goodName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

function Conflict(props: { mine: ConfigValue; theirs: SavedConfig; onTake: () => void; onKeep: () => void }) {
  const theirs = { config: props.theirs.config, datasets: props.theirs.dataloader_config ?? [] };
  const differences = configDifferences(props.mine, theirs);
  const shown = (text: string | null) =>
    text === null ? <em class="muted">{t("absent")}</em> : <code>{text}</code>;
  return (
    <div role="alert">
      <Notice kind="warning">
        <strong>{t("conflict_title")}</strong>
        <p>{differences.length > 0 ? t("conflict_text") : t("conflict_same")}</p>
        {differences.length > 0 && (
          <div class="table-wrap">
            <table class="table">
              <thead>
                <tr>
                  <th scope="col">{t("option")}</th>
                  <th scope="col">{t("yours")}</th>
                  <th scope="col">{t("theirs")}</th>
                </tr>
              </thead>
              <tbody>
                {differences.map((each) => (
                  <tr key={each.key}>
                    <th scope="row">{each.key ? <code>{each.key}</code> : t("datasets")}</th>
                    <td>{shown(each.mine)}</td>
                    <td>{shown(each.theirs)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
        <p class="row">
          <Button onClick={props.onTake}>{t("take_theirs")}</Button>
          <Button kind="danger" onClick={props.onKeep}>
            {t("keep_mine")}
          </Button>
        </p>
      </Notice>
    </div>
  );
}

function NameField({
  name,
  taken,
  onChange,
}: {
  name: string;
  taken: boolean;
  onChange: (name: string) => void;
}) {
  const problem = name !== "" && !goodName.test(name) ? t("name_bad") : taken ? t("name_taken") : null;
  return (
    <Field label={t("name")} hint={t("name_hint")} error={problem} required>
      {(attributes) => (
        <input
          class="input"
          maxLength={100}
          autoComplete="off"
          spellcheck={false}
          {...attributes}
          value={name}
          onInput={(event) => onChange(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}

function Actions({ name, edited, onDelete }: { name: string; edited: ConfigDraft; onDelete: () => void }) {
  return (
    <>
      {edited.dirty && <span class="chip">{t("unsaved")}</span>}
      {may("config.delete.own") && (
        <Button kind="quiet" icon="trash" onClick={onDelete}>
          {t("delete")}
        </Button>
      )}
      {may("job.submit") && !edited.dirty && (
        <ButtonLink href={`/jobs/new?config=${encodeURIComponent(name)}`} icon="play">
          {t("train")}
        </ButtonLink>
      )}
    </>
  );
}

/** One configuration: its fields and JSON, checked while it is edited, saved without overwriting others' changes. */
export function EditConfig({ name }: { name: string | null }) {
  const edited = useConfigDraft(name);
  const { draft } = edited;
  const [newName, setNewName] = useState("");
  const [broken, setBroken] = useState(false);
  const [deleting, setDeleting] = useState(false);
  const list = useLoad((signal) => call("GET /api/configs", { signal }), []);
  const validation = useValidation(draft?.value ?? null);
  const as = name ?? newName;
  const taken = name === null && (list.data?.configs.some((config) => config.name === newName) ?? false);
  const save = async (over = false): Promise<void> => {
    if (!(await edited.save(as, over))) return;
    toast({ kind: "success", text: t("saved", { name: as }) });
    if (name === null) navigate(`/configs/edit?name=${encodeURIComponent(as)}`, { replace: true });
  };
  const ready =
    draft !== null && !broken && validation.known && validation.valid && goodName.test(as) && !taken;
  return (
    <Page
      title={name ?? t("new")}
      above={
        <Link href="/configs" class="crumb">
          <Icon name="arrowLeft" />
          {t("all")}
        </Link>
      }
      actions={
        name !== null && draft && <Actions name={name} edited={edited} onDelete={() => setDeleting(true)} />
      }
    >
      {edited.error && <ErrorBox error={edited.error} />}
      {!draft && !edited.error && <Skeleton lines={8} />}
      {draft && edited.theirs && (
        <Conflict
          mine={draft.value}
          theirs={edited.theirs}
          onTake={edited.takeTheirs}
          onKeep={() => void save(true)}
        />
      )}
      {draft && (
        <section class="panel">
          <div class="panel-body stack">
            {name === null && <NameField name={newName} taken={taken} onChange={setNewName} />}
            <ConfigEditor
              value={draft.value}
              original={draft.base?.value ?? null}
              problems={validation.problems}
              onChange={edited.change}
              onBroken={setBroken}
            />
          </div>
          {may("config.create") && (
            <footer class="save-bar">
              <Button
                kind="primary"
                icon="check"
                busy={edited.busy}
                disabled={!ready || !edited.dirty}
                onClick={() => void save()}
              >
                {t("save")}
              </Button>
              {edited.dirty && draft.base && <Button onClick={edited.discard}>{t("discard")}</Button>}
              {(broken || (validation.known && !validation.valid)) && (
                <span class="small muted">{t("fix_first")}</span>
              )}
            </footer>
          )}
        </section>
      )}
      {deleting && name !== null && (
        <DeleteConfigDialog
          name={name}
          onClose={() => setDeleting(false)}
          onDone={() => navigate("/configs")}
        />
      )}
    </Page>
  );
}
