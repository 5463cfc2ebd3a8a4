import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { IconButton } from "../../components/button.tsx";
import { Field } from "../../components/field.tsx";
import { t } from "./words.ts";

/** What names of folders and repositories may hold. */
export const patternWords = "{name} {id} {job_id} {family} {user} {date}";

/** One line of text; `words` are people's, anything else is a machine's and runs from left to right. */
export function TextField(props: {
  label: string;
  hint?: ComponentChildren;
  problem: string | undefined;
  value: string;
  onInput: (value: string) => void;
  maxLength?: number;
  words?: boolean;
  /** Offered while typing. */
  known?: readonly string[] | undefined;
  required?: boolean;
}) {
  const { label, hint, problem, known, required = true } = props;
  return (
    <Field label={label} hint={hint} error={problem} required={required}>
      {(attributes) => (
        <>
          <input
            class="input"
            type="text"
            autoComplete="off"
            {...(!props.words && { dir: "ltr", spellcheck: false, autoCapitalize: "none" })}
            {...(known && { list: `${attributes.id}-known` })}
            {...(props.maxLength !== undefined && { maxLength: props.maxLength })}
            {...attributes}
            value={props.value}
            onInput={(event) => props.onInput(event.currentTarget.value)}
          />
          {known && (
            <datalist id={`${attributes.id}-known`}>
              {known.map((each) => (
                <option key={each} value={each} />
              ))}
            </datalist>
          )}
        </>
      )}
    </Field>
  );
}

/** A secret, hidden while it is typed unless it is asked for; it is never filled in. */
export function SecretField(props: {
  label: string;
  hint: string;
  problem: string | undefined;
  value: string;
  onInput: (value: string) => void;
  required: boolean;
}) {
  const [shown, setShown] = useState(false);
  return (
    <Field label={props.label} hint={props.hint} error={props.problem} required={props.required}>
      {(attributes) => (
        <div class="password-box">
          <input
            class="input"
            dir="ltr"
            {...(shown ? ({ type: "text" } as const) : ({ type: "password" } as const))}
            autoComplete="off"
            spellcheck={false}
            {...attributes}
            value={props.value}
            onInput={(event) => props.onInput(event.currentTarget.value.trim())}
          />
          <IconButton
            icon={shown ? "eyeOff" : "eye"}
            label={t("show_secret")}
            aria-pressed={shown}
            onClick={() => setShown(!shown)}
          />
        </div>
      )}
    </Field>
  );
}
