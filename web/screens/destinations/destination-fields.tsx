import type { Destination, DestinationSettings } from "@simpletuner-cloud/contract/destinations.ts";
import { Field } from "../../components/field.tsx";
import type { Draft, Problems } from "./draft.ts";
import { HubFields } from "./hub-fields.tsx";
import { S3Fields } from "./s3-fields.tsx";
import { type ServiceId, serviceOf, services, settingsFor } from "./services.ts";
import { TextField } from "./text-field.tsx";
import { t } from "./words.ts";

/** What each group of the form's fields is given. */
export interface FieldsProps {
  draft: Draft;
  /** The destination as it is stored; null for a new one. */
  before: Destination | null;
  problems: Problems;
  change: (changes: Partial<Draft>) => void;
}

function ServiceField({ draft, change }: FieldsProps) {
  const current = serviceOf(draft.settings);
  const known = services();
  return (
    <Field label={t("service")} hint={known.find(({ id }) => id === current)?.help}>
      {(attributes) => (
        <select
          class="input"
          {...attributes}
          value={current}
          onChange={(event) =>
            change({
              settings: settingsFor(event.currentTarget.value as ServiceId, draft.settings),
              secret: "",
            })
          }
        >
          {known.map(({ id, name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

function Check(props: { checked: boolean; onChange: (checked: boolean) => void; label: string }) {
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={props.checked}
        onChange={(event) => props.onChange(event.currentTarget.checked)}
      />
      <span>{props.label}</span>
    </label>
  );
}

function WhatFields({ draft, change }: FieldsProps) {
  const { settings } = draft;
  const set = (changes: Partial<Pick<DestinationSettings, "include_samples" | "include_checkpoints">>) =>
    change({ settings: { ...settings, ...changes } });
  return (
    <fieldset class="destination-part">
      <legend>{t("what")}</legend>
      <p class="small muted">{t("what_always")}</p>
      <Check
        label={t("samples")}
        checked={settings.include_samples}
        onChange={(include_samples) => set({ include_samples })}
      />
      <Check
        label={t("checkpoints")}
        checked={settings.include_checkpoints}
        onChange={(include_checkpoints) => set({ include_checkpoints })}
      />
    </fieldset>
  );
}

function KindFields(props: FieldsProps) {
  const { settings } = props.draft;
  return settings.kind === "s3" ? (
    <S3Fields {...props} settings={settings} />
  ) : (
    <HubFields {...props} settings={settings} />
  );
}

/** Every field of a destination: the service, what that kind of place needs, and what is delivered. */
export function DestinationFields(props: FieldsProps) {
  const { draft, change } = props;
  return (
    <>
      <div class="limit-fields">
        <ServiceField {...props} />
        <TextField
          label={t("name")}
          hint={t("name_hint")}
          problem={props.problems["name"]}
          value={draft.name}
          maxLength={80}
          words
          onInput={(name) => change({ name })}
        />
      </div>
      <KindFields {...props} />
      <WhatFields {...props} />
      <Check
        label={t("is_default")}
        checked={draft.isDefault}
        onChange={(isDefault) => change({ isDefault })}
      />
    </>
  );
}
