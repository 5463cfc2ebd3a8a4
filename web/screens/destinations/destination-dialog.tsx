import { useEffect, useRef, useState } from "preact/hooks";
import type { Destination } from "@simpletuner-cloud/contract/destinations.ts";
import { ApiError, asError, call } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { Dialog } from "../../components/dialog.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { toast } from "../../components/toast.tsx";
import { DestinationFields } from "./destination-fields.tsx";
import { bodyOf, type Draft, draftOf, emptyDraft, type Problems, problemsOf, secretOf } from "./draft.ts";
import { TestResult, type Tested } from "./test-result.tsx";
import { t } from "./words.ts";

const formId = "destination-form";

/** The refusal as a sentence at its field; null when it is about no field of the form. */
function problemAt(error: Error): Problems | null {
  if (!(error instanceof ApiError)) return null;
  if (error.code === "destination_name_taken") return { name: error.message.replace(/^name: /, "") };
  const { field, problem } = error.details;
  return typeof field === "string" && typeof problem === "string" ? { [field]: problem } : null;
}

async function save(draft: Draft): Promise<void> {
  const body = bodyOf(draft);
  if (draft.id === null) await call("POST /api/cloud/destinations", { body });
  else
    await call("PUT /api/cloud/destinations/{destination_id}", {
      params: { destination_id: draft.id },
      body,
    });
  toast({ kind: "success", text: t(draft.id === null ? "added" : "saved", { name: body.name }) });
}

async function test(draft: Draft): Promise<Tested["outcome"]> {
  const { id, settings } = draft;
  return call("POST /api/cloud/destinations/test", {
    body: { settings, ...secretOf(draft), ...(id !== null && { destination_id: id }) },
  });
}

/** The form of a destination with its acts, and what went wrong with them. */
function useForm(before: Destination | null, isFirst: boolean) {
  const [draft, setDraft] = useState(() => (before ? draftOf(before) : emptyDraft(isFirst)));
  const [problems, setProblems] = useState<Problems>({});
  const [busy, setBusy] = useState<"test" | "save" | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const [tested, setTested] = useState<Tested | null>(null);
  const run = async (what: "test" | "save", act: () => Promise<void>): Promise<void> => {
    const found = problemsOf(draft, before, what === "test");
    setProblems(found);
    setError(null);
    setTested(null);
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
    tested,
    change: (changes: Partial<Draft>) => setDraft((old) => ({ ...old, ...changes })),
    test: () =>
      run("test", async () => setTested({ outcome: await test(draft), at: new Date().toISOString() })),
    save: (onSaved: () => void) => run("save", () => save(draft).then(onSaved)),
  };
}

/** Adds a destination, or changes one; the connection can be tried before anything is saved. */
export function DestinationDialog(props: {
  destination: Destination | null;
  isFirst: boolean;
  onClose: () => void;
  onSaved: () => void;
}) {
  const { destination: before } = props;
  const form = useForm(before, props.isFirst);
  const element = useRef<HTMLFormElement>(null);
  useEffect(() => {
    element.current?.querySelector<HTMLElement>("[aria-invalid]")?.focus();
  }, [form.problems]);
  const outcome = useRef<HTMLDivElement>(null);
  useEffect(() => {
    // The form is longer than most windows, and what came of a test stands at its end.
    if (form.tested || form.error) outcome.current?.scrollIntoView({ block: "nearest" });
  }, [form.tested, form.error]);
  const actions = (
    <>
      <Button onClick={props.onClose}>{t("cancel")}</Button>
      <Button busy={form.busy === "test"} onClick={() => void form.test()}>
        {t(form.busy === "test" ? "testing" : "test")}
      </Button>
      <Button kind="primary" type="submit" form={formId} busy={form.busy === "save"}>
        {t("save")}
      </Button>
    </>
  );
  return (
    <Dialog
      open
      wide
      title={before ? t("edit_title", { name: before.name }) : t("add_title")}
      onClose={props.onClose}
      actions={actions}
    >
      <form
        ref={element}
        id={formId}
        class="stack"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void form.save(() => {
            props.onSaved();
            props.onClose();
          });
        }}
      >
        <DestinationFields draft={form.draft} before={before} problems={form.problems} change={form.change} />
        <div ref={outcome}>
          {form.error && <ErrorBox error={form.error} />}
          {form.tested && <TestResult tested={form.tested} />}
        </div>
      </form>
    </Dialog>
  );
}
