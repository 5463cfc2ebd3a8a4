import { systemLevels } from "@simpletuner-cloud/contract/levels.ts";
import { call, useLoad } from "../../api.ts";
import { Field } from "../../components/field.tsx";
import { may } from "../../session.ts";
import { t } from "./words.ts";

/** What a built-in level is for, in the user's language; others say it in their own words. */
export function levelText(level: { id: string; description: string }): string {
  const builtIn = systemLevels.find(({ id }) => id === level.id);
  return builtIn ? t(`sys_${builtIn.id}`) : level.description;
}

/** The levels there are; those beside the built-in ones only for who may see them. */
export function useLevels(): readonly { id: string; name: string; description: string }[] {
  const mayList = may("admin.levels");
  const { data } = useLoad(
    async (signal) => (mayList ? call("GET /api/users/meta/levels", { signal }) : null),
    [mayList],
  );
  return data?.levels ?? systemLevels;
}

/** A choice of one level. */
export function LevelSelect(props: {
  label: string;
  value: string;
  disabled?: boolean;
  onChange: (name: string) => void;
}) {
  const levels = useLevels();
  const chosen = levels.find(({ name }) => name === props.value);
  return (
    <Field label={props.label} hint={chosen && levelText(chosen)}>
      {(attributes) => (
        <select
          class="input"
          {...attributes}
          value={props.value}
          disabled={props.disabled}
          onChange={(event) => props.onChange(event.currentTarget.value)}
        >
          {levels.map(({ id, name }) => (
            <option key={id} value={name}>
              {name}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}
