import { localProvider } from "../adapters/providers/local/local-provider.ts";
import { trainerFinder } from "../adapters/providers/local/trainer-command.ts";
import { tokenName } from "../adapters/providers/replicate/account-token.ts";
import { replicateProvider } from "../adapters/providers/replicate/replicate-provider.ts";
import { packageRoot } from "../config/package-files.ts";
import type { StatePaths } from "../config/state-paths.ts";
import { hubTokenNames } from "../domain/hub-token-names.ts";
import { extractArchive } from "../packaging/extract-archive.ts";
import { archivedFiles } from "../packaging/archived-files.ts";
import { readArchivedDataloader } from "../packaging/read-archived-dataloader.ts";
import type { SecretChain } from "../services/secrets.ts";
import type { ReadProviderSettings } from "../services/provider-settings.ts";
import type { ArchiveStaging } from "../services/archive-staging.ts";
import type { AppOptions } from "./app-options.ts";
import type { Provider } from "../adapters/providers/provider.ts";
import type { OutboundHttp } from "../adapters/outbound/undici/outbound-http.ts";

/** What providers are built on. */
interface ProviderParts {
  paths: StatePaths;
  outbound: OutboundHttp;
  providerSettings: ReadProviderSettings;
  secretChain: SecretChain;
  staging: ArchiveStaging;
  /** Tells this server's runs from those of another with the same accounts. */
  installation: () => Promise<string>;
  /** How many servers there are. */
  servers: () => number;
}

/** The providers of this server; a new one is one entry here. */
export function openProviders(options: AppOptions, parts: ProviderParts): Provider[] {
  return [local(options, parts), replicate(options, parts)];
}

function local({ config, env }: AppOptions, { paths, secretChain }: ProviderParts) {
  return localProvider({
    jobsFolder: paths.jobs,
    cancelGraceMs: config.cancelGraceMs,
    env,
    hubToken: () => hubToken(secretChain),
    findTrainer: trainerFinder({ trainerCommand: config.trainerCommand, packageRoot: packageRoot() }),
    unpack,
  });
}

function replicate({ config, log }: AppOptions, parts: ProviderParts) {
  const { outbound, providerSettings, secretChain } = parts;
  const network = () => providerSettings.network("replicate");
  return replicateProvider({
    ...config.replicate,
    http: outbound.service({ name: "replicate-api", network }),
    promptHttp: outbound.service({ name: "replicate-api", network, retries: 1 }),
    statusHttp: outbound.service({ name: "replicate-status", network, retries: 1 }),
    token: () => secretChain.find(tokenName),
    settings: () => providerSettings.of("replicate"),
    hubHttp: outbound.service({ name: "hugging-face" }),
    jobsFolder: parts.paths.jobs,
    leftoversFolder: parts.paths.leftovers,
    staging: parts.staging,
    openArchive: archivedFiles,
    installation: parts.installation,
    servers: parts.servers,
    hubToken: () => hubToken(secretChain),
    readDataloader: readArchivedDataloader,
    unpack,
    warn: (error, message) => log.warn({ err: error }, message),
  });
}

/** The token for the Hugging Face Hub that the secrets hold, null without. */
export async function hubToken(secretChain: SecretChain): Promise<string | null> {
  return (await secretChain.find(...hubTokenNames))?.value ?? null;
}

async function unpack(archivePath: string, folder: string, signal: AbortSignal): Promise<void> {
  // Archives are this server's own or its trainers' work; the limits only stop a damaged one from filling the disk.
  await extractArchive({
    archivePath,
    targetDir: folder,
    signal,
    limits: { maxEntries: 20_000_000, maxBytes: 2 ** 46 },
  });
}
