import { localProvider } from "../adapters/providers/local/local-provider.ts";
import { trainerFinder } from "../adapters/providers/local/trainer-command.ts";
import { replicateProvider } from "../adapters/providers/replicate/replicate-provider.ts";
import { packageRoot } from "../config/package-files.ts";
import type { StatePaths } from "../config/state-paths.ts";
import { extractArchive } from "../packaging/extract-archive.ts";
import { readArchivedDataloader } from "../packaging/read-archived-dataloader.ts";
import type { ReadProviderSettings } from "../services/provider-settings.ts";
import type { AppOptions } from "./app-options.ts";
import type { Provider } from "../adapters/providers/provider.ts";
import type { OutboundHttp } from "../adapters/outbound/undici/outbound-http.ts";

/** The providers of this server; a new one is one entry here. */
export function openProviders(
  options: AppOptions,
  paths: StatePaths,
  outbound: OutboundHttp,
  settings: ReadProviderSettings,
): Provider[] {
  return [local(options, paths), replicate(options, paths, outbound, settings)];
}

function local({ config, env }: AppOptions, paths: StatePaths) {
  return localProvider({
    jobsFolder: paths.jobs,
    cancelGraceMs: config.cancelGraceMs,
    env,
    findTrainer: trainerFinder({ trainerCommand: config.trainerCommand, packageRoot: packageRoot() }),
    unpack,
  });
}

function replicate(
  { config, env, log }: AppOptions,
  paths: StatePaths,
  outbound: OutboundHttp,
  settings: ReadProviderSettings,
) {
  return replicateProvider({
    ...config.replicate,
    http: outbound.service(() => settings.network("replicate")),
    settings: () => settings.of("replicate"),
    jobsFolder: paths.jobs,
    env,
    readDataloader: readArchivedDataloader,
    unpack,
    warn: (error, message) => log.warn({ err: error }, message),
  });
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
