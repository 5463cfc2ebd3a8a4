import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type {
  ProviderConfigAnswer,
  PutProviderConfig,
} from "@simpletuner-cloud/contract/provider-settings.ts";
import { ApiError, asError, call } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { toast } from "../../components/toast.tsx";
import { t } from "./words.ts";

/** What saving settings knows: whether it is under way, what was refused, and at which field. */
export interface Saving {
  busy: boolean;
  error: Error | null;
  /** The sentence for the field, when the refusal names it. */
  problemOf: (field: string) => string | null;
  /** Answers whether it was saved. */
  save: (change: PutProviderConfig) => Promise<boolean>;
}

/** Saves settings of Replicate against the version that is on screen, so that nobody's change is lost. */
export function useSaving(
  answer: ProviderConfigAnswer,
  onSaved: (saved: ProviderConfigAnswer) => void,
): Saving {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const field = error instanceof ApiError ? String(error.details["field"] ?? "") : "";
  return {
    busy,
    error: field === "" ? error : null,
    problemOf: (name) =>
      field === name || field.startsWith(`${name}.`)
        ? String((error as ApiError).details["problem"] ?? "")
        : null,
    async save(change) {
      setBusy(true);
      setError(null);
      try {
        const saved = await call("PUT /api/cloud/providers/{provider}/config", {
          params: { provider: "replicate" },
          body: { ...change, version: answer.version },
        });
        toast({ kind: "success", text: t("saved") });
        onSaved(saved);
        return true;
      } catch (thrown) {
        setError(asError(thrown));
        return false;
      } finally {
        setBusy(false);
      }
    },
  };
}

/** A panel with fields and one button that saves them. */
export function SettingForm(props: {
  id: string;
  title: string;
  text?: string;
  saving: Saving;
  onSave: () => void;
  children: ComponentChildren;
  more?: ComponentChildren;
}) {
  return (
    <section class="panel" aria-labelledby={props.id}>
      <header class="panel-head">
        <h2 id={props.id}>{props.title}</h2>
      </header>
      <form
        class="panel-body stack"
        onSubmit={(event) => {
          event.preventDefault();
          props.onSave();
        }}
      >
        {props.text && <p class="muted">{props.text}</p>}
        {props.children}
        {props.saving.error && <ErrorBox error={props.saving.error} />}
        <p class="row">
          <Button type="submit" busy={props.saving.busy}>
            {t("save")}
          </Button>
          {props.more}
        </p>
      </form>
    </section>
  );
}
