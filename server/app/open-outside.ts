import { outboundHttp } from "../adapters/outbound/undici/outbound-http.ts";
import { providerRegistry } from "../adapters/providers/registry.ts";
import { openSecretSources } from "../adapters/secrets/registry.ts";
import type { StateStore } from "../adapters/state/state.ts";
import { tunnelPrograms } from "../adapters/tunnels/programs/tunnel-programs.ts";
import type { StatePaths } from "../config/state-paths.ts";
import type { Stores } from "../db/stores/open-stores.ts";
import type { ArchiveStaging } from "../services/archive-staging.ts";
import type { SecretBox } from "../domain/sealed-secret.ts";
import { caBundles } from "../services/ca-bundles.ts";
import { installationId } from "../services/installation.ts";
import { readProviderSettings } from "../services/provider-settings.ts";
import { secretChain, secretWriter } from "../services/secrets.ts";
import { tunnelKeeper } from "../services/tunnel.ts";
import type { AppOptions } from "./app-options.ts";
import { openProviders } from "./open-providers.ts";

/** The ways to services outside this machine: how they are called, with which secrets, and the providers behind them. */
export function openOutside(
  options: AppOptions,
  paths: StatePaths,
  parts: {
    stores: Stores;
    secrets: SecretBox;
    staging: ArchiveStaging;
    state: StateStore;
    servers: () => number;
  },
) {
  const { config, env } = options;
  const { stores, secrets, staging } = parts;
  const outbound = outboundHttp(config.outbound, {}, { circuits: parts.state });
  const certificates = caBundles();
  const tunnel = openTunnel(options, stores);
  const providerSettings = readProviderSettings({
    ...stores,
    secrets,
    caBundles: certificates,
    outbound: config.outbound,
    model: config.replicate.model,
    publicUrl: () => config.publicUrl ?? tunnel.url(),
  });
  const secretSources = openSecretSources({
    config: config.secrets,
    env,
    stateDir: config.stateDir,
    service: (name) => outbound.service({ name, retries: 1 }),
  });
  const chain = secretChain(secretSources);
  const providers = providerRegistry(
    openProviders(options, {
      paths,
      outbound,
      providerSettings,
      secretChain: chain,
      staging,
      installation: installationId(stores.settings),
      servers: parts.servers,
    }),
  );
  return {
    outbound,
    caBundles: certificates,
    providerSettings,
    tunnel,
    secretChain: chain,
    writeSecret: secretWriter({ ...stores, secretSources, secretChain: chain }),
    providers,
    findProvider: providers.find,
  };
}

/** The tunnel of this server; an address that is set comes before its own. */
function openTunnel({ config, env, localUrl, log, now }: AppOptions, stores: Stores) {
  return tunnelKeeper({
    runner: tunnelPrograms({ env, target: localUrl }),
    addressSet: async () =>
      (await stores.storedProviderSettings.get("replicate")).values.webhook_url ?? config.publicUrl,
    now,
    log,
  });
}
