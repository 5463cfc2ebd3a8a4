import type { Kysely } from "kysely";
import type { CostLimitStatus } from "@simpletuner-cloud/contract/cost.ts";
import { type ErrorDetails, errorSentence, fail, type Failure } from "@simpletuner-cloud/contract/errors.ts";
import type { Database } from "../db/schema.ts";
import type { SpendLimitStore } from "../db/stores/spend-limits.ts";
import { usdOfMicros, usdText } from "../domain/cost.ts";
import {
  type Holding,
  nearShare,
  needsSlice,
  periodOf,
  refuses,
  sliceFits,
  sliceMicros,
  type SpendLimit,
  type SpendSums,
  submitVerdict,
  withSlice,
} from "../domain/spend-limit.ts";

/** What the guard needs. */
export interface SpendGuardOptions {
  spendLimits: SpendLimitStore;
  now: () => number;
}

/** A limit, and what it is held against now. */
interface Standing {
  limit: SpendLimit;
  sums: SpendSums;
}

/** What the limits say to a job. */
export interface SpendVerdict {
  verdict: "fits" | "near" | "exceeded" | "refused";
  limit: CostLimitStatus | null;
}

/** Whether a running job's next slice was reserved. */
export type SliceAnswer = { heldMicros: number } | { refused: Failure };

/** Holds the spend limits against jobs. Decisions take the caller's transaction and lock all others out until its end. */
export function spendGuard(options: SpendGuardOptions) {
  return { ...submitChecks(options), ...sliceChecks(options), ...reports(options) };
}

async function standingsOf(
  options: SpendGuardOptions,
  provider: string,
  transaction?: Kysely<Database>,
  exceptJobId?: string,
): Promise<Standing[]> {
  const limits = await options.spendLimits.limits(transaction);
  const standings: Standing[] = [];
  for (const limit of limits.filter((each) => each.provider === null || each.provider === provider))
    standings.push({ limit, sums: await sumsOf(options, limit, transaction, exceptJobId) });
  return standings;
}

/** What a job may cost: its estimate, or where nobody can tell, its first slice. */
function askedMicros(limit: SpendLimit, rateMicrosPerHour: number, estimateMicros: number | null): number {
  return estimateMicros ?? sliceMicros(rateMicrosPerHour, limit.sliceMs);
}

function submitChecks(options: SpendGuardOptions) {
  const { spendLimits, now } = options;
  return {
    /**
     * Lets a new job in or throws `cost_limit_exceeded`; answers the sentence of a limit that it comes near to or that
     * only warns. The job's own charge must not be written yet.
     */
    async admit(
      transaction: Kysely<Database>,
      job: { provider: string; rateMicrosPerHour: number; estimateMicros: number | null },
    ): Promise<string | null> {
      await spendLimits.lock(transaction);
      let warning: string | null = null;
      for (const { limit, sums } of await standingsOf(options, job.provider, transaction)) {
        const micros = askedMicros(limit, job.rateMicrosPerHour, job.estimateMicros);
        const verdict = submitVerdict(limit, sums, micros);
        const details = { ...wordsOf(limit, sums, now()), estimate: usdText(micros) };
        if (verdict === "exceeded" && refuses(limit.action)) throw fail("cost_limit_exceeded", details);
        if (verdict !== "fits") warning ??= statusOf(limit, sums, now()).message ?? nearSentence(details);
      }
      return warning;
    },
    /** What a submit would be answered now, without deciding anything. */
    async preview(
      provider: string,
      rateMicrosPerHour: number,
      estimateMicros: number | null,
    ): Promise<SpendVerdict> {
      let worst: SpendVerdict = { verdict: "fits", limit: null };
      for (const { limit, sums } of await standingsOf(options, provider)) {
        const said = submitVerdict(limit, sums, askedMicros(limit, rateMicrosPerHour, estimateMicros));
        const verdict = said === "exceeded" && refuses(limit.action) ? "refused" : said;
        if (order.indexOf(verdict) > order.indexOf(worst.verdict))
          worst = { verdict, limit: statusOf(limit, sums, now()) };
      }
      return worst;
    },
  };
}

function sliceChecks(options: SpendGuardOptions) {
  const { spendLimits, now } = options;
  return {
    /**
     * Reserves a job's next slice when it needs one under a hard limit. Without a hard limit nothing is held. The job's
     * spent money must be booked already.
     */
    async nextSlice(
      transaction: Kysely<Database>,
      job: { jobId: string; provider: string } & Holding,
    ): Promise<SliceAnswer> {
      await spendLimits.lock(transaction);
      const hard = (await standingsOf(options, job.provider, transaction, job.jobId)).filter(
        ({ limit }) => limit.action === "stop",
      );
      if (hard.length === 0) return { heldMicros: 0 };
      const sliceMs = Math.min(...hard.map(({ limit }) => limit.sliceMs));
      if (!needsSlice(job, sliceMs)) return { heldMicros: job.heldMicros };
      const heldMicros = withSlice(job, sliceMs);
      for (const { limit, sums } of hard) {
        if (sliceFits(limit, sums, job.micros, heldMicros)) continue;
        const details = {
          ...wordsOf(limit, { ...sums, plannedMicros: sums.heldMicros }, now()),
          minutes: sliceMs / 60_000,
          slice: usdText(sliceMicros(job.rateMicrosPerHour, sliceMs)),
        };
        return { refused: fail("budget_exhausted", details) };
      }
      return { heldMicros };
    },
  };
}

function reports(options: SpendGuardOptions) {
  const { spendLimits, now } = options;
  return {
    /** Where one limit stands; `enabled` is false when there is none. */
    async status(provider: string | null): Promise<CostLimitStatus> {
      const limit = (await spendLimits.limits()).find((each) => each.provider === provider);
      if (limit) return statusOf(limit, await sumsOf(options, limit), now());
      const { firstDay } = periodOf("monthly", now());
      return withoutLimit(provider, await spendLimits.sums({ provider, firstDay }));
    },
    /** Where every limit stands. */
    async statuses(): Promise<CostLimitStatus[]> {
      const limits = await spendLimits.limits();
      return Promise.all(limits.map(async (limit) => statusOf(limit, await sumsOf(options, limit), now())));
    },
  };
}

/** See {@link spendGuard}. */
export type SpendGuard = ReturnType<typeof spendGuard>;

const order = ["fits", "near", "exceeded", "refused"] as const;

function sumsOf(
  { spendLimits, now }: SpendGuardOptions,
  limit: SpendLimit,
  transaction?: Kysely<Database>,
  exceptJobId?: string,
): Promise<SpendSums> {
  const { firstDay } = periodOf(limit.period, now());
  const scope = { provider: limit.provider, firstDay, ...(exceptJobId !== undefined && { exceptJobId }) };
  return spendLimits.sums(scope, transaction);
}

/** What the sentences about a limit are filled with. */
function wordsOf(limit: SpendLimit, sums: SpendSums, nowMs: number) {
  const resetsAt = new Date(periodOf(limit.period, nowMs).resetsAtMs).toISOString();
  return {
    provider: limit.provider,
    period: limit.period,
    limit: usdText(limit.amountMicros),
    spent: usdText(sums.spentMicros),
    set_aside: usdText(sums.plannedMicros),
    resets_at: `${resetsAt.slice(0, 10)} at 00:00 UTC`,
  } satisfies ErrorDetails;
}

function nearSentence(details: ReturnType<typeof wordsOf> & { estimate: string }): string {
  return `With this job (${details.estimate}) the ${details.period} limit of ${details.limit} is nearly used up or passed: ${details.spent} is spent and ${details.set_aside} is set aside for jobs that are not over.`;
}

function statusOf(limit: SpendLimit, sums: SpendSums, nowMs: number): CostLimitStatus {
  const share = sums.spentMicros / limit.amountMicros;
  const words = wordsOf(limit, sums, nowMs);
  const told = `${words.spent} of the ${words.period} limit of ${words.limit} is spent`;
  return {
    provider: limit.provider,
    enabled: true,
    limit_amount: usdOfMicros(limit.amountMicros),
    period: limit.period,
    action: limit.action,
    slice_minutes: limit.sliceMs / 60_000,
    current_spend: usdOfMicros(sums.spentMicros),
    set_aside: usdOfMicros(sums.plannedMicros),
    percent_used: Math.round(share * 1_000) / 10,
    is_exceeded: share >= 1,
    is_warning: share >= nearShare,
    resets_at: new Date(periodOf(limit.period, nowMs).resetsAtMs).toISOString(),
    message: share >= nearShare ? `${told}. It starts again on ${words.resets_at}.` : null,
  };
}

function withoutLimit(provider: string | null, sums: SpendSums): CostLimitStatus {
  return {
    provider,
    enabled: false,
    limit_amount: null,
    period: null,
    action: null,
    slice_minutes: null,
    current_spend: usdOfMicros(sums.spentMicros),
    set_aside: usdOfMicros(sums.plannedMicros),
    percent_used: 0,
    is_exceeded: false,
    is_warning: false,
    resets_at: null,
    message: null,
  };
}

/** The sentence and code that a job stopped for want of money shows. */
export function stopReasonOf(refused: Failure) {
  return { code: refused.code, message: errorSentence(refused.code, refused.details) };
}
