import type { ReadProviderSettings } from "../services/provider-settings.ts";
import type { StateStore } from "../adapters/state/state.ts";
import type { Stores } from "../db/stores/open-stores.ts";
import { addressMatcher } from "../domain/address-ranges.ts";
import { storageRuleName, webhookRuleName } from "../domain/request-rules.ts";
import { clientAddressReader } from "../http/client-address.ts";
import { limitAlarm } from "../services/limit-alarm.ts";
import { rateViolations } from "../services/rate-violations.ts";
import { type RequestLimitOptions, requestLimits } from "../services/request-limits.ts";
import type { AppOptions } from "./app-options.ts";

/** What limits requests, and who they come from. */
export function openLimits(
  { config, log }: AppOptions,
  parts: { stores: Stores; state: StateStore; providerSettings: ReadProviderSettings },
) {
  const { stores, state } = parts;
  const alarm = limitAlarm({ ...stores, log });
  const onError = (error: unknown): void =>
    log.warn({ err: error }, "a request over a limit was not written down");
  // Its first answer may take longer than a request waits: a store makes its tables with it.
  void state.clock().catch(() => undefined);
  return {
    clientAddress: clientAddressReader(addressMatcher(config.trustedProxies)),
    limitAlarm: alarm,
    limits: requestLimits({
      config: config.rateLimits,
      state,
      alarm,
      violations: rateViolations({ ...stores, state, onError }),
      ownLimit: providerLimits(parts),
    }),
  };
}

/** Providers have numbers of their own, for their webhooks and for the uploads of the jobs that run there. */
function providerLimits({
  stores,
  providerSettings,
}: {
  stores: Stores;
  providerSettings: ReadProviderSettings;
}): RequestLimitOptions["ownLimit"] {
  return async ({ name }, { path, credential }) => {
    if (name === webhookRuleName) {
      const provider = /^\/api\/webhooks\/([\w-]{1,40})$/.exec(path)?.[1];
      if (provider === undefined) return null;
      const { max, windowSeconds } = (await providerSettings.of(provider)).webhookRateLimit;
      return { limit: max, windowMs: windowSeconds * 1_000 };
    }
    const jobId = name === storageRuleName ? credential?.jobId : null;
    if (!jobId) return null;
    const job = await stores.jobs.find(jobId);
    if (job === null) return null;
    const { max, windowSeconds } = (await providerSettings.of(job.wire.provider)).s3RateLimit;
    return { limit: max, windowMs: windowSeconds * 1_000 };
  };
}
