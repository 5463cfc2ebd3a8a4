import { useId } from "preact/hooks";
import { Icon } from "./icon.tsx";

/** The kind of a permission: what stands before its first dot. */
export function permissionKind(permission: string): string {
  return permission.split(".")[0] ?? "";
}

/** Permissions to tick, by kind. Their names are those of the API and stay as they are in every language. */
export function PermissionChecks(props: {
  legend: string;
  offered: readonly string[];
  chosen: readonly string[];
  error?: string | null;
  onChange: (chosen: string[]) => void;
}) {
  const errorId = useId();
  const kinds = [...new Set(props.offered.map(permissionKind))];
  const toggle = (permission: string, on: boolean): void => {
    const others = props.chosen.filter((one) => one !== permission);
    props.onChange(on ? [...others, permission] : others);
  };
  return (
    <fieldset class="permission-checks" aria-describedby={props.error ? errorId : undefined}>
      <legend>{props.legend}</legend>
      {props.error && (
        <p class="field-error" id={errorId}>
          <Icon name="fail" />
          {props.error}
        </p>
      )}
      {kinds.map((kind) => (
        <div key={kind} class="permission-kind">
          {props.offered
            .filter((permission) => permissionKind(permission) === kind)
            .map((permission) => (
              <label key={permission} class="check">
                <input
                  type="checkbox"
                  checked={props.chosen.includes(permission)}
                  onChange={(event) => toggle(permission, event.currentTarget.checked)}
                />
                <code dir="ltr">{permission}</code>
              </label>
            ))}
        </div>
      ))}
    </fieldset>
  );
}
