import type { HubSettings } from "@simpletuner-cloud/contract/destinations.ts";
import type { FieldsProps } from "./destination-fields.tsx";
import { keepsSecret } from "./draft.ts";
import { exampleOf } from "./services.ts";
import { patternWords, SecretField, TextField } from "./text-field.tsx";
import { t } from "./words.ts";

/** Licenses that the form offers, by the Hub's identifiers; any other may be typed. */
const knownLicenses = ["apache-2.0", "mit", "cc-by-4.0", "cc-by-nc-4.0", "openrail++", "other"];

/** What the Hugging Face Hub needs: a token, whose repositories, how they are called and who may see them. */
export function HubFields(props: FieldsProps & { settings: HubSettings }) {
  const { settings, draft, before, problems } = props;
  const set = (changes: Partial<HubSettings>) => props.change({ settings: { ...settings, ...changes } });
  return (
    <>
      <SecretField
        label={t("token")}
        hint={t(keepsSecret(draft, before) ? "secret_kept" : "token_hint")}
        problem={problems["token"]}
        value={draft.secret}
        required={false}
        onInput={(secret) => props.change({ secret })}
      />
      <div class="limit-fields">
        <TextField
          label={t("owner")}
          hint={t("owner_hint")}
          problem={problems["settings.owner"]}
          value={settings.owner ?? ""}
          maxLength={96}
          required={false}
          onInput={(owner) => set({ owner: owner.trim() || null })}
        />
        <TextField
          label={t("repository")}
          hint={t("folder_hint", { words: patternWords })}
          problem={problems["settings.repository"]}
          value={settings.repository}
          maxLength={200}
          onInput={(repository) => set({ repository })}
        />
      </div>
      <p class="small muted">
        {t("becomes")} <code dir="ltr">{exampleOf(settings)}</code>
      </p>
      <label class="check">
        <input
          type="checkbox"
          checked={settings.private}
          onChange={(event) => set({ private: event.currentTarget.checked })}
        />
        <span>
          {t("private")} <span class="small muted">{t("private_hint")}</span>
        </span>
      </label>
      <TextField
        label={t("license")}
        hint={t("license_hint")}
        problem={problems["settings.license"]}
        value={settings.license ?? ""}
        maxLength={60}
        known={knownLicenses}
        required={false}
        onInput={(license) => set({ license: license.trim() || null })}
      />
    </>
  );
}
