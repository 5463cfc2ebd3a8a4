import type { Destination } from "@simpletuner-cloud/contract/destinations.ts";
import { t } from "./destination-choice-words.ts";

/** Checkboxes for destinations; `chosen` holds ids. Those that cannot deliver now say why, and can be chosen all the same. */
export function DestinationChoice(props: {
  legend: string;
  destinations: readonly Destination[];
  chosen: readonly string[];
  onChange: (chosen: string[]) => void;
}) {
  const { destinations, chosen } = props;
  const toggle = (id: string, on: boolean): void =>
    props.onChange(
      destinations
        .map(({ destination_id }) => destination_id)
        .filter((each) => (each === id ? on : chosen.includes(each))),
    );
  return (
    <fieldset class="choice">
      <legend>{props.legend}</legend>
      {destinations.map(({ destination_id: id, name, problem, is_default: isDefault }) => (
        <label key={id} class={`choice-option ${chosen.includes(id) ? "is-chosen" : ""}`}>
          <input
            type="checkbox"
            checked={chosen.includes(id)}
            onChange={(event) => toggle(id, event.currentTarget.checked)}
          />
          <span class="choice-title">
            {name} {isDefault && <span class="chip">{t("default")}</span>}
          </span>
          {problem !== null && <span class="choice-text">{problem}</span>}
        </label>
      ))}
    </fieldset>
  );
}
