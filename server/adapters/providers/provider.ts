import type { KeyObject } from "node:crypto";
import type { StatusEntry } from "@simpletuner-cloud/contract/provider-account.ts";
import type { Provider as ProviderDescription } from "@simpletuner-cloud/contract/providers.ts";
import type { DataloaderConfig, TrainerConfig } from "../../domain/config-rules.ts";
import type { RunEnd } from "../../domain/job-state.ts";
import type { DatasetRoute, RouteQuestion } from "./dataset-route.ts";

/** Where a trainer sends its outputs: this server's storage endpoint with the job's own credential. */
export interface UploadTarget {
  endpointUrl: string;
  bucket: string;
  accessKeyId: string;
  secretAccessKey: string;
  /** Where the trainer may post its events, authenticated with the secret above. */
  callbackUrl: string;
}

/** Names one run of one attempt of a job. */
export interface RunRef {
  jobId: string;
  runToken: string;
  externalId: string | null;
}

/** Everything a provider needs to start a run. Secrets are plain here and nowhere else. */
export interface RunRequest extends RunRef {
  name: string;
  attempt: number;
  config: TrainerConfig;
  /** The dataset list with this machine's folders; an archive carries its own, rewritten one. */
  dataloader: DataloaderConfig;
  /** The packaged datasets, or null when they are read in place. */
  archivePath: string | null;
  upload: UploadTarget;
  /** The hardware that was chosen, by its id in the description; absent or null leaves it to the provider. */
  hardware?: string | null;
  /** Continue from the newest checkpoint of an earlier attempt. */
  resume: boolean;
  /** Told how much of the datasets has been sent; `file` is the one sent last where that is known. */
  onUpload?: (progress: { sent: number; total: number; file: string | null }) => void;
}

/** What a provider tells while a run goes on. Each call resolves once the fact is stored. */
export interface RunReporter {
  /** New whole log lines and the position after them; called again with the same position, it adds nothing. */
  log(text: string, position: number): Promise<void>;
  /** The log's last line as far as it is written: a bar that is drawn over itself. It tells progress and is not stored. */
  unfinishedLine(text: string): Promise<void>;
  /** Somebody reads the log as it grows, so that it should be told soon. */
  isRead(): boolean;
}

/** How following a run ends: with the run's end, or without a trace of the run, which may then start again. */
export type FollowResult = RunEnd | { outcome: "lost"; reason: string; billedSeconds?: number | null };

/** Whose account jobs run in. Every call throws a failure of the contract. */
export interface ProviderAccount {
  /** Asks the provider whose token it is, and says which source the token is from. */
  check(): Promise<{ username: string; name: string | null; githubUrl: string | null; tokenSource: string }>;
  /** Versions of a model (null: the one that trains), newest first, and the one that is pinned. */
  versions(model: string | null): Promise<{
    model: string;
    versions: readonly { id: string; createdAt: string | null }[];
    pinned: string | null;
  }>;
  /** What the provider's status page says. */
  status(): Promise<ProviderStatusPage>;
}

/** What a status page says: what is going on now, and what is planned. */
export interface ProviderStatusPage {
  url: string | null;
  incidents: readonly StatusEntry[];
  maintenances: readonly StatusEntry[];
  planned: readonly StatusEntry[];
}

/** A run that its provider tells of, and its state in the provider's own words. */
export interface ToldRun {
  externalId: string;
  status: string;
}

/** What a provider tells by itself of its runs. */
export interface ProviderWebhooks {
  /** The keys of its signatures; `fresh` asks for them anew. Empty: it has none. */
  keys(fresh: boolean): Promise<readonly KeyObject[]>;
  /**
   * The run that a body tells of, null when it tells of none; throws `webhook_unreadable` for what the provider never
   * sends.
   */
  read(body: Uint8Array): ToldRun | null;
  /** Has whoever follows the run here look at it; answers whether anybody does. */
  hear(run: ToldRun): boolean;
  /** Whether it calls addresses such as this one at all. */
  calls(url: string): boolean;
  /** Has the provider call an address, as its webhooks would. */
  callBack(url: string, signal: AbortSignal): Promise<CallBack>;
}

/** How a call of the provider to an address went. */
export interface CallBack {
  externalId: string | null;
  statusCode: number | null;
  /** Null: it arrived. */
  problem: string | null;
}

/** A run as the provider lists it. */
export interface ListedRun {
  externalId: string;
  /** Names the run when this server started it; null when somebody else did. */
  runToken: string | null;
  status: "queued" | "running" | "completed" | "failed" | "cancelled";
  createdAtMs: number;
  startedAtMs: number | null;
  completedAtMs: number | null;
  billedSeconds: number | null;
  /** An id of the description's hardware. */
  hardware: string | null;
  name: string | null;
  config: TrainerConfig;
}

/** The runs of the account, whoever started them. */
export interface ProviderRuns {
  /** Those of the models that train, created since an instant, newest first. */
  list(sinceMs: number): AsyncIterable<ListedRun>;
  /** Stops one by its id; false when it was over before. */
  stop(externalId: string): Promise<boolean>;
  /** Looks at all runs that are followed; resolves once what was found is stored, at the latest when the signal aborts. */
  refresh(signal: AbortSignal): Promise<void>;
}

/**
 * A place where jobs run. `start` is idempotent by run token and resolves once the provider holds the run;
 * everything after a crash is found again by `follow`. Failures are thrown as contract failures whose sentence
 * ends up on the job.
 */
export interface Provider {
  readonly id: string;
  /** What of it can be set; absent where nothing can. */
  readonly settable?: { readonly hardware: readonly string[] };
  /** The account there; absent where none is needed. */
  readonly account?: ProviderAccount;
  /** Absent where nothing is told. */
  readonly webhooks?: ProviderWebhooks;
  /** Absent where runs cannot be listed. */
  readonly runs?: ProviderRuns;
  describe(): Promise<ProviderDescription>;
  /** How packaged datasets would reach the trainer; absent: an archive beside it on this machine. */
  route?(question: RouteQuestion): Promise<DatasetRoute>;
  /** `signal` cuts the preparing short; a start that was cut off is made again, or cancelled. */
  start(
    request: RunRequest,
    signal: AbortSignal,
  ): Promise<{ externalId: string | null; hardwareType: string | null; trainer: string }>;
  /** Reads on from log position `from` and reports until the run ends; `signal` stops following, not the run. */
  follow(run: RunRef, from: number, reporter: RunReporter, signal: AbortSignal): Promise<FollowResult>;
  /**
   * Asks the run to stop; the end is told by `follow`. Harmless when the run is over or unknown. Answers the id of a run
   * that is there elsewhere, which a start that was cut off may have made.
   */
  cancel(run: RunRef): Promise<string | null>;
  /** Files of the run on this machine that must be in the storage before the job is over; null when there are none. */
  outputFolder(jobId: string): string | null;
  /** Removes everything the provider keeps for the job. */
  forget(jobId: string): Promise<void>;
  /** Tries again to remove what could not be removed elsewhere when its job was forgotten. */
  sweep?(): Promise<void>;
}
