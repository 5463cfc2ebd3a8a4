import { useEffect, useRef, useState } from "preact/hooks";
import { Field } from "../../components/field.tsx";
import type { ConfigValue, Options } from "./config-value.ts";
import { t } from "./words.ts";

const pretty = (value: unknown): string => JSON.stringify(value, null, 2);

type Parsed<T> = { value: T } | { problem: string };

function parseObject(text: string): Parsed<Options> {
  const parsed = parse(text);
  if ("problem" in parsed) return parsed;
  return isObject(parsed.value) ? { value: parsed.value } : { problem: t("json_not_object") };
}

function parseList(text: string): Parsed<Options[]> {
  const parsed = parse(text);
  if ("problem" in parsed) return parsed;
  const { value } = parsed;
  return Array.isArray(value) && value.every(isObject) ? { value } : { problem: t("json_not_list") };
}

function parse(text: string): Parsed<unknown> {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch (error) {
    return { problem: t("json_broken", { problem: error instanceof Error ? error.message : "" }) };
  }
}

function isObject(value: unknown): value is Options {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function JsonField<T>(props: {
  label: string;
  value: T;
  parse: (text: string) => Parsed<T>;
  onChange: (value: T) => void;
  onBroken: (broken: boolean) => void;
  rows: number;
}) {
  const [text, setText] = useState(() => pretty(props.value));
  const [problem, setProblem] = useState<string | null>(null);
  const written = useRef(props.value);
  useEffect(() => {
    // Only a change that did not come from typing here replaces the text.
    if (written.current === props.value) return;
    written.current = props.value;
    setText(pretty(props.value));
    setProblem(null);
    props.onBroken(false);
  }, [props.value]);
  const take = (next: string): void => {
    setText(next);
    const parsed = props.parse(next);
    const broken = "problem" in parsed;
    setProblem(broken ? parsed.problem : null);
    props.onBroken(broken);
    if (broken) return;
    written.current = parsed.value;
    props.onChange(parsed.value);
  };
  return (
    <Field label={props.label} error={problem}>
      {(attributes) => (
        <textarea
          class="input code-input"
          dir="ltr"
          spellcheck={false}
          rows={props.rows}
          {...attributes}
          value={text}
          onInput={(event) => take(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}

/** The configuration and its datasets as JSON texts; a text that does not parse changes nothing and says why. */
export function JsonEditor(props: {
  value: ConfigValue;
  onChange: (value: ConfigValue) => void;
  onBroken: (broken: boolean) => void;
}) {
  const broken = useRef({ config: false, datasets: false });
  const tell = (part: "config" | "datasets") => (isBroken: boolean) => {
    broken.current[part] = isBroken;
    props.onBroken(broken.current.config || broken.current.datasets);
  };
  const { value, onChange } = props;
  return (
    <div class="stack">
      <JsonField
        label={t("json_config")}
        value={value.config}
        parse={parseObject}
        rows={16}
        onBroken={tell("config")}
        onChange={(config) => onChange({ ...value, config })}
      />
      <JsonField
        label={t("json_datasets")}
        value={value.datasets}
        parse={parseList}
        rows={10}
        onBroken={tell("datasets")}
        onChange={(datasets) => onChange({ ...value, datasets })}
      />
    </div>
  );
}
