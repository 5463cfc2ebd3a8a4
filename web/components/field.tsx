import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { Icon } from "./icon.tsx";
import { t } from "./words.ts";

/** Attributes that tie a control to its label, hint and error. */
export interface FieldAttributes {
  id: string;
  "aria-describedby": string | undefined;
  "aria-invalid": "true" | undefined;
}

/**
 * A labelled form field; `children` gets the attributes to spread on the control:
 * `<Field label="Name">{(attributes) => <input class="input" {...attributes} />}</Field>`.
 */
export function Field(props: {
  label: string;
  hint?: ComponentChildren;
  error?: string | null | undefined;
  required?: boolean;
  children: (attributes: FieldAttributes) => ComponentChildren;
  class?: string;
}) {
  const id = useId();
  const described = [props.error && `${id}-error`, props.hint && `${id}-hint`].filter(Boolean).join(" ");
  return (
    <div class={`field ${props.class ?? ""}`}>
      <label for={id}>
        {props.label}
        {props.required && <span class="field-required"> ({t("required")})</span>}
      </label>
      {props.children({
        id,
        "aria-describedby": described || undefined,
        "aria-invalid": props.error ? "true" : undefined,
      })}
      {props.error && (
        <p class="field-error" id={`${id}-error`}>
          <Icon name="fail" />
          {props.error}
        </p>
      )}
      {props.hint && (
        <p class="field-hint" id={`${id}-hint`}>
          {props.hint}
        </p>
      )}
    </div>
  );
}

/** One of several options shown at once, each with what it means; arrow keys move within `name`. */
export function Choice<V extends string>(props: {
  legend: string;
  name: string;
  value: V;
  options: readonly { value: V; title: string; text?: string; disabled?: boolean }[];
  onChange: (value: V) => void;
  disabled?: boolean;
}) {
  return (
    <fieldset class="choice" disabled={props.disabled}>
      <legend>{props.legend}</legend>
      {props.options.map((option) => (
        <label key={option.value} class={`choice-option ${option.value === props.value ? "is-chosen" : ""}`}>
          <input
            type="radio"
            name={props.name}
            value={option.value}
            checked={option.value === props.value}
            disabled={option.disabled}
            onChange={() => props.onChange(option.value)}
          />
          <span class="choice-title">{option.title}</span>
          {option.text && <span class="choice-text">{option.text}</span>}
        </label>
      ))}
    </fieldset>
  );
}
