import { type PasswordOwner, passwordProblem } from "@simpletuner-cloud/contract/password-rules.ts";
import { PasswordField } from "./password-field.tsx";
import { t } from "./password-words.ts";

/** What is wrong with a new password, in words; null when it will do. */
export function newPasswordError(password: string, owner: PasswordOwner): string | null {
  const problem = passwordProblem(password, owner);
  if (problem === null) return null;
  if (problem.kind === "short") return t.n("password_short", problem.limit - problem.length);
  if (problem.kind === "long") return t("password_long", { n: problem.limit });
  return t(`password_${problem.kind}`);
}

/** A new password, judged while it is typed by the rules the server holds it to; `insist` tells also of an empty one. */
export function NewPasswordField(props: {
  label?: string;
  value: string;
  owner: PasswordOwner;
  insist: boolean;
  onInput: (value: string) => void;
  autofocus?: boolean;
}) {
  const told = props.value !== "" || props.insist;
  return (
    <PasswordField
      label={props.label ?? t("new_password")}
      hint={t("password_hint")}
      autocomplete="new-password"
      value={props.value}
      error={told ? newPasswordError(props.value, props.owner) : null}
      autofocus={props.autofocus ?? false}
      onInput={props.onInput}
    />
  );
}
