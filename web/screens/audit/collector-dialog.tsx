import { useEffect, useRef, useState } from "preact/hooks";
import {
  type AuditExport,
  type AuditExportFormat,
  auditExportFormats,
} from "@simpletuner-cloud/contract/audit-export.ts";
import { asError, call, useLoad } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { Dialog } from "../../components/dialog.tsx";
import { ErrorBox, Notice } from "../../components/error-box.tsx";
import { Choice, Field } from "../../components/field.tsx";
import { PasswordField } from "../../components/password-field.tsx";
import { toast } from "../../components/toast.tsx";
import { formatNumber } from "../../i18n.ts";
import {
  bodyOf,
  type CollectorDraft,
  type CollectorProblems,
  draftOf,
  keepsToken,
  problemAt,
  problemsOf,
  schemesOf,
  trialOf,
} from "./collector-draft.ts";
import { t } from "./collector-words.ts";

const formId = "collector-form";

/** What came of a trial. */
interface Trial {
  ok: boolean;
  status: number | null;
  answer: string | null;
  problem: string | null;
  latency_ms: number;
}

interface FormParts {
  draft: CollectorDraft;
  state: AuditExport;
  problems: CollectorProblems;
  change: (changes: Partial<CollectorDraft>) => void;
}

/** The newest entry as it would arrive; what is one line on its way is wrapped here. */
function Preview({ format }: { format: AuditExportFormat }) {
  const { data, error } = useLoad(
    (signal) => call("GET /api/audit/export-config/preview", { query: { format }, signal }),
    [format],
    { keepPrevious: true },
  );
  if (error) return <ErrorBox error={error} />;
  const title = data?.entry_id ? t("preview", { id: formatNumber(data.entry_id) }) : t("preview_none");
  const isJson = data?.content_type === "application/json";
  const text = data && (isJson ? JSON.stringify(JSON.parse(data.body), null, 2) : data.body);
  return (
    <figure class="collector-preview">
      <figcaption class="small muted">{title}</figcaption>
      <pre dir="ltr" tabIndex={0} aria-label={title}>
        {text}
      </pre>
    </figure>
  );
}

function Credential({ draft, state, problems, change }: FormParts) {
  const keeps = keepsToken(draft, state);
  const hint = keeps ? "token_kept" : state.auth_token_set ? "token_again" : "token_hint";
  return (
    <>
      <div class="collector-token">
        <Field label={t("scheme")}>
          {(attributes) => (
            <select
              class="input"
              {...attributes}
              value={draft.scheme}
              onChange={(event) => change({ scheme: event.currentTarget.value })}
            >
              {schemesOf(draft.scheme).map((scheme) => (
                <option key={scheme} value={scheme}>
                  {scheme}
                </option>
              ))}
            </select>
          )}
        </Field>
        <PasswordField
          label={t("token")}
          hint={t(hint)}
          error={problems.auth_token ?? null}
          value={draft.token}
          autocomplete="new-password"
          onInput={(token) => change({ token, dropToken: false })}
        />
      </div>
      {keeps && (
        <label class="check">
          <input
            type="checkbox"
            checked={draft.dropToken}
            onChange={(event) => change({ dropToken: event.currentTarget.checked, token: "" })}
          />
          <span>{t("token_drop")}</span>
        </label>
      )}
    </>
  );
}

function Extent({ draft, state, change }: FormParts) {
  const starts =
    state.status === "off" ? (["now", "beginning"] as const) : (["", "now", "beginning"] as const);
  return (
    <>
      <label class="check">
        <input
          type="checkbox"
          checked={draft.securityOnly}
          onChange={(event) => change({ securityOnly: event.currentTarget.checked })}
        />
        <span>
          {t("only_security")}
          <span class="small muted collector-hint">{t("only_security_text")}</span>
        </span>
      </label>
      <Field label={t("start")}>
        {(attributes) => (
          <select
            class="input"
            {...attributes}
            value={draft.start}
            onChange={(event) => change({ start: event.currentTarget.value as CollectorDraft["start"] })}
          >
            {starts.map((start) => (
              <option key={start} value={start}>
                {t(start === "" ? "start_on" : `start_${start}`)}
              </option>
            ))}
          </select>
        )}
      </Field>
    </>
  );
}

function Fields(parts: FormParts) {
  const { draft, problems, change } = parts;
  return (
    <>
      <Choice
        legend={t("format_legend")}
        name="collector-format"
        value={draft.format}
        options={auditExportFormats.map((value) => ({ value, title: t(value), text: t(`${value}_text`) }))}
        onChange={(format) => change({ format })}
      />
      <Preview format={draft.format} />
      <Field label={t("url")} hint={t("url_hint")} error={problems.webhook_url} required>
        {(attributes) => (
          <input
            class="input"
            type="url"
            dir="ltr"
            placeholder="https://collector.example/in"
            autocomplete="off"
            spellcheck={false}
            {...attributes}
            value={draft.url}
            onInput={(event) => change({ url: event.currentTarget.value })}
          />
        )}
      </Field>
      <Credential {...parts} />
      <Extent {...parts} />
    </>
  );
}

function TrialResult({ trial }: { trial: Trial }) {
  const { ok, status, problem, answer, latency_ms: ms } = trial;
  return (
    <Notice kind={ok ? "success" : "error"}>
      <p>{ok ? t("test_good", { status: String(status), ms: formatNumber(ms) }) : problem}</p>
      {ok && answer && (
        <p class="small">
          {t("test_answer")} <code dir="ltr">{answer}</code>
        </p>
      )}
    </Notice>
  );
}

/** The form with its acts, and what went wrong with them. */
function useCollectorForm(state: AuditExport) {
  const [draft, setDraft] = useState(() => draftOf(state));
  const [problems, setProblems] = useState<CollectorProblems>({});
  const [busy, setBusy] = useState<"test" | "save" | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const [trial, setTrial] = useState<Trial | null>(null);
  const run = async (what: "test" | "save", act: () => Promise<void>): Promise<void> => {
    const found = problemsOf(draft);
    setProblems(found);
    setError(null);
    setTrial(null);
    if (Object.keys(found).length > 0 || busy !== null) return;
    setBusy(what);
    try {
      await act();
    } catch (thrown) {
      const failure = asError(thrown);
      const at = problemAt(failure);
      if (at) setProblems(at);
      else setError(failure);
    }
    setBusy(null);
  };
  return {
    draft,
    problems,
    busy,
    error,
    trial,
    change: (changes: Partial<CollectorDraft>) => setDraft((old) => ({ ...old, ...changes })),
    test: () =>
      run("test", async () =>
        setTrial(await call("POST /api/audit/export-config/test", { body: trialOf(draft, state) })),
      ),
    save: (onSaved: (saved: AuditExport) => void) =>
      run("save", async () => {
        onSaved(await call("PUT /api/audit/export-config", { body: bodyOf(draft, state) }));
        toast({ kind: "success", text: t("saved", { host: new URL(draft.url.trim()).host }) });
      }),
  };
}

/** Says where the audit is sent to and how; it can be tried before anything is saved. */
export function CollectorDialog(props: {
  state: AuditExport;
  onClose: () => void;
  onSaved: (saved: AuditExport) => void;
}) {
  const form = useCollectorForm(props.state);
  const element = useRef<HTMLFormElement>(null);
  const outcome = useRef<HTMLDivElement>(null);
  useEffect(() => {
    element.current?.querySelector<HTMLElement>("[aria-invalid]")?.focus();
  }, [form.problems]);
  useEffect(() => {
    // What came of a test stands at the end of a long form.
    if (form.trial || form.error) outcome.current?.scrollIntoView({ block: "nearest" });
  }, [form.trial, form.error]);
  const save = () =>
    form.save((saved) => {
      props.onSaved(saved);
      props.onClose();
    });
  return (
    <Dialog
      open
      wide
      title={t(props.state.status === "off" ? "dialog_title" : "change_title")}
      onClose={props.onClose}
      actions={
        <>
          <Button onClick={props.onClose}>{t("cancel")}</Button>
          <Button busy={form.busy === "test"} onClick={() => void form.test()}>
            {t(form.busy === "test" ? "testing" : "test")}
          </Button>
          <Button kind="primary" type="submit" form={formId} busy={form.busy === "save"}>
            {t("save")}
          </Button>
        </>
      }
    >
      <form
        ref={element}
        id={formId}
        class="stack"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        {props.state.status === "off" && <p class="muted">{t("about")}</p>}
        <Fields draft={form.draft} state={props.state} problems={form.problems} change={form.change} />
        <div ref={outcome} role="status">
          {form.error && <ErrorBox error={form.error} />}
          {form.trial && <TrialResult trial={form.trial} />}
        </div>
      </form>
    </Dialog>
  );
}
