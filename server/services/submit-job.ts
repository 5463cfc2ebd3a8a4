import { createHash } from "node:crypto";
import { uuidv7 } from "uuidv7";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { SubmitJob } from "@simpletuner-cloud/contract/jobs.ts";
import type { Caller } from "@simpletuner-cloud/contract/permissions.ts";
import type { Provider } from "../adapters/providers/provider.ts";
import type { IdempotencyKeyStore } from "../db/stores/idempotency-keys.ts";
import type { IdempotencyClaim, JobStore } from "../db/stores/jobs.ts";
import { usdOfMicros } from "../domain/cost.ts";
import { type JobRecord, newJobRecord } from "../domain/job-record.ts";
import { mapSecretFields, type SecretBox } from "../domain/sealed-secret.ts";
import { currentWork, noteInWork } from "../domain/work-scope.ts";
import type { TakeConfigSnapshot } from "./config-snapshots.ts";
import type { ConsentCheck } from "./data-consent.ts";
import type { DatasetPackaging, PackagingPlan } from "./dataset-packaging.ts";
import { routeOf, sendsFiles } from "./dataset-routes.ts";
import type { DeliveryOrders } from "./delivery-orders.ts";
import type { JobInputs } from "./job-inputs.ts";
import type { JobPrice, JobPricing } from "./job-price.ts";
import type { RunCosts } from "./run-costs.ts";

/** How long an idempotency key is remembered (CONTRACT 2.11). */
const keyLifetimeMs = 24 * 3_600_000;

/** What submitting needs. */
export interface SubmitJobOptions {
  jobs: JobStore;
  keys: IdempotencyKeyStore;
  packaging: DatasetPackaging;
  consent: ConsentCheck;
  secrets: SecretBox;
  now: () => number;
  findProvider: (id: string) => Provider;
  price: JobPricing;
  costs: Pick<RunCosts, "open">;
  takeConfigSnapshot: TakeConfigSnapshot;
  deliveryOrders: DeliveryOrders;
  /** Called after a job was written, so that the queue looks at once. */
  wakeQueue: () => void;
}

/** A submit. */
export interface Submission {
  request: Omit<SubmitJob, "config" | "dataloader_config">;
  /** What the caller asked for, word for word: equal requests under one idempotency key are the same job. */
  asked: unknown;
  /** Finds the configuration and datasets; not called for a request that was answered before. */
  findInputs: () => Promise<JobInputs>;
  retryOf: string | null;
}

/** Writes new jobs: everything is checked and agreed before the first byte is written. */
export function jobSubmitter(options: SubmitJobOptions) {
  return async (
    caller: Caller,
    submission: Submission,
  ): Promise<{ job: JobRecord; idempotentHit: boolean; costWarning: string | null }> => {
    const claim = claimOf(caller, submission, options.now());
    const earlier = claim && (await jobOfKey(options, claim));
    if (earlier) return { job: earlier, idempotentHit: true, costWarning: null };
    const job = await prepareJob(options, caller, submission);
    noteInWork({ jobId: job.record.wire.job_id, provider: job.record.wire.provider });
    let costWarning: string | null = null;
    try {
      await options.jobs.insert(
        job.record,
        job.snapshot,
        job.events,
        claim,
        async (transaction, { wire }) => {
          costWarning = await options.costs.open(transaction, wire, job.price);
          await options.deliveryOrders.open(transaction, wire.job_id, job.orders);
        },
      );
    } catch (error) {
      // Two requests with one key may come this far together; the key's uniqueness lets one of them write.
      const first = claim && (await jobOfKey(options, claim));
      if (!first) throw error;
      return { job: first, idempotentHit: true, costWarning: null };
    }
    options.wakeQueue();
    return { job: job.record, idempotentHit: false, costWarning };
  };
}

/** See {@link jobSubmitter}. */
export type JobSubmitter = ReturnType<typeof jobSubmitter>;

async function prepareJob(
  options: SubmitJobOptions,
  caller: Caller,
  { request, findInputs, retryOf }: Submission,
) {
  const inputs = await findInputs();
  const { provider, transfer, description } = await destinationOf(options, request);
  const price = await options.price(
    description,
    request.hardware ?? request.hardware_profile,
    inputs.config,
    "to charge",
  );
  const orders = await options.deliveryOrders.plan(request.destinations, inputs.config);
  const plan = await options.packaging.plan(inputs.dataloader);
  const route = await routeOf(provider, transfer, inputs, plan);
  if (route.refusal) throw route.refusal;
  const consentedFingerprint = !sendsFiles(route)
    ? null
    : await options.consent.checkConsent(plan, {
        userId: caller.userId,
        provider: provider.id,
        way: route.way,
        token: request.consent_token,
      });
  const name = request.name ?? request.tracker_run_name ?? inputs.configName ?? "Untitled run";
  const configSnapshot = await configSnapshotOf(options, request, retryOf);
  const record = newJobRecord(
    {
      jobId: uuidv7(),
      userId: caller.userId,
      provider: provider.id,
      jobType: provider.id === "local" ? "local" : "cloud",
      name,
      configName: inputs.configName,
      modelFamily: familyOf(inputs),
      transfer,
      consentedFingerprint,
      retryOf,
      traceparent: currentWork()?.span?.traceparent,
      ...costFields(price),
      metadata: {
        dataset_files: plan.total_files,
        dataset_bytes: plan.total_bytes,
        dataset_transfer: transfer,
        dataset_way: route.way,
        ...(request.upload_id !== undefined && { upload_id: request.upload_id }),
        ...(configSnapshot && { snapshot: configSnapshot }),
      },
    },
    options.now(),
  );
  return {
    record,
    price,
    orders,
    snapshot: frozen(options.secrets, inputs, plan),
    events: firstEvents(record.wire, plan, consentOf(transfer, consentedFingerprint)),
  };
}

function familyOf({ config: { model_family: family } }: JobInputs): string | null {
  return typeof family === "string" ? family : null;
}

function firstEvents({ name, provider }: JobRecord["wire"], plan: PackagingPlan, consent: string) {
  const { fingerprint, total_files: files, total_bytes: bytes } = plan;
  return [
    { type: "job.created", data: { status: "pending", name, provider } },
    { type: "job.plan", data: { fingerprint, files, bytes, consent } },
  ] as const;
}

/** A retry runs what was frozen then, whatever the configurations are now. */
async function configSnapshotOf(
  { takeConfigSnapshot }: SubmitJobOptions,
  request: Submission["request"],
  retryOf: string | null,
) {
  if (retryOf !== null) return null;
  const name = request.snapshot_name ?? request.tracker_run_name;
  return takeConfigSnapshot({ name, message: request.snapshot_message });
}

/** Where the job goes and how its datasets get there. */
async function destinationOf(options: SubmitJobOptions, request: Submission["request"]) {
  const provider = options.findProvider(request.provider ?? "local");
  const description = await provider.describe();
  const { unavailable_reason, capabilities } = description;
  if (unavailable_reason !== null)
    throw fail("provider_unavailable", { provider: provider.id, reason: unavailable_reason });
  const transfer = request.dataset_transfer ?? (capabilities.reads_in_place ? "in_place" : "package");
  return { provider, transfer, description };
}

/** Hardware that has a price is part of the job from the start; free hardware is whatever the run finds. */
function costFields({ hardware, rateMicrosPerHour, estimate }: JobPrice) {
  const estimatedCostUsd = estimate.micros ? usdOfMicros(estimate.micros.typical) : null;
  if (!rateMicrosPerHour)
    return { hardwareType: null, costUsd: rateMicrosPerHour === 0 ? 0 : null, estimatedCostUsd };
  return { hardwareType: hardware?.id ?? null, hardware: hardware?.id ?? null, costUsd: 0, estimatedCostUsd };
}

function consentOf(transfer: "in_place" | "package", fingerprint: string | null): string {
  if (transfer === "in_place") return "in_place";
  return fingerprint === null ? "allow" : "token";
}

/** The inputs as they are kept: secret values sealed, the plan without its list of excluded files. */
function frozen(secrets: SecretBox, inputs: JobInputs, plan: PackagingPlan) {
  const seal = (value: unknown) => JSON.stringify(mapSecretFields(value, (secret) => secrets.seal(secret)));
  const datasets = plan.datasets.map(({ excluded: _, ...dataset }) => dataset);
  return {
    config: seal(inputs.config),
    dataloader: seal(inputs.dataloader),
    plan: JSON.stringify({ ...plan, datasets }),
  };
}

function claimOf(
  caller: Caller,
  { request, asked, retryOf }: Submission,
  nowMs: number,
): IdempotencyClaim | null {
  const key = request.idempotency_key;
  if (key === undefined) return null;
  // A token that was fetched again is no other request.
  const meant = { ...(asked as object), consent_token: undefined, upload_id: undefined };
  const requestHash = createHash("sha256")
    .update(JSON.stringify([retryOf, meant]))
    .digest("hex");
  return { userId: caller.userId, key, requestHash, expiresAtMs: nowMs + keyLifetimeMs };
}

async function jobOfKey(options: SubmitJobOptions, claim: IdempotencyClaim): Promise<JobRecord | null> {
  const known = await options.keys.find(claim.userId, claim.key);
  if (!known) return null;
  if (known.requestHash !== claim.requestHash) throw fail("idempotency_key_reused");
  return options.jobs.find(known.jobId);
}
