import { useEffect, useRef, useState } from "preact/hooks";
import type { ConfigProblem } from "@simpletuner-cloud/contract/configs.ts";
import { Notice } from "../../components/error-box.tsx";
import { Field, type FieldAttributes } from "../../components/field.tsx";
import {
  configFields,
  otherOptions,
  otherProblems,
  problemOf,
  textOf,
  withText,
  type ConfigField,
  type ConfigValue,
} from "./config-value.ts";
import { DatasetRows } from "./dataset-rows.tsx";
import { JsonEditor } from "./json-editor.tsx";
import { t } from "./words.ts";

const families = [
  "sdxl",
  "sd3",
  "flux",
  "flux2",
  "qwen_image",
  "sana",
  "pixart_sigma",
  "auraflow",
  "chroma",
  "kolors",
  "lumina2",
  "hidream",
  "omnigen",
  "wan",
  "ltxvideo",
];

interface OptionProps {
  field: ConfigField;
  value: ConfigValue;
  original: ConfigValue | null;
  problems: readonly ConfigProblem[];
  onChange: (value: ConfigValue) => void;
}

function OptionControl({
  field,
  value,
  onChange,
  attributes,
}: OptionProps & { attributes: FieldAttributes }) {
  const text = textOf(field, value.config);
  // "1." and "5e-" are on the way to a number: what is typed stays until the value changes from elsewhere.
  const [typed, setTyped] = useState(text);
  const sent = useRef(text);
  useEffect(() => {
    if (text !== sent.current) setTyped(text);
    sent.current = text;
  }, [text]);
  const set = (next: string): void => {
    const config = withText(field, value.config, next);
    sent.current = textOf(field, config);
    setTyped(next);
    onChange({ ...value, config });
  };
  if (field.kind === "choice") {
    return (
      <select class="input" {...attributes} value={text} onChange={(event) => set(event.currentTarget.value)}>
        {!["lora", "full"].includes(text) && <option value={text}>{text || "–"}</option>}
        <option value="lora">{t("model_type_lora")}</option>
        <option value="full">{t("model_type_full")}</option>
      </select>
    );
  }
  const isFamily = field.names[0] === "model_family";
  return (
    <input
      type="text"
      class="input"
      {...attributes}
      {...(field.kind === "number" && { inputMode: "decimal" as const, autoComplete: "off" as const })}
      {...(isFamily && { list: "model-families" })}
      value={typed}
      onInput={(event) => set(event.currentTarget.value)}
    />
  );
}

function Option(props: OptionProps) {
  const { field, value, original } = props;
  const name = field.names[0];
  const before = original ? textOf(field, original.config) : null;
  const changed = before !== null && before !== textOf(field, value.config);
  const hint = changed ? (
    <span class="was">{before === "" ? t("was_empty") : t("was", { value: before })}</span>
  ) : (
    t(`${name}_hint`)
  );
  return (
    <Field
      label={t(name)}
      hint={hint}
      error={problemOf(field, props.problems)}
      class={`${field.wide ? "field-wide" : ""} ${changed ? "is-changed" : ""}`}
    >
      {(attributes) => <OptionControl {...props} attributes={attributes} />}
    </Field>
  );
}

function Fields({ value, original, problems, onChange }: Omit<OptionProps, "field">) {
  const isLora = value.config["model_type"] === "lora" || value.config["--model_type"] === "lora";
  const shown = configFields.filter((field) => field.names[0] !== "lora_rank" || isLora);
  const rest = otherOptions(value.config);
  return (
    <div class="stack">
      <div class="fields">
        {shown.map((field) => (
          <Option
            key={field.names[0]}
            field={field}
            value={value}
            original={original}
            problems={problems}
            onChange={onChange}
          />
        ))}
      </div>
      <datalist id="model-families">
        {families.map((family) => (
          <option key={family} value={family} />
        ))}
      </datalist>
      {rest > 0 && <p class="small muted">{t.n("kept", rest)}</p>}
      <DatasetRows
        datasets={value.datasets}
        problems={problems}
        onChange={(datasets) => onChange({ ...value, datasets })}
      />
    </div>
  );
}

/**
 * Edits a configuration with its datasets as friendly fields or as JSON. `problems` appear at their fields,
 * values that differ from `original` are marked; `onBroken` tells while the JSON does not parse.
 */
export function ConfigEditor(props: {
  value: ConfigValue;
  original?: ConfigValue | null;
  problems: readonly ConfigProblem[];
  onChange: (value: ConfigValue) => void;
  onBroken: (broken: boolean) => void;
}) {
  const [view, setView] = useState<"fields" | "json">("fields");
  const others = view === "json" ? [...props.problems] : otherProblems(props.value, props.problems);
  const choose = (next: "fields" | "json"): void => {
    setView(next);
    props.onBroken(false);
  };
  return (
    <div class="stack">
      <div class="segments config-view" role="group" aria-label={t("view")}>
        {(["fields", "json"] as const).map((each) => (
          <button key={each} type="button" aria-pressed={view === each} onClick={() => choose(each)}>
            {t(`view_${each}`)}
          </button>
        ))}
      </div>
      {others.length > 0 && (
        <Notice kind="warning">
          <strong>{t("other_problems")}</strong>
          <ul>
            {others.map((problem) => (
              <li key={problem.field + problem.problem}>
                <code>{problem.field}</code>: {problem.problem}
              </li>
            ))}
          </ul>
        </Notice>
      )}
      {view === "fields" ? (
        <Fields
          value={props.value}
          original={props.original ?? null}
          problems={props.problems}
          onChange={props.onChange}
        />
      ) : (
        <JsonEditor value={props.value} onChange={props.onChange} onBroken={props.onBroken} />
      )}
    </div>
  );
}
