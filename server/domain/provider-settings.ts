import { fail } from "@simpletuner-cloud/contract/errors.ts";
import {
  modelPattern,
  type ProviderConfig,
  type ProviderSettingName,
  providerSettingNames,
  type ProviderSettingValues,
} from "@simpletuner-cloud/contract/provider-settings.ts";
import { isAddressRange } from "./address-ranges.ts";
import { hardwareId } from "./hardware-id.ts";

/** A price of one second in billionths of a dollar. */
export interface HardwarePrice {
  /** Null: the built-in name. */
  name: string | null;
  nanoUsdPerSecond: number;
}

/** At most `max` requests in any `windowSeconds`. */
export interface RequestLimit {
  max: number;
  windowSeconds: number;
}

/** The settings of a provider that hold, defaults included. */
export interface ProviderSettings {
  /** `owner/name` or `owner/name:version`. */
  model: string;
  /** Hardware of jobs that choose none; null: the model's own. */
  hardwareProfile: string | null;
  hardwarePrices: ReadonlyMap<string, HardwarePrice>;
  /** This server's address for the provider's webhooks, without a slash at its end; null: it has none. */
  webhookUrl: string | null;
  webhookRequireSignature: boolean;
  /** Addresses and CIDR ranges; empty: all. */
  webhookAllowedIps: readonly string[];
  webhookRateLimit: RequestLimit;
  /** Base address of the server whose storage endpoint trainers at the provider upload to; null: they cannot. */
  storageUrl: string | null;
  s3RateLimit: RequestLimit;
  verifyTls: boolean;
  caBundlePath: string | null;
  /** With its password; null: what the environment says. */
  proxyUrl: string | null;
  timeoutMs: number;
}

/** What holds where nothing was set, from the environment. */
export interface ProviderDefaults {
  model: string;
  publicUrl: string | null;
  verifyTls: boolean;
  caBundlePath: string | null;
  /** Only to be shown. */
  proxyUrl: string | null;
  timeoutMs: number;
}

/** A change: null and the empty text go back to the default. */
export type SettingChange = { [Name in ProviderSettingName]?: ProviderSettingValues[Name] | null };

/** CONTRACT 0.4. */
const webhookLimit = { max: 100, windowSeconds: 60 };
const s3Limit = { max: 50, windowSeconds: 60 };

/** The typed settings of opened values. */
export function settingsOf(values: ProviderSettingValues, defaults: ProviderDefaults): ProviderSettings {
  const webhookUrl = values.webhook_url ?? defaults.publicUrl;
  const prices = Object.entries(values.hardware_info ?? {}).map(
    ([id, { name = null, cost_per_second }]) =>
      [id, { name, nanoUsdPerSecond: Math.round(cost_per_second * 1e9) }] as const,
  );
  return {
    model: values.version_override ?? defaults.model,
    hardwareProfile: values.hardware_profile ?? null,
    hardwarePrices: new Map(prices),
    webhookUrl,
    webhookRequireSignature: values.webhook_require_signature ?? true,
    webhookAllowedIps: values.webhook_allowed_ips ?? [],
    webhookRateLimit: {
      max: values.webhook_rate_limit_max ?? webhookLimit.max,
      windowSeconds: values.webhook_rate_limit_window ?? webhookLimit.windowSeconds,
    },
    storageUrl: values.s3_endpoint_enabled === false ? null : (values.s3_public_url ?? webhookUrl),
    s3RateLimit: {
      max: values.s3_rate_limit_max ?? s3Limit.max,
      windowSeconds: values.s3_rate_limit_window ?? s3Limit.windowSeconds,
    },
    verifyTls: values.ssl_verify ?? defaults.verifyTls,
    caBundlePath: values.ssl_ca_bundle ?? defaults.caBundlePath,
    proxyUrl: values.proxy_url ?? null,
    timeoutMs: values.http_timeout === undefined ? defaults.timeoutMs : values.http_timeout * 1_000,
  };
}

/** The settings as they are answered, without any password. */
export function shownSettings(
  values: ProviderSettingValues,
  defaults: ProviderDefaults,
): Omit<ProviderConfig, `cost_limit_${string}`> {
  const settings = settingsOf(values, defaults);
  const proxyUrl = settings.proxyUrl ?? defaults.proxyUrl;
  return {
    version_override: settings.model,
    hardware_profile: settings.hardwareProfile,
    hardware_info: values.hardware_info ?? {},
    webhook_url: settings.webhookUrl,
    webhook_require_signature: settings.webhookRequireSignature,
    webhook_allowed_ips: [...settings.webhookAllowedIps],
    webhook_rate_limit_max: settings.webhookRateLimit.max,
    webhook_rate_limit_window: settings.webhookRateLimit.windowSeconds,
    s3_endpoint_enabled: values.s3_endpoint_enabled ?? true,
    s3_public_url: values.s3_public_url ?? settings.webhookUrl,
    s3_rate_limit_max: settings.s3RateLimit.max,
    s3_rate_limit_window: settings.s3RateLimit.windowSeconds,
    ssl_verify: settings.verifyTls,
    ssl_ca_bundle: settings.caBundlePath,
    proxy_url: proxyUrl === null ? null : withoutPassword(proxyUrl),
    http_timeout: settings.timeoutMs / 1_000,
  };
}

/**
 * Opened values after a change, each in its canonical form, and the names that differ from before. Throws
 * `validation_error` naming the field. `hardware` are the ids of the provider's own hardware.
 */
export function changedSettings(
  before: ProviderSettingValues,
  change: SettingChange,
  hardware: readonly string[],
): { values: ProviderSettingValues; names: ProviderSettingName[] } {
  const values = { ...before };
  for (const name of providerSettingNames) apply(values, name, change, hardware);
  const names = providerSettingNames.filter(
    (name) => JSON.stringify(values[name]) !== JSON.stringify(before[name]),
  );
  return { values, names };
}

function apply(
  values: ProviderSettingValues,
  name: ProviderSettingName,
  change: SettingChange,
  hardware: readonly string[],
): void {
  const given = change[name];
  if (given === undefined) return;
  if (given === null || (typeof given === "string" && given.trim() === "")) {
    delete values[name];
    return;
  }
  const canonical = { ...values, [name]: given } as ProviderSettingValues;
  Object.assign(values, { [name]: canonicalForm(name, canonical, values, hardware) });
}

/** The canonical form of the value of `name` in `given`; `before` is what it replaces. */
function canonicalForm(
  name: ProviderSettingName,
  given: ProviderSettingValues,
  before: ProviderSettingValues,
  hardware: readonly string[],
): unknown {
  switch (name) {
    case "version_override":
      return modelName(given[name] ?? "");
    case "hardware_profile":
      return knownHardware(name, given[name] ?? "", hardware);
    case "hardware_info":
      return Object.fromEntries(
        Object.entries(given[name] ?? {}).map(([id, price]) => [priceId(id, hardware), price]),
      );
    case "webhook_url":
    case "s3_public_url":
      return publicAddress(name, given[name] ?? "");
    case "webhook_allowed_ips":
      return [...new Set((given[name] ?? []).map(addressRange))];
    case "proxy_url":
      return proxyAddress(given[name] ?? "", before[name] ?? null);
    case "ssl_ca_bundle":
      return (given[name] ?? "").trim();
    default:
      return given[name];
  }
}

function invalid(field: string, problem: string): Error {
  return fail("validation_error", { field, problem });
}

function modelName(text: string): string {
  const model = text.trim();
  if (modelPattern.test(model)) return model;
  throw invalid(
    "version_override",
    `"${model}" is not of the form owner/name or owner/name:version with a version of 64 hexadecimal digits.`,
  );
}

function knownHardware(field: string, text: string, hardware: readonly string[]): string {
  const id = hardwareId(text);
  if (hardware.includes(id)) return id;
  throw invalid(field, `"${text}" is not one of ${hardware.join(", ")}.`);
}

/** A model that is not of the family is its own hardware. */
function priceId(text: string, hardware: readonly string[]): string {
  const id = hardwareId(text);
  return modelPattern.test(id) ? id : knownHardware(`hardware_info.${text}`, text, hardware);
}

/** An address with what the product appends itself taken off its end; throws `validation_error` naming the field. */
export function publicAddress(field: string, text: string): string {
  const url = URL.canParse(text.trim()) ? new URL(text.trim()) : null;
  if (!url || !/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "")
    throw invalid(
      field,
      `"${withoutPassword(text)}" is not an http or https address such as https://train.example.org.`,
    );
  if (url.search !== "" || url.hash !== "")
    throw invalid(field, "leave out everything from the ? or # on; the paths are appended by the server.");
  return (url.origin + url.pathname.replace(/\/api\/(webhooks|cloud)\b.*$/, "")).replace(/\/+$/, "");
}

function addressRange(text: string): string {
  if (isAddressRange(text.trim())) return text.trim();
  throw invalid(
    "webhook_allowed_ips",
    `"${text}" is neither an address such as 1.2.3.4 nor a range such as 10.0.0.0/8.`,
  );
}

/** What stands for a password in answers. */
export const hiddenPassword = "***";

/** An address as it may be shown. */
export function withoutPassword(address: string): string {
  if (!URL.canParse(address)) return address.replace(/:[^/@]*@/, `:${hiddenPassword}@`);
  const url = new URL(address);
  if (url.password !== "") url.password = hiddenPassword;
  return url.href.replace(/\/$/, "");
}

/** A proxy's address; with the hidden password of an answer it must be the address that the password belongs to. */
function proxyAddress(text: string, current: string | null): string {
  const url = URL.canParse(text.trim()) ? new URL(text.trim()) : null;
  if (!url || !/^https?:$/.test(url.protocol) || url.pathname !== "/" || url.search !== "" || url.hash !== "")
    // The address is not repeated: it may hold a password.
    throw invalid("proxy_url", "this is not an address of the form http://user:password@host:port.");
  if (url.password !== hiddenPassword) return url.href.replace(/\/$/, "");
  if (current !== null && withoutPassword(current) === withoutPassword(url.href)) return current;
  throw invalid(
    "proxy_url",
    "*** stands for the password of the stored address only. Send the password of this one.",
  );
}
