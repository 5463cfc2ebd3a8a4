import { useState } from "preact/hooks";
import type { ProviderConfigAnswer } from "@simpletuner-cloud/contract/provider-settings.ts";
import type { Provider } from "@simpletuner-cloud/contract/providers.ts";
import { Field } from "../../components/field.tsx";
import { formatMoney } from "../../i18n.ts";
import { SettingForm, useSaving } from "./setting-form.tsx";
import { t } from "./words.ts";

/** What each kind of hardware costs, which one is used, and the model that trains. */
export function HardwareSettings(props: {
  provider: Provider;
  answer: ProviderConfigAnswer;
  onSaved: (saved: ProviderConfigAnswer) => void;
}) {
  const { config, set } = props.answer;
  const [model, setModel] = useState(set.includes("version_override") ? config.version_override : "");
  const [hardware, setHardware] = useState(config.hardware_profile ?? "");
  const saving = useSaving(props.answer, props.onSaved);
  const save = (): void =>
    void saving.save({ version_override: model.trim() || null, hardware_profile: hardware || null });
  return (
    <SettingForm id="hardware" title={t("hardware")} saving={saving} onSave={save}>
      <div class="table-wrap">
        <table class="table">
          <thead>
            <tr>
              <th scope="col">{t("hw_name")}</th>
              <th scope="col" class="end">
                {t("hw_hour")}
              </th>
              <th scope="col" class="end">
                {t("hw_minute")}
              </th>
            </tr>
          </thead>
          <tbody>
            {props.provider.hardware.map(({ id, name, cost_per_hour_usd: usd }) => (
              <tr key={id}>
                <td>{name}</td>
                <td class="number end">{usd === null ? "–" : formatMoney(usd)}</td>
                <td class="number end">{usd === null ? "–" : formatMoney(usd / 60)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <div class="limit-fields">
        <Field label={t("default_hw")} error={saving.problemOf("hardware_profile")}>
          {(attributes) => (
            <select
              class="input"
              {...attributes}
              value={hardware}
              onChange={(event) => setHardware(event.currentTarget.value)}
            >
              <option value="">{t("default_hw_auto")}</option>
              {props.provider.hardware.map(({ id, name }) => (
                <option key={id} value={id}>
                  {name}
                </option>
              ))}
            </select>
          )}
        </Field>
        <Field label={t("model")} hint={t("model_hint")} error={saving.problemOf("version_override")}>
          {(attributes) => (
            <input
              class="input"
              dir="ltr"
              spellcheck={false}
              placeholder={set.includes("version_override") ? "" : config.version_override}
              {...attributes}
              value={model}
              onInput={(event) => setModel(event.currentTarget.value)}
            />
          )}
        </Field>
      </div>
    </SettingForm>
  );
}
