import type { StateStore } from "../adapters/state/state.ts";
import { createHash } from "node:crypto";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type {
  AdvancedProviderSettings,
  ProviderConfigAnswer,
  ProviderSettingValues,
  providerSettingEndpoints,
  PutProviderConfig,
} from "@simpletuner-cloud/contract/provider-settings.ts";
import { isoOrNull } from "@simpletuner-cloud/contract/instants.ts";
import type { Provider } from "../adapters/providers/provider.ts";
import type {
  ProviderSettingStore,
  SettingDecision,
  StoredProviderSettings,
} from "../db/stores/provider-settings.ts";
import type { SpendLimitStore } from "../db/stores/spend-limits.ts";
import { microsOfUsd, usdOfMicros } from "../domain/cost.ts";
import { changedSettings, hiddenPassword, shownSettings } from "../domain/provider-settings.ts";
import type { SecretBox } from "../domain/sealed-secret.ts";
import { changedTerms, type SpendLimit, type SpendLimitTerms } from "../domain/spend-limit.ts";
import type { CaBundles } from "./ca-bundles.ts";
import type { Handlers, RequestContext } from "./handler.ts";
import { openedSettings, type ReadProviderSettings, sealedSettings } from "./provider-settings.ts";

/** What the settings' use cases need. */
export interface ProviderConfigOptions {
  providers: { readonly all: readonly Provider[] };
  findProvider: (id: string) => Provider;
  providerSettings: ReadProviderSettings;
  storedProviderSettings: ProviderSettingStore;
  spendLimits: SpendLimitStore;
  secrets: SecretBox;
  caBundles: CaBundles;
  /** Remembers what a session has confirmed, at whichever server. */
  state: Pick<StateStore, "get" | "set">;
  now: () => number;
}

/** A confirmed risk need not be confirmed again in the same session, for so long at most. */
const sessionMs = 12 * 3_600_000;

/** Reads and changes the settings of providers. */
export function providerConfigService(
  options: ProviderConfigOptions,
): Handlers<typeof providerSettingEndpoints> {
  const sessionOf = ({ caller, proof }: Pick<RequestContext, "caller" | "proof">): string =>
    createHash("sha256")
      .update(`${caller.userId}\n${proof ?? ""}`)
      .digest("hex");
  const put = async (
    { params, body }: { params: { provider: string }; body: PutProviderConfig },
    context: Pick<RequestContext, "caller" | "proof">,
  ): Promise<ProviderConfigAnswer> => {
    const session = sessionOf(context);
    const provider = settable(options, params.provider);
    const key = `risk:${session.slice(0, 40)}`;
    if (body.ssl_risk_acknowledged === true) await options.state.set(key, "", sessionMs);
    const mayTrustAll = (await options.state.get(key)) !== null;
    await changeConfig(options, provider, body, { userId: context.caller.userId, mayTrustAll });
    return answerOf(options, provider);
  };
  return {
    getProviderConfig: async ({ params }) => answerOf(options, settable(options, params.provider)),
    putProviderConfig: put,
    putProvider: put,
    getAdvancedProviderSettings: async ({ params }) =>
      advanced(await answerOf(options, settable(options, params.provider))),
    async patchAdvancedProviderSettings({ params, body }, context) {
      const { webhook_ip_allowlist_enabled: enabled, ...change } = body;
      const before = await answerOf(options, settable(options, params.provider));
      const ips = change.webhook_allowed_ips ?? before.config.webhook_allowed_ips;
      if (enabled === true && ips.length === 0)
        throw fail("validation_error", {
          field: "webhook_allowed_ips",
          problem: "name the addresses to allow; an empty list allows all.",
        });
      const off = enabled === false ? { webhook_allowed_ips: null } : {};
      return advanced(await put({ params, body: { ...change, ...off } }, context));
    },
  };
}

/** A provider that has settings; throws `unknown_provider` and `provider_has_no_settings`. */
function settable({ providers, findProvider }: ProviderConfigOptions, id: string): Provider {
  const provider = findProvider(id);
  if (provider.settable) return provider;
  const known = providers.all.filter((each) => each.settable).map((each) => each.id);
  throw fail("provider_has_no_settings", { provider: id, known });
}

async function changeConfig(
  options: ProviderConfigOptions,
  provider: Provider,
  body: PutProviderConfig,
  by: { userId: string; mayTrustAll: boolean },
): Promise<void> {
  // The disk is looked at before anything is locked.
  const bundle = body.ssl_ca_bundle?.trim();
  if (bundle) await options.caBundles.read(bundle).catch(asFieldError);
  await options.storedProviderSettings.change(provider.id, by.userId, async (before, transaction) => {
    const decision = decide(options, provider, { body, by }, before);
    if (!namesLimit(body)) return decision;
    const changed = await options.spendLimits.changeWithin(transaction, {
      provider: provider.id,
      decide: (limit) => limitAfter(limit, body),
      by: by.userId,
    });
    return { ...decision, events: [...decision.events, changed] };
  });
}

interface AskedChange {
  body: PutProviderConfig;
  by: { userId: string; mayTrustAll: boolean };
}

function decide(
  options: ProviderConfigOptions,
  provider: Provider,
  { body, by }: AskedChange,
  before: StoredProviderSettings,
): SettingDecision {
  if (body.version !== undefined && body.version !== before.version)
    throw fail("provider_settings_changed", {
      provider: provider.id,
      version: before.version,
      by: before.updatedBy ?? "nobody",
    });
  const opened = openedForChange(before.values, body, options.secrets);
  const { values, names } = changedSettings(opened, body, provider.settable?.hardware ?? []);
  const trustsAll = names.includes("ssl_verify") && values.ssl_verify === false;
  if (trustsAll && !by.mayTrustAll) throw fail("ssl_risk_not_acknowledged");
  const told = namesLimit(body) ? [...names, "cost_limit"] : names;
  const data = {
    provider: provider.id,
    names: told,
    by: by.userId,
    ...(trustsAll && { acknowledged: ["ssl_verify"] }),
  };
  const event = { jobId: null, userId: null, type: "provider.configured", atMs: options.now(), data };
  return {
    values: names.length === 0 ? null : sealedSettings(values, options.secrets),
    events: told.length === 0 ? [] : [event],
  };
}

/** The stored values in plain; of an address that cannot be unsealed any more, and is replaced anyway, nothing is left. */
function openedForChange(
  values: ProviderSettingValues,
  { proxy_url: given }: PutProviderConfig,
  secrets: SecretBox,
): ProviderSettingValues {
  try {
    return openedSettings(values, secrets);
  } catch (error) {
    if (given === undefined || given?.includes(hiddenPassword)) throw error;
    return { ...values, proxy_url: "" };
  }
}

function asFieldError(error: unknown): never {
  if (!(error instanceof Error)) throw error;
  throw fail("validation_error", { field: "ssl_ca_bundle", problem: error.message }, error);
}

function namesLimit(body: PutProviderConfig): boolean {
  return Object.keys(body).some((name) => name.startsWith("cost_limit_"));
}

/** The spend limit after a change. */
function limitAfter(before: SpendLimit | undefined, body: PutProviderConfig): SpendLimitTerms | null {
  const { cost_limit_amount: amount } = body;
  if (body.cost_limit_enabled === false || amount === null) return null;
  const terms = changedTerms(before, {
    amountMicros: amount === undefined ? undefined : microsOfUsd(amount),
    period: body.cost_limit_period,
    action: body.cost_limit_action,
  });
  if (terms !== null) return terms;
  throw fail("validation_error", {
    field: "cost_limit_amount",
    problem: "there is no limit yet; send its amount in US dollars.",
  });
}

async function answerOf(options: ProviderConfigOptions, { id }: Provider): Promise<ProviderConfigAnswer> {
  const stored = await options.storedProviderSettings.get(id);
  const limit = (await options.spendLimits.limits()).find(({ provider }) => provider === id);
  const values = openedSettings(stored.values, options.secrets);
  return {
    provider: id,
    config: {
      ...shownSettings(values, options.providerSettings.defaults),
      cost_limit_enabled: limit !== undefined,
      cost_limit_amount: limit ? usdOfMicros(limit.amountMicros) : null,
      cost_limit_period: limit?.period ?? null,
      cost_limit_action: limit?.action ?? null,
    },
    set: Object.keys(values),
    version: stored.version,
    updated_at: isoOrNull(stored.updatedAtMs),
    updated_by: stored.updatedBy,
  };
}

function advanced({ config, version }: ProviderConfigAnswer): AdvancedProviderSettings {
  return {
    ssl_verify: config.ssl_verify,
    ssl_ca_bundle: config.ssl_ca_bundle,
    proxy_url: config.proxy_url,
    http_timeout: config.http_timeout,
    webhook_ip_allowlist_enabled: config.webhook_allowed_ips.length > 0,
    webhook_allowed_ips: config.webhook_allowed_ips,
    version,
  };
}
