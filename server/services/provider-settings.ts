import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { ProviderSettingValues } from "@simpletuner-cloud/contract/provider-settings.ts";
import type { OutboundConfig } from "../config/outbound.ts";
import type { ProviderSettingStore } from "../db/stores/provider-settings.ts";
import { type ProviderDefaults, type ProviderSettings, settingsOf } from "../domain/provider-settings.ts";
import { isSealed, type SecretBox } from "../domain/sealed-secret.ts";
import type { CaBundles } from "./ca-bundles.ts";

/** What reading settings needs. */
export interface ProviderSettingsOptions {
  storedProviderSettings: ProviderSettingStore;
  secrets: SecretBox;
  caBundles: CaBundles;
  /** Network settings of the environment. */
  outbound: OutboundConfig;
  /** What holds where nothing is set. */
  model: string;
  /** How others reach this server; asked for at each question, since a tunnel comes and goes. */
  publicUrl: () => string | null;
}

/**
 * The settings of providers as they hold now: read anew for each question, so that a change holds from the next call on,
 * on every replica.
 */
export function readProviderSettings(options: ProviderSettingsOptions) {
  const { storedProviderSettings: store, secrets, outbound } = options;
  const defaults: ProviderDefaults = {
    model: options.model,
    get publicUrl() {
      return options.publicUrl();
    },
    verifyTls: outbound.verifyTls,
    caBundlePath: outbound.caBundlePath,
    proxyUrl: outbound.httpsProxy ?? outbound.httpProxy,
    timeoutMs: outbound.timeoutMs,
  };
  /** The typed settings of a provider; of one that has none, the defaults. */
  const of = async (provider: string): Promise<ProviderSettings> =>
    settingsOf(openedSettings((await store.get(provider)).values, secrets), defaults);
  return {
    defaults,
    of,
    /** How calls to the provider go out. Throws `ca_bundle_unusable` when the file of certificates is gone or broken. */
    async network(provider: string): Promise<OutboundConfig> {
      const { verifyTls, caBundlePath, proxyUrl, timeoutMs } = await of(provider);
      return {
        ...outbound,
        verifyTls,
        timeoutMs,
        ...(proxyUrl !== null && { httpsProxy: proxyUrl, httpProxy: proxyUrl }),
        ...(caBundlePath !== outbound.caBundlePath && {
          caBundlePath,
          caBundle: caBundlePath === null ? null : await options.caBundles.read(caBundlePath),
        }),
      };
    },
  };
}

/** See {@link readProviderSettings}. */
export type ReadProviderSettings = ReturnType<typeof readProviderSettings>;

/** Stored values with their secrets in plain. Throws `sealed_secret_unreadable` when another key sealed them. */
export function openedSettings(values: ProviderSettingValues, secrets: SecretBox): ProviderSettingValues {
  if (!isSealed(values.proxy_url)) return values;
  try {
    return { ...values, proxy_url: secrets.open(values.proxy_url) };
  } catch (error) {
    throw fail("sealed_secret_unreadable", { what: "The password in proxy_url" }, error);
  }
}

/** Values as they are stored: an address with a password is sealed. */
export function sealedSettings(values: ProviderSettingValues, secrets: SecretBox): ProviderSettingValues {
  const { proxy_url } = values;
  if (proxy_url === undefined || new URL(proxy_url).username + new URL(proxy_url).password === "")
    return values;
  return { ...values, proxy_url: secrets.seal(proxy_url) };
}
