import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Bucket } from "./bucket.ts";
import type { PublishingTarget } from "./config.ts";
import {
  type DeliveredFiles,
  listOutputFiles,
  openDeliveredFiles,
  type OutputFile,
  stampOf,
} from "./delivered-files.ts";
import { reasonOf, systemCode, TrainerFailure, undelivered } from "./failure.ts";
import { duration, type Log } from "./log.ts";

/** Brings the files of the output folder to their targets beside the training, one after the other. */
export interface Delivery {
  /** Queues every finished file that some target lacks. */
  offer(): Promise<void>;
  /** Set once delivering became pointless; the training should save and stop. */
  failure(): TrainerFailure | undefined;
  /** Offers once more and waits until everything is delivered; throws the failure otherwise. */
  finish(): Promise<void>;
}

/** How patiently an unreachable target is tried. */
export interface Patience {
  firstDelayMs: number;
  maxDelayMs: number;
  /** Without any success for this long, delivering fails. */
  totalMs: number;
}

/** Long enough for a server to be restarted or upgraded meanwhile. */
export const defaultPatience: Patience = { firstDelayMs: 500, maxDelayMs: 5_000, totalMs: 15 * 60_000 };

interface Destination {
  readonly target: PublishingTarget;
  readonly bucket: Bucket;
  /** Names the destination in the record of delivered files; holds no secret. */
  readonly recordName: string;
}

/** Starts delivering `outputDir` to `targets`; with none, everything is a no-op. */
export async function startDelivery(
  outputDir: string,
  targets: readonly PublishingTarget[],
  log: Log,
  patience: Patience = defaultPatience,
): Promise<Delivery> {
  if (targets.length === 0)
    return { offer: async () => {}, failure: () => undefined, finish: async () => {} };
  // The client is large: runs without publishing do not load it.
  const { openBucket } = await import("./bucket.ts");
  const destinations = targets.map((target) => ({
    target,
    bucket: openBucket(target),
    recordName: [target.endpointUrl, target.bucket, target.basePath].join("/"),
  }));
  const delivered = await openDeliveredFiles(outputDir);
  const queue: OutputFile[] = [];
  let failure: TrainerFailure | undefined;
  let working: Promise<void> | undefined;

  const work = async (): Promise<void> => {
    try {
      for (let file = queue[0]; file !== undefined; file = queue[0]) {
        for (const destination of destinations) {
          await deliverFile(outputDir, file.path, destination, delivered, log, patience);
        }
        queue.shift();
      }
    } catch (error) {
      failure =
        error instanceof TrainerFailure ? error : undelivered(`Delivering failed: ${reasonOf(error)}`, error);
    } finally {
      working = undefined;
    }
  };
  const offer = async (): Promise<void> => {
    for (const file of await listOutputFiles(outputDir)) {
      const complete = destinations.every(({ recordName }) => delivered.has(recordName, file));
      const queued = queue.some((other) => other.path === file.path && other.mtimeMs === file.mtimeMs);
      if (!complete && !queued) queue.push(file);
    }
    if (queue.length > 0 && failure === undefined) working ??= work();
  };
  return {
    offer,
    failure: () => failure,
    finish: async () => {
      await offer();
      if (queue.length > 0 && failure === undefined) log.info(`Delivering the last ${queue.length} files`);
      await working;
      if (failure) throw failure;
    },
  };
}

/** Puts one file, trying again while the target does not answer; a file that was pruned meanwhile is passed over. */
async function deliverFile(
  outputDir: string,
  path: string,
  { target, bucket, recordName }: Destination,
  delivered: DeliveredFiles,
  log: Log,
  patience: Patience,
): Promise<void> {
  const key = target.basePath === "" ? path : `${target.basePath}/${path}`;
  const startedAt = Date.now();
  let delayMs = patience.firstDelayMs;
  let warned = false;
  for (;;) {
    try {
      const stamp = await stampOf(join(outputDir, path));
      if (delivered.has(recordName, { path, ...stamp })) return;
      await bucket.put(key, join(outputDir, path));
      await delivered.add(recordName, { path, ...stamp });
      if (warned) log.info(`Delivery goes on after ${duration((Date.now() - startedAt) / 1000)}`);
      log.info(`Delivered ${path} (${stamp.size} bytes)`);
      return;
    } catch (error) {
      if (systemCode(error) === "ENOENT") return;
      const reason = describe(error);
      const where = `${path} to bucket "${target.bucket}" at ${target.endpointUrl}`;
      if (isFinal(error)) throw undelivered(`Delivering ${where} was refused: ${reason}`, error);
      if (Date.now() - startedAt + delayMs > patience.totalMs) {
        const waited = duration(patience.totalMs / 1000);
        throw undelivered(`Delivering ${where} did not succeed within ${waited}: ${reason}`, error);
      }
      if (!warned) log.warn(`Delivering ${where} does not work yet, trying again: ${reason}`);
      warned = true;
    }
    await sleep(delayMs);
    delayMs = Math.min(patience.maxDelayMs, delayMs * 2);
  }
}

/** A refusal that waiting does not change: any 4xx but "too slow", "conflict" and "too many requests". */
function isFinal(error: unknown): boolean {
  const status = httpStatus(error);
  return status !== undefined && status >= 400 && status < 500 && ![408, 409, 429].includes(status);
}

function httpStatus(error: unknown): number | undefined {
  if (typeof error !== "object" || error === null || !("$metadata" in error)) return undefined;
  const metadata = error.$metadata as { httpStatusCode?: unknown } | undefined;
  return typeof metadata?.httpStatusCode === "number" ? metadata.httpStatusCode : undefined;
}

function describe(error: unknown): string {
  const status = httpStatus(error);
  const advice =
    status === 401 || status === 403
      ? ". Check access_key and secret_key of publishing_config; the job may have ended"
      : "";
  const name = error instanceof Error && error.name !== "Error" ? `${error.name} ` : "";
  return `${status === undefined ? "" : `${status} `}${name}${reasonOf(error)}${advice}`;
}
