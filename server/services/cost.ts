import type { costEndpoints, CostSummary, PutCostLimit } from "@simpletuner-cloud/contract/cost.ts";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import type { Provider } from "../adapters/providers/provider.ts";
import type { CostDayStore, CostFilter, CostGroup } from "../db/stores/cost-days.ts";
import type { JobChargeStore } from "../db/stores/job-charges.ts";
import type { SpendLimitStore } from "../db/stores/spend-limits.ts";
import { costMicros, familyOf, microsOfUsd, type Range, usdOfMicros, usdText } from "../domain/cost.ts";
import { isBundledModel } from "../domain/bundled-models.ts";
import {
  changedTerms,
  dayOf,
  periodOf,
  type SpendLimit,
  type SpendLimitTerms,
} from "../domain/spend-limit.ts";
import type { UserStore } from "../db/stores/users.ts";
import type { ConfigFiles } from "./config-files.ts";
import type { Handlers } from "./handler.ts";
import { listScope } from "./job-access.ts";
import type { JobPrice, JobPricing } from "./job-price.ts";
import type { SpendGuard } from "./spend-guard.ts";

/** What the cost use cases need. */
export interface CostServiceOptions {
  findProvider: (id: string) => Provider;
  files: ConfigFiles;
  price: JobPricing;
  spendGuard: SpendGuard;
  spendLimits: SpendLimitStore;
  charges: JobChargeStore;
  costDays: CostDayStore;
  users: Pick<UserStore, "names">;
  now: () => number;
}

const dayMs = 86_400_000;
/** Jobs listed in a projection; the sums count as many. */
const projected = 10_000;
const projectedShown = 100;

/** Estimates, what was spent, and the limits on it. */
export function costService(options: CostServiceOptions): Handlers<typeof costEndpoints> {
  const { spendGuard, spendLimits } = options;
  const known = (provider: string | null | undefined): string | null =>
    provider === undefined || provider === null ? null : options.findProvider(provider).id;
  return {
    estimateCost: ({ body }) => estimate(options, body),
    async costSummary({ query }, { caller }) {
      const filter = { ...daysOf(query, options.now()), userId: listScope(caller) ?? null };
      return summary(options, filter);
    },
    costLimitStatus: async ({ query }) => spendGuard.status(known(query.provider)),
    listCostLimits: async () => ({ limits: await spendGuard.statuses() }),
    async putCostLimit({ body }, { caller }) {
      const provider = known(body.provider);
      const decide = (before: SpendLimit | undefined) => limitOf(body, before);
      await spendLimits.change({ provider, decide, by: caller.userId });
      return spendGuard.status(provider);
    },
  };
}

/** The limit a change asks for. */
function limitOf(body: PutCostLimit, before: SpendLimit | undefined): SpendLimitTerms | null {
  if (body.amount === null) return null;
  return changedTerms(before, {
    amountMicros: microsOfUsd(body.amount),
    period: body.period,
    action: body.action,
    sliceMs: body.slice_minutes === undefined ? undefined : body.slice_minutes * 60_000,
  });
}

async function estimate(
  options: CostServiceOptions,
  body: {
    provider?: string;
    hardware?: string;
    hardware_profile?: string;
    config?: Record<string, unknown>;
    config_name_to_load?: string;
  },
) {
  const provider = await options.findProvider(body.provider ?? "local").describe();
  const config =
    body.config ??
    (body.config_name_to_load === undefined
      ? {}
      : (await options.files.load(body.config_name_to_load)).config);
  const price = await options.price(provider, body.hardware ?? body.hardware_profile, config, "to tell");
  const rate = price.rateMicrosPerHour;
  const { micros, durationMs, basis, pastRuns } = price.estimate;
  const { limit, verdict } = rate
    ? await options.spendGuard.preview(provider.id, rate, micros?.typical ?? null)
    : { limit: null, verdict: "fits" as const };
  const usd = (value: number | undefined) => (value === undefined ? null : usdOfMicros(value));
  const seconds = (value: number | undefined) => (value === undefined ? null : Math.round(value / 1_000));
  return {
    provider: provider.id,
    hardware: price.hardware?.id ?? null,
    estimated_cost_usd: usd(micros?.typical),
    cost_usd_low: usd(micros?.low),
    cost_usd_high: usd(micros?.high),
    cost_per_hour_usd: usd(rate ?? undefined),
    duration_seconds: seconds(durationMs?.typical),
    duration_seconds_low: seconds(durationMs?.low),
    duration_seconds_high: seconds(durationMs?.high),
    basis,
    past_runs: pastRuns,
    message: [standInWarning(provider.trainer?.kind, config), messageOf(price)].join(" ").trim(),
    limit,
    limit_verdict: verdict,
  };
}

/** A person who asks for a real model must know before submitting that only the stand-in is there to train it. */
function standInWarning(trainer: string | undefined, config: Record<string, unknown>): string {
  const family = familyOf(config);
  if (trainer !== "bundled" || isBundledModel(family)) return "";
  return `SimpleTuner is not installed on this machine: the bundled trainer would train its own small model instead of ${family ?? "yours"}.`;
}

function messageOf({ estimate: told, rateMicrosPerHour: rate, hardware }: JobPrice): string {
  const runs = `${told.pastRuns} past ${told.pastRuns === 1 ? "run" : "runs"} of this model`;
  const basis =
    told.pastRuns > 0
      ? `The time is that of ${runs}.`
      : "There is no finished run of this model yet to tell the time from.";
  if (rate === 0) return `Free: it runs on this machine. ${basis}`;
  if (rate === null) return `The provider tells no price. ${basis}`;
  const where = hardware ? ` on ${hardware.name}` : "";
  const price = `${usdText(rate)} an hour${where}`;
  return told.micros ? `About ${rangeText(told.micros)} at ${price}. ${basis}` : `${price}. ${basis}`;
}

function rangeText({ low, typical, high }: Range): string {
  return `${usdText(typical)} (${usdText(low)} to ${usdText(high)})`;
}

/** The days a summary is about: what was asked, else this month so far. */
function daysOf(query: { from?: string; to?: string; days?: number }, nowMs: number) {
  for (const field of ["from", "to"] as const)
    if (query[field] !== undefined && Number.isNaN(Date.parse(query[field])))
      throw fail("validation_error", { field, problem: "there is no such day in the calendar." });
  const to = query.to ?? dayOf(nowMs);
  if (query.from !== undefined) return { from: query.from, to };
  if (query.days === undefined) return { from: periodOf("monthly", nowMs).firstDay, to };
  return { from: dayOf(Date.parse(to) - (query.days - 1) * dayMs), to };
}

async function summary(options: CostServiceOptions, filter: CostFilter): Promise<CostSummary> {
  const { costDays } = options;
  const total = await costDays.total(filter);
  const days = await costDays.by(filter, ["day"]);
  const byUser = await costDays.by(filter, ["user_id"]);
  const names = await options.users.names(byUser.map(({ user_id }) => user_id));
  const wire = ({ micros, jobs }: CostGroup) => ({ cost_usd: usdOfMicros(micros), jobs });
  return {
    from: filter.from,
    to: filter.to,
    total_cost_usd: usdOfMicros(total.micros),
    job_count: total.jobs,
    by_day: everyDay(filter, new Map(days.map((day) => [day.day, day]))).map(({ day, group }) => ({
      date: day,
      ...wire(group),
    })),
    by_provider: (await costDays.by(filter, ["provider"])).map((row) => ({
      provider: row.provider,
      ...wire(row),
    })),
    by_hardware: (await costDays.by(filter, ["provider", "hardware"])).map((row) => ({
      provider: row.provider,
      hardware: row.hardware,
      ...wire(row),
    })),
    by_user: byUser.map((row) => ({
      user_id: row.user_id,
      username: names.get(row.user_id) ?? null,
      ...wire(row),
    })),
    projection: await projection(options, filter.userId),
  };
}

/** Days listed at most, however far apart the two ends are. */
const mostDays = 366;

function everyDay({ from, to }: CostFilter, known: ReadonlyMap<string, CostGroup>) {
  const days: { day: string; group: CostGroup }[] = [];
  for (let at = Date.parse(from); at <= Date.parse(to) && days.length < mostDays; at += dayMs) {
    const day = dayOf(at);
    days.push({ day, group: known.get(day) ?? { micros: 0, jobs: 0 } });
  }
  return days;
}

/** Where the cost of the jobs that are not over goes: by the trainer's own time left, else by the estimate. */
async function projection({ charges }: CostServiceOptions, userId: string | null) {
  const open = await charges.openWithJobs(userId, projected);
  let perHour = 0;
  let remaining = 0;
  let running = 0;
  const jobs = open.map(({ charge, wire }) => {
    const job = JSON.parse(wire) as Job;
    const rate = charge.rate_micros_per_hour;
    const eta = job.status === "running" ? job.progress?.eta_seconds : null;
    const rest =
      eta !== null && eta !== undefined
        ? costMicros(rate, eta * 1_000)
        : Math.max(0, (charge.estimate_micros ?? 0) - charge.micros);
    remaining += rest;
    if (charge.state === "running") {
      running++;
      perHour += rate;
    }
    return {
      job_id: job.job_id,
      name: job.name,
      provider: charge.provider,
      hardware: charge.hardware,
      status: job.status,
      cost_per_hour_usd: usdOfMicros(rate),
      cost_usd: usdOfMicros(charge.micros),
      projected_cost_usd: usdOfMicros(charge.micros + rest),
    };
  });
  return {
    running_jobs: running,
    waiting_jobs: open.length - running,
    cost_per_hour_usd: usdOfMicros(perHour),
    remaining_usd: usdOfMicros(remaining),
    jobs: jobs.sort((a, b) => b.projected_cost_usd - a.projected_cost_usd).slice(0, projectedShown),
  };
}
