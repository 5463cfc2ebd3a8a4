import type { ConfigSummary } from "@simpletuner-cloud/contract/configs.ts";
import { asError, call } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { Notice } from "../../components/error-box.tsx";
import { toast } from "../../components/toast.tsx";
import { Time } from "../../components/time.tsx";
import { errorText } from "../../error-text.ts";
import { ConfigEditor } from "../config-editor/config-editor.tsx";
import { freshConfig, type ConfigValue } from "../config-editor/config-value.ts";
import type { Validation } from "../config-editor/use-validation.ts";
import type { JobDraft } from "./draft.ts";
import { t } from "./words.ts";

interface SectionProps {
  draft: JobDraft;
  saved: readonly ConfigSummary[] | null;
  validation: Validation;
  change: (changes: Partial<JobDraft>) => void;
  onBroken: (broken: boolean) => void;
}

/** A saved configuration as the editor takes it. */
export async function loadValue(name: string): Promise<ConfigValue> {
  const saved = await call("GET /api/configs/{name}", { params: { name } });
  return { config: saved.config, datasets: saved.dataloader_config ?? [] };
}

function SavedList({ draft, saved, change }: Pick<SectionProps, "draft" | "saved" | "change">) {
  const adjust = async (name: string): Promise<void> => {
    try {
      const value = await loadValue(name);
      change({ source: "inline", value, original: value, baseName: name });
    } catch (thrown) {
      toast({ kind: "error", text: errorText(asError(thrown)) });
    }
  };
  if (saved?.length === 0) return <p class="muted">{t("no_saved")}</p>;
  return (
    <fieldset class="saved-configs">
      <legend class="only-read">{t("saved")}</legend>
      {(saved ?? []).map((config) => {
        const chosen = draft.savedName === config.name;
        return (
          <label key={config.name} class={`choice-option ${chosen ? "is-chosen" : ""}`}>
            <input
              type="radio"
              name="saved-config"
              checked={chosen}
              onChange={() => change({ savedName: config.name })}
            />
            <span class="choice-title">{config.name}</span>
            <span class="choice-text">
              {[config.model_family, config.max_train_steps !== null && t.n("steps", config.max_train_steps)]
                .filter(Boolean)
                .join(" · ")}
              {" · "}
              {t("changed_at")} <Time at={config.updated_at} />
            </span>
          </label>
        );
      })}
      {draft.savedName !== null && (
        <p class="row">
          <Button size="small" icon="edit" onClick={() => void adjust(draft.savedName ?? "")}>
            {t("adjust")}
          </Button>
          <span class="small muted">{t("adjust_hint")}</span>
        </p>
      )}
    </fieldset>
  );
}

function Inline({ draft, validation, change, onBroken }: SectionProps) {
  if (!draft.value) return null;
  return (
    <ConfigEditor
      value={draft.value}
      original={draft.original}
      problems={validation.problems}
      onChange={(value) => change({ value })}
      onBroken={onBroken}
    />
  );
}

/** Section 1: a saved configuration, or one written here. */
export function ConfigSection(props: SectionProps) {
  const { draft, change } = props;
  const from = draft.clonedFrom ?? draft.baseName;
  const choose = (source: JobDraft["source"]): void => {
    props.onBroken(false);
    const value = draft.value ?? freshConfig();
    change(source === "inline" ? { source, value } : { source });
  };
  return (
    <section class="panel" aria-labelledby="section-config">
      <header class="panel-head">
        <h2 id="section-config">{t("config")}</h2>
        <div class="segments" role="group" aria-label={t("config_choice")}>
          <button type="button" aria-pressed={draft.source === "saved"} onClick={() => choose("saved")}>
            {t("use_saved")}
          </button>
          <button type="button" aria-pressed={draft.source === "inline"} onClick={() => choose("inline")}>
            {t("write_here")}
          </button>
        </div>
      </header>
      <div class="panel-body stack">
        {draft.source === "inline" && draft.original && from && (
          <Notice kind="info">{t("cloned", { name: from })}</Notice>
        )}
        {draft.source === "saved" ? <SavedList {...props} /> : <Inline {...props} />}
      </div>
    </section>
  );
}
