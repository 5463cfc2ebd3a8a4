import { useState } from "preact/hooks";
import { IconButton } from "./button.tsx";
import { Field } from "./field.tsx";
import { t } from "./password-words.ts";

/** A password that can be pasted, and shown while it is typed. */
export function PasswordField(props: {
  label: string;
  value: string;
  onInput: (value: string) => void;
  autocomplete: "current-password" | "new-password";
  hint?: string;
  error?: string | null;
  autofocus?: boolean;
}) {
  const [shown, setShown] = useState(false);
  return (
    <Field label={props.label} hint={props.hint} error={props.error}>
      {(attributes) => (
        <span class="password-box">
          <input
            class="input"
            {...(shown ? { type: "text" as const } : { type: "password" as const })}
            autocomplete={props.autocomplete}
            autocapitalize="none"
            spellcheck={false}
            maxLength={4096}
            autofocus={props.autofocus}
            {...attributes}
            value={props.value}
            onInput={(event) => props.onInput(event.currentTarget.value)}
          />
          <IconButton
            icon={shown ? "eyeOff" : "eye"}
            label={t("show_password")}
            aria-pressed={shown}
            onClick={() => setShown(!shown)}
          />
        </span>
      )}
    </Field>
  );
}
