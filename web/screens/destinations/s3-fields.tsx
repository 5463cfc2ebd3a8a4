import type { S3Settings } from "@simpletuner-cloud/contract/destinations.ts";
import { endpointOfRegion } from "@simpletuner-cloud/contract/s3-presets.ts";
import type { FieldsProps } from "./destination-fields.tsx";
import { keepsSecret } from "./draft.ts";
import { exampleOf, knownRegions } from "./services.ts";
import { patternWords, SecretField, TextField } from "./text-field.tsx";
import { t } from "./words.ts";

const endpointExamples: Readonly<Partial<Record<S3Settings["preset"], string>>> = {
  backblaze: "https://s3.us-west-004.backblazeb2.com",
  cloudflare: "https://0123abcd.r2.cloudflarestorage.com",
};

interface Part extends FieldsProps {
  settings: S3Settings;
  set: (changes: Partial<S3Settings>) => void;
}

function Place({ settings, problems, set }: Part) {
  const { preset, region } = settings;
  const setRegion = (next: string): void => {
    const follows = settings.endpoint === endpointOfRegion(preset, region);
    const endpoint = follows ? endpointOfRegion(preset, next) : settings.endpoint;
    set({ region: next, endpoint });
  };
  return (
    <div class="limit-fields">
      {preset !== "aws" && (
        <TextField
          label={t("endpoint")}
          hint={t("endpoint_hint", { example: endpointExamples[preset] ?? "https://minio.example.org:9000" })}
          problem={problems["settings.endpoint"]}
          value={settings.endpoint ?? ""}
          maxLength={400}
          onInput={(endpoint) => set({ endpoint: endpoint.trim() })}
        />
      )}
      <TextField
        label={t("region")}
        problem={problems["settings.region"]}
        value={region}
        maxLength={60}
        known={knownRegions[preset]}
        onInput={(next) => setRegion(next.trim())}
      />
      <TextField
        label={t("bucket")}
        problem={problems["settings.bucket"]}
        value={settings.bucket}
        maxLength={63}
        onInput={(bucket) => set({ bucket: bucket.trim() })}
      />
    </div>
  );
}

function Keys({ settings, draft, before, problems, change, set }: Part) {
  const kept = keepsSecret(draft, before);
  const hint = kept ? t("secret_kept") : t(before ? "secret_again" : "secret_hint");
  return (
    <div class="limit-fields">
      <TextField
        label={t("key")}
        problem={problems["settings.access_key_id"]}
        value={settings.access_key_id}
        maxLength={200}
        onInput={(key) => set({ access_key_id: key.trim() })}
      />
      <SecretField
        label={t("secret")}
        hint={hint}
        problem={problems["secret_access_key"]}
        value={draft.secret}
        required={!kept}
        onInput={(secret) => change({ secret })}
      />
    </div>
  );
}

function Folders({ settings, problems, set }: Part) {
  return (
    <fieldset class="destination-part">
      <legend>{t("where")}</legend>
      <div class="limit-fields">
        <TextField
          label={t("prefix")}
          hint={t("prefix_hint")}
          problem={problems["settings.prefix"]}
          value={settings.prefix}
          maxLength={300}
          required={false}
          onInput={(prefix) => set({ prefix })}
        />
        <TextField
          label={t("folder")}
          hint={t("folder_hint", { words: patternWords })}
          problem={problems["settings.folder"]}
          value={settings.folder}
          maxLength={200}
          onInput={(folder) => set({ folder })}
        />
      </div>
      <p class="small muted">
        {t("becomes")} <code dir="ltr">{exampleOf(settings)}</code>
      </p>
    </fieldset>
  );
}

function More({ settings, problems, set }: Part) {
  return (
    <details class="destination-more" open={problems["settings.public_base_url"] !== undefined}>
      <summary>{t("more")}</summary>
      <label class="check">
        <input
          type="checkbox"
          checked={settings.path_style}
          onChange={(event) => set({ path_style: event.currentTarget.checked })}
        />
        <span>
          {t("path_style")} <span class="small muted">{t("path_style_hint")}</span>
        </span>
      </label>
      <TextField
        label={t("public_base_url")}
        hint={t("public_base_url_hint")}
        problem={problems["settings.public_base_url"]}
        value={settings.public_base_url ?? ""}
        maxLength={400}
        required={false}
        onInput={(url) => set({ public_base_url: url.trim() || null })}
      />
    </details>
  );
}

/** What a bucket needs: its service's address, the account, folders. */
export function S3Fields(props: FieldsProps & { settings: S3Settings }) {
  const { settings } = props;
  const part: Part = {
    ...props,
    set: (changes) => props.change({ settings: { ...settings, ...changes } }),
  };
  return (
    <>
      <Place {...part} />
      <Keys {...part} />
      <Folders {...part} />
      <More {...part} />
    </>
  );
}
