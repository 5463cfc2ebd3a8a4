import { rm } from "node:fs/promises";
import { join } from "node:path";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { Provider as ProviderDescription } from "@simpletuner-cloud/contract/providers.ts";
import type { OutboundService } from "../../outbound/outbound-http.ts";
import type { Provider, RunRef } from "../provider.ts";
import { replicateAccount } from "./account.ts";
import { type AccountState, accountCheck } from "./account-check.ts";
import { type AccountToken, usableToken } from "./account-token.ts";
import { callBudget } from "./call-budget.ts";
import { replicateClient } from "./client.ts";
import { type CarryOptions, circumstancesOf } from "./carry-datasets.ts";
import { replicateRoute } from "./dataset-route.ts";
import { asFailure, providerName } from "./failures.ts";
import { followRun } from "./follow-run.ts";
import {
  type HardwareProfile,
  hardwareProfiles,
  type HardwareSettings,
  profilesOf,
  usdPerHour,
} from "./hardware.ts";
import { hubRepositories } from "./hub-repositories.ts";
import { listedRuns } from "./listed-runs.ts";
import { type Patience, usualPatience } from "./patience.ts";
import { removeCarried, type RemoveOptions, sweepLeftovers } from "./remove-carried.ts";
import { predictionWatch } from "./prediction-watch.ts";
import { readState, runPlace, runTokensOf } from "./run-state.ts";
import { startRun, stopRun } from "./start-run.ts";
import { replicateWebhooks, usualWebhookTimes, webhookAddress } from "./webhooks.ts";

/** The settings that this provider follows. */
export interface ReplicateSettings extends HardwareSettings {
  /** Null: trainers elsewhere do not reach this server's storage endpoint. */
  storageUrl: string | null;
  /** This server's address for webhooks; null: it has none. */
  webhookUrl: string | null;
}

/** What the provider needs. */
export interface ReplicateProviderOptions extends Pick<
  CarryOptions,
  "takes" | "staging" | "readDataloader" | "openArchive" | "hubToken"
> {
  http: OutboundService;
  /** The same for questions that a person waits for: it gives up sooner. */
  promptHttp: OutboundService;
  /** The caller of the Hugging Face Hub. */
  hubHttp: OutboundService;
  /** The Hub without a slash at its end. */
  hubUrl: string;
  /** The caller of the status page, which must not share a circuit breaker with the API. */
  statusHttp: OutboundService;
  /** The account's token and its source as of now; null: Replicate is shown as not set up. */
  token: () => Promise<AccountToken | null>;
  baseUrl: string;
  /** The summary of the status page. */
  statusUrl: string;
  /** What an administrator can change; asked for anew each time. */
  settings: () => Promise<ReplicateSettings>;
  jobsFolder: string;
  /** What could not be removed elsewhere yet is remembered here. */
  leftoversFolder: string;
  /** Tells this server's runs from those of another with the same account. */
  installation: () => Promise<string>;
  /** Unpacks an archive into a folder, which appears complete or not at all. */
  unpack: (archivePath: string, folder: string, signal: AbortSignal) => Promise<void>;
  warn: (error: unknown, message: string) => void;
  /** How many servers share the account's calls; absent: this one only. */
  servers?: () => number;
  patience?: Partial<Patience>;
}

/**
 * Runs jobs at Replicate. What this machine knows of a run lies in the job's folder, written before each step, and a
 * prediction is found again by the run token in its input: no run is started twice.
 */
export function replicateProvider(options: ReplicateProviderOptions): Provider {
  const patience = { ...usualPatience, ...options.patience };
  const token = usableToken(options.token);
  const connect = (http: OutboundService) =>
    replicateClient({ ...options, http, token: async () => (await token()).value });
  const client = connect(options.http);
  const promptClient = connect(options.promptHttp);
  const budget = callBudget(patience.betweenCallsMs, patience.callsAtOnce, options.servers);
  const watch = predictionWatch(client, patience, budget);
  const checkAccount = accountCheck(promptClient, token);
  const following = { ...options, client, watch, patience, secrets: () => secretsInUse(options) };
  const hubOf = (hubToken: string) =>
    hubRepositories({ http: options.hubHttp, hubUrl: options.hubUrl, token: hubToken });
  const removing = { ...options, client, hubOf };
  const placeOf = (run: RunRef) => runPlace(options.jobsFolder, run.jobId, run.runToken);
  const asking = async <Result>(work: Promise<Result>): Promise<Result> =>
    work.catch((error: unknown) => {
      throw asFailure(error);
    });
  return {
    id: "replicate",
    settable: { hardware: hardwareProfiles.map(({ id }) => id) },
    account: replicateAccount({ ...options, client: promptClient, token }),
    route: async (question) => replicateRoute(question, await circumstancesOf(options)),
    webhooks: replicateWebhooks(
      { client, watch, baseUrl: options.baseUrl },
      { ...usualWebhookTimes, lookMs: patience.youngLookMs },
    ),
    runs: listedRuns(client, { ...options, budget, watch }),
    describe: async () => describe(await options.settings(), await checkAccount()),
    start: async (request, signal) => {
      const settings = await options.settings();
      const profile = profileNamed(profilesOf(settings), request.hardware ?? null);
      const starting = {
        ...options,
        client,
        patience,
        hubOf,
        reachable: settings.storageUrl !== null,
        webhookUrl: webhookAddress(settings.webhookUrl, options.baseUrl),
      };
      const externalId = await asking(startRun(starting, placeOf(request), request, profile.model, signal));
      return { externalId, hardwareType: profile.id, trainer: "simpletuner" };
    },
    follow: (run, from, reporter, signal) =>
      asking(followRun(following, placeOf(run), run, from, reporter, signal)),
    cancel: (run) =>
      asking(readState(placeOf(run)).then((state) => stopRun({ client, patience }, state, run))),
    outputFolder: (jobId) => join(options.jobsFolder, jobId, "output"),
    forget: (jobId) => forget(removing, jobId),
    sweep: () => sweepLeftovers(removing),
  };
}

/** Removes what was carried elsewhere for a job, then what is known of it here. */
async function forget(removing: RemoveOptions & { jobsFolder: string }, jobId: string): Promise<void> {
  const folder = join(removing.jobsFolder, jobId);
  for (const runToken of await runTokensOf(folder)) {
    const state = await readState(runPlace(removing.jobsFolder, jobId, runToken));
    await removeCarried(removing, state, { jobId, runToken });
  }
  await rm(folder, { recursive: true, force: true });
}

/** What must not be told in a log line; that a source is silent is no reason to stop following. */
async function secretsInUse({ token, hubToken }: ReplicateProviderOptions): Promise<string[]> {
  const found = await Promise.all([
    token().then(
      (each) => each?.value ?? null,
      () => null,
    ),
    hubToken().catch(() => null),
  ]);
  return found.filter((each) => each !== null);
}

function describe(
  settings: ReplicateSettings,
  { hasToken, username, problem }: AccountState,
): ProviderDescription {
  const { model } = settings;
  return {
    id: "replicate",
    name: providerName,
    description:
      "Preview: trains on rented GPUs at Replicate. The datasets are uploaded and removed when the job ends.",
    configured: hasToken,
    coming_soon: false,
    unavailable_reason: problem,
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

/** The chosen hardware's profile; the first when nothing was chosen. */
function profileNamed(profiles: readonly HardwareProfile[], id: string | null): HardwareProfile {
  const profile = id === null ? profiles[0] : profiles.find((each) => each.id === id);
  if (profile) return profile;
  throw fail("provider_refused", {
    provider: providerName,
    reason: `there is no hardware "${id}". Choose one of ${profiles.map((each) => each.id).join(", ")}.`,
  });
}
