import type {
  Destination,
  DestinationDraft,
  DestinationSettings,
  S3Settings,
} from "@simpletuner-cloud/contract/destinations.ts";
import { usualFolders } from "@simpletuner-cloud/contract/s3-presets.ts";
import { settingsFor } from "./services.ts";
import { t } from "./words.ts";

/** The form of a destination as it is on screen. */
export interface Draft {
  /** Null while it is new. */
  id: string | null;
  name: string;
  settings: DestinationSettings;
  /** Empty keeps the one that is stored. */
  secret: string;
  isDefault: boolean;
}

/** The form of a new destination; the first one becomes the default. */
export function emptyDraft(isFirst: boolean): Draft {
  return { id: null, name: "", settings: settingsFor("huggingface", null), secret: "", isDefault: isFirst };
}

/** The form of one that is there. */
export function draftOf({ destination_id: id, name, settings, is_default: isDefault }: Destination): Draft {
  return { id, name, settings, secret: "", isDefault };
}

/** True when the stored key or token still belongs to the settings, so that it need not be typed again. */
export function keepsSecret({ settings }: Draft, before: Destination | null): boolean {
  if (before?.secret !== "stored" || before.settings.kind !== settings.kind) return false;
  if (settings.kind !== "s3" || before.settings.kind !== "s3") return true;
  const { endpoint, access_key_id: key } = before.settings;
  return settings.endpoint === endpoint && settings.access_key_id === key;
}

/** The secret under the name that the API takes it by; nothing when the stored one stays. */
export function secretOf({
  secret,
  settings,
}: Pick<Draft, "secret" | "settings">): Pick<DestinationDraft, "secret_access_key" | "token"> {
  if (secret === "") return {};
  return settings.kind === "s3" ? { secret_access_key: secret } : { token: secret };
}

/** What the API takes. */
export function bodyOf(draft: Draft): DestinationDraft {
  return {
    name: draft.name.trim(),
    settings: draft.settings,
    is_default: draft.isDefault,
    ...secretOf(draft),
  };
}

/** Sentences by the field they are about, named as the API names it. */
export type Problems = Readonly<Record<string, string>>;

const address = /^https?:\/\/[^\s@?#]+$/;

/** What is wrong with the form before the server is asked. A test needs no name. */
export function problemsOf(draft: Draft, before: Destination | null, isTest: boolean): Problems {
  const wrong: Record<string, string | false> = {
    name: !isTest && draft.name.trim() === "" && t("need_name"),
    ...kindProblems(draft, before),
  };
  return Object.fromEntries(
    Object.entries(wrong).filter((each): each is [string, string] => each[1] !== false),
  );
}

function kindProblems(draft: Draft, before: Destination | null): Record<string, string | false> {
  const { settings, secret } = draft;
  if (settings.kind === "s3") return bucketProblems(settings, isSecret(draft, before));
  return {
    "settings.owner":
      settings.owner !== null &&
      !/^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/.test(settings.owner) &&
      t("need_owner"),
    "settings.repository":
      settings.repository.trim() === "" && t("need_folder", { example: usualFolders.folder }),
    "settings.license":
      settings.license !== null && !/^[a-z0-9][a-z0-9.-]*$/.test(settings.license) && t("need_license"),
    // Without one the server's own HF_TOKEN is used.
    token: secret !== "" && !/^hf_[\x21-\x7e]+$/.test(secret) && t("need_token"),
  };
}

function bucketProblems(settings: S3Settings, hasSecret: boolean): Record<string, string | false> {
  return {
    "settings.endpoint": endpointProblem(settings),
    "settings.region": !/^[A-Za-z0-9-]+$/.test(settings.region) && t("need_region"),
    "settings.bucket": !/^[A-Za-z0-9][A-Za-z0-9._-]{2,62}$/.test(settings.bucket) && t("need_bucket"),
    "settings.folder": settings.folder.trim() === "" && t("need_folder", { example: usualFolders.folder }),
    "settings.public_base_url":
      settings.public_base_url !== null && !address.test(settings.public_base_url) && t("need_address"),
    "settings.access_key_id": !/^[\x21-\x7e]+$/.test(settings.access_key_id) && t("need_key"),
    secret_access_key: !hasSecret && t("need_secret"),
  };
}

function isSecret(draft: Draft, before: Destination | null): boolean {
  return draft.secret === "" ? keepsSecret(draft, before) : /^[\x21-\x7e]+$/.test(draft.secret);
}

function endpointProblem({ preset, endpoint }: S3Settings): string | false {
  if (endpoint === null) return preset !== "aws" && t("need_address");
  return !address.test(endpoint) && t("need_address");
}
