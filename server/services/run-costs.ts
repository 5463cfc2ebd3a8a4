import type { Kysely } from "kysely";
import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import type { Failure } from "@simpletuner-cloud/contract/errors.ts";
import type { Database, JobChargesTable } from "../db/schema.ts";
import type { JobChargeStore } from "../db/stores/job-charges.ts";
import type { JobStore } from "../db/stores/jobs.ts";
import type { SpendLimitStore } from "../db/stores/spend-limits.ts";
import { costMicros, usdOfMicros } from "../domain/cost.ts";
import type { JobRecord } from "../domain/job-record.ts";
import { requestStop } from "../domain/job-state.ts";
import { type ClockReading, elapsedMs } from "../domain/run-clock.ts";
import type { JobPrice } from "./job-price.ts";
import { type SpendGuard, stopReasonOf } from "./spend-guard.ts";

/** What counting costs needs. */
export interface RunCostOptions {
  jobs: JobStore;
  charges: JobChargeStore;
  spendLimits: SpendLimitStore;
  spendGuard: SpendGuard;
  readClock: () => ClockReading;
}

/** Charges looked at in one round; more than can run at any limit. */
const mostRunning = 10_000;

/**
 * Counts what runs cost, from the moment the provider holds them to their end, and under a hard limit reserves the
 * money slice by slice before it is spent. All of it is stored, so counting goes on where a killed server left it.
 */
export function runCosts(options: RunCostOptions) {
  return {
    /** Opens the charge of a new job in its own transaction; a job without a price or free of charge has none. */
    async open(transaction: Kysely<Database>, job: Job, price: JobPrice): Promise<string | null> {
      const { rateMicrosPerHour, estimate, hardware } = price;
      if (!rateMicrosPerHour) return null;
      const estimateMicros = estimate.micros?.typical ?? null;
      const { provider } = job;
      const warning = await options.spendGuard.admit(transaction, {
        provider,
        rateMicrosPerHour,
        estimateMicros,
      });
      await options.charges.insert(transaction, {
        job_id: job.job_id,
        user_id: job.user_id,
        provider,
        hardware: hardware?.id.slice(0, 80) ?? "",
        rate_micros_per_hour: rateMicrosPerHour,
        estimate_micros: estimateMicros,
        state: "waiting",
        run_token: null,
        from_at: null,
        until_at: null,
        counted_ms: 0,
        run_ms: 0,
        micros: 0,
        planned_micros: estimateMicros ?? 0,
        held_micros: 0,
        seen_uptime_ms: 0,
        seen_boot_id: "",
      });
      return warning;
    },
    begin: (jobId: string, runToken: string) => begin(options, jobId, runToken),
    started: (transaction: Kysely<Database>, jobId: string, fresh: boolean) =>
      started(options, transaction, jobId, fresh),
    settle: (jobId: string, runToken: string, billedSeconds: number | null) =>
      settle(options, jobId, runToken, billedSeconds),
    /** Charges that are counted now. */
    running: () => options.charges.running(mostRunning),
    count: (charge: JobChargesTable) => count(options, charge),
  };
}

/** See {@link runCosts}. */
export type RunCosts = ReturnType<typeof runCosts>;

/**
 * Before a run is handed over: reserves its first slice, or throws `budget_exhausted`. Answers false when this was done
 * before, by a server that may have got as far as starting the run.
 */
async function begin(options: RunCostOptions, jobId: string, runToken: string): Promise<boolean> {
  return options.spendLimits.decide(async (transaction) => {
    const charge = await options.charges.find(jobId, transaction);
    if (!charge) return true;
    if (charge.run_token === runToken) return false;
    const held = await options.spendGuard.nextSlice(transaction, holdingOf(charge));
    if ("refused" in held) throw held.refused;
    await options.charges.update(transaction, charge, {
      state: "reserved",
      run_token: runToken,
      run_ms: 0,
      held_micros: held.heldMicros,
      planned_micros: Math.max(charge.estimate_micros ?? 0, held.heldMicros),
      ...seenAt(options.readClock()),
    });
    return true;
  });
}

/** The provider holds the run: from now on it is counted; from its beginning if an earlier start was cut off. */
async function started(
  options: RunCostOptions,
  transaction: Kysely<Database>,
  jobId: string,
  fresh: boolean,
): Promise<void> {
  const charge = await options.charges.find(jobId, transaction);
  if (charge?.state !== "reserved") return;
  const clock = options.readClock();
  await options.charges.update(transaction, charge, {
    state: "running",
    from_at: charge.from_at ?? clock.nowMs,
    ...(fresh ? seenAt(clock) : {}),
  });
}

/** How counting a charge on ended: with its job going on, or asked to stop because its next slice does not fit. */
export type Counted = "goes on" | "to be stopped";

/** Counts a running charge up to now, on the job as well, and reserves its next slice. */
async function count(options: RunCostOptions, charge: JobChargesTable): Promise<Counted> {
  const clock = options.readClock();
  const counted = countedTo(charge, charge.run_ms + elapsedOf(charge, clock));
  const asked: { refused: Failure | null } = { refused: null };
  const job = await changeCost(options, charge, counted.micros, async (transaction) => {
    const slice = await options.spendGuard.nextSlice(transaction, {
      ...holdingOf(charge),
      micros: counted.micros,
    });
    asked.refused = "refused" in slice ? slice.refused : null;
    const heldMicros = "refused" in slice ? charge.held_micros : slice.heldMicros;
    return {
      ...counted,
      held_micros: heldMicros,
      planned_micros: Math.max(charge.estimate_micros ?? 0, heldMicros),
      ...seenAt(clock),
    };
  });
  if (!asked.refused || job === null || job === "overtaken") return "goes on";
  const reason = stopReasonOf(asked.refused);
  const stopped = await options.jobs.change(charge.job_id, (record) =>
    record.private.runToken === charge.run_token ? requestStop(record, reason) : null,
  );
  return stopped?.wire.cancel_requested ? "to be stopped" : "goes on";
}

/**
 * The run is over: its cost is counted to the end, or taken from the provider's own time, and nothing is reserved any
 * more. Exactly once for a run: a second call, or one about another run, changes nothing.
 */
async function settle(
  options: RunCostOptions,
  jobId: string,
  runToken: string,
  billedSeconds: number | null,
): Promise<void> {
  for (;;) {
    const charge = await options.charges.find(jobId);
    if (!charge) return settleFound(options, jobId, runToken, billedSeconds);
    if (charge.run_token !== runToken || charge.state === "final") return;
    const clock = options.readClock();
    const ownMs = charge.state === "running" ? charge.run_ms + elapsedOf(charge, clock) : charge.run_ms;
    const counted = countedTo(charge, billedSeconds === null ? ownMs : Math.round(billedSeconds * 1_000));
    const job = await changeCost(options, charge, counted.micros, async (transaction) => {
      // What was set aside becomes spent: a decision that reads one before and the other after would miss it.
      await options.spendLimits.lock(transaction);
      return { ...counted, state: "final", held_micros: 0, planned_micros: 0, ...seenAt(clock) };
    });
    if (job !== "overtaken") return;
  }
}

/** The end of a run that was taken over: it has no charge, and costs what the provider says. */
async function settleFound(
  { jobs }: RunCostOptions,
  jobId: string,
  runToken: string,
  billedSeconds: number | null,
): Promise<void> {
  if (billedSeconds === null) return;
  await jobs.change(jobId, ({ wire, private: own }) => {
    const rate = own.foundRateMicrosPerHour;
    if (rate === undefined || own.runToken !== runToken || wire.cost_usd !== null) return null;
    return { wire: { cost_usd: usdOfMicros(costMicros(rate, billedSeconds * 1_000)) }, events: [] };
  });
}

/** Somebody else counted the charge meanwhile; what was worked out from it is stale. */
class Overtaken extends Error {}

/** Writes a cost to the job and its charge in one transaction; null when the run is not the job's any more. */
async function changeCost(
  { jobs, charges }: RunCostOptions,
  charge: JobChargesTable,
  micros: number,
  fields: (transaction: Kysely<Database>) => Promise<Partial<JobChargesTable>>,
): Promise<JobRecord | "overtaken" | null> {
  let mine = false;
  try {
    const job = await jobs.change(
      charge.job_id,
      (record) => {
        mine = record.private.runToken === charge.run_token && record.wire.is_active;
        return mine ? { wire: { cost_usd: usdOfMicros(micros) }, events: [] } : null;
      },
      async (transaction) => {
        if (!(await charges.update(transaction, charge, await fields(transaction)))) throw new Overtaken();
      },
    );
    return mine ? job : null;
  } catch (error) {
    if (error instanceof Overtaken) return "overtaken";
    throw error;
  }
}

/** The charge's figures when its current run has taken `runMs`. */
function countedTo(charge: JobChargesTable, runMs: number) {
  const countedMs = charge.counted_ms - charge.run_ms + runMs;
  return {
    run_ms: runMs,
    counted_ms: countedMs,
    micros: costMicros(charge.rate_micros_per_hour, countedMs),
  };
}

/** Time since the charge was counted last. When nobody can know, what is paid for counts as used. */
function elapsedOf(charge: JobChargesTable, clock: ClockReading): number {
  const before = {
    nowMs: charge.until_at ?? clock.nowMs,
    uptimeMs: charge.seen_uptime_ms,
    bootId: charge.seen_boot_id,
  };
  const known = elapsedMs(before, clock);
  if (known !== null) return known;
  const unused = Math.max(0, charge.held_micros - charge.micros);
  return Math.ceil((unused * 3_600_000) / charge.rate_micros_per_hour);
}

function holdingOf(charge: JobChargesTable) {
  return {
    jobId: charge.job_id,
    provider: charge.provider,
    rateMicrosPerHour: charge.rate_micros_per_hour,
    micros: charge.micros,
    heldMicros: charge.held_micros,
  };
}

function seenAt({ nowMs, uptimeMs, bootId }: ClockReading) {
  return { until_at: nowMs, seen_uptime_ms: Math.round(uptimeMs), seen_boot_id: bootId };
}
