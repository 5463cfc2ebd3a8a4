import { rm } from "node:fs/promises";
import { join } from "node:path";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { Provider as ProviderDescription } from "@simpletuner-cloud/contract/providers.ts";
import type { DataloaderConfig } from "../../../domain/config-rules.ts";
import type { OutboundService } from "../../outbound/outbound-http.ts";
import type { Provider, RunRef } from "../provider.ts";
import { type AccountState, accountCheck } from "./account-check.ts";
import { type ReplicateClient, replicateClient } from "./client.ts";
import { asFailure, providerName } from "./failures.ts";
import { followRun } from "./follow-run.ts";
import {
  type HardwareProfile,
  hardwareProfiles,
  type HardwareSettings,
  profilesOf,
  usdPerHour,
} from "./hardware.ts";
import { type Patience, usualPatience } from "./patience.ts";
import { hubTokenOf } from "./prediction-input.ts";
import { readState, runPlace, runTokensOf } from "./run-state.ts";
import { startRun, stopRun, uploadName } from "./start-run.ts";

/** The settings that this provider follows. */
export interface ReplicateSettings extends HardwareSettings {
  /** Null: trainers elsewhere do not reach this server's storage endpoint. */
  storageUrl: string | null;
}

/** What the provider needs. */
export interface ReplicateProviderOptions {
  http: OutboundService;
  /** Null: Replicate is shown as not set up. */
  token: string | null;
  baseUrl: string;
  /** What an administrator can change; asked for anew each time. */
  settings: () => Promise<ReplicateSettings>;
  jobsFolder: string;
  env: NodeJS.ProcessEnv;
  readDataloader: (archivePath: string) => Promise<DataloaderConfig>;
  /** Unpacks an archive into a folder, which appears complete or not at all. */
  unpack: (archivePath: string, folder: string, signal: AbortSignal) => Promise<void>;
  warn: (error: unknown, message: string) => void;
  patience?: Partial<Patience>;
}

const notSetUp =
  "Set REPLICATE_API_TOKEN to a token from replicate.com/account/api-tokens and start the server again.";

/**
 * Runs jobs at Replicate. What this machine knows of a run lies in the job's folder, written before each step, and a
 * prediction is found again by the run token in its input: no run is started twice.
 */
export function replicateProvider(options: ReplicateProviderOptions): Provider {
  const patience = { ...usualPatience, ...options.patience };
  const client = options.token === null ? null : replicateClient({ ...options, token: options.token });
  const account = accountCheck(client);
  const secrets = [options.token, hubTokenOf(options.env)].filter((each): each is string => each !== null);
  const placeOf = (run: RunRef) => runPlace(options.jobsFolder, run.jobId, run.runToken);
  const withClient = async <Result>(work: (connected: ReplicateClient) => Promise<Result>) => {
    if (!client) throw fail("provider_unavailable", { provider: "replicate", reason: notSetUp });
    return work(client).catch((error: unknown) => {
      throw asFailure(error);
    });
  };
  return {
    id: "replicate",
    settable: { hardware: hardwareProfiles.map(({ id }) => id) },
    describe: async () => describe(options.token, await options.settings(), await account()),
    start: async (request, signal) => {
      const settings = await options.settings();
      const profile = profileNamed(profilesOf(settings), request.hardware ?? null);
      const reachable = settings.storageUrl !== null;
      const externalId = await withClient((connected) =>
        startRun(
          { ...options, client: connected, patience, reachable },
          placeOf(request),
          request,
          profile.model,
          signal,
        ),
      );
      return { externalId, hardwareType: profile.id, trainer: "simpletuner" };
    },
    follow: (run, from, reporter, signal) =>
      withClient((connected) => {
        const following = { ...options, client: connected, patience, secrets };
        return followRun(following, placeOf(run), run, from, reporter, signal);
      }),
    cancel: (run) =>
      withClient(async (connected) =>
        stopRun({ client: connected, patience }, await readState(placeOf(run)), run),
      ),
    outputFolder: (jobId) => join(options.jobsFolder, jobId, "output"),
    forget: (jobId) => forget(options, client, jobId),
  };
}

function describe(
  token: string | null,
  settings: ReplicateSettings,
  { username, problem }: AccountState,
): ProviderDescription {
  const { model } = settings;
  return {
    id: "replicate",
    name: providerName,
    description:
      "Preview: trains on rented GPUs at Replicate. The datasets are uploaded and removed when the job ends.",
    configured: token !== null,
    coming_soon: false,
    unavailable_reason: token === null ? notSetUp : problem,
    capabilities: { cost: true, live_logs: true, cancel: true, resume: false, reads_in_place: false },
    hardware: profilesOf(settings).map((profile) => ({
      id: profile.id,
      name: profile.name,
      cost_per_hour_usd: usdPerHour(profile),
    })),
    trainer: {
      kind: "replicate",
      detail: username === null ? `Model ${model}.` : `Model ${model}, account ${username}.`,
    },
  };
}

/** Removes what was uploaded for a job, then what is known of it here. */
async function forget(
  options: ReplicateProviderOptions,
  client: ReplicateClient | null,
  jobId: string,
): Promise<void> {
  const folder = join(options.jobsFolder, jobId);
  for (const runToken of await runTokensOf(folder))
    await removeUpload(options, client, { jobId, runToken, externalId: null }).catch((error: unknown) =>
      // What stays behind is removed by Replicate itself, a day after the upload.
      options.warn(error, "the uploaded datasets could not be removed"),
    );
  await rm(folder, { recursive: true, force: true });
}

async function removeUpload(
  { jobsFolder }: ReplicateProviderOptions,
  client: ReplicateClient | null,
  run: RunRef,
): Promise<void> {
  const { file, uploads } = await readState(runPlace(jobsFolder, run.jobId, run.runToken));
  if (uploads === 0 || client === null) return;
  const call = { correlationId: run.runToken };
  const ids = new Set(file ? [file.id] : []);
  // An upload whose answer never came may have arrived all the same, perhaps after another one.
  if (!file || uploads > 1)
    for (const { id } of await client.filesNamed(uploadName(run.runToken), call)) ids.add(id);
  for (const id of ids) await client.deleteFile(id, call);
}

/** The chosen hardware's profile; the first when nothing was chosen. */
function profileNamed(profiles: readonly HardwareProfile[], id: string | null): HardwareProfile {
  const profile = id === null ? profiles[0] : profiles.find((each) => each.id === id);
  if (profile) return profile;
  throw fail("provider_refused", {
    provider: providerName,
    reason: `there is no hardware "${id}". Choose one of ${profiles.map((each) => each.id).join(", ")}.`,
  });
}
