import { Type, type Static } from "typebox";
import { endpoint } from "./endpoint.ts";
import { Instant, MaybeNumber, MaybeString } from "./instants.ts";

/** How long a spend limit counts before it starts again, by the calendar in UTC. */
export const spendPeriods = ["daily", "weekly", "monthly"] as const;
/** What happens at a spend limit; `stop` is the hard budget, `require_approval` refuses until approvals exist. */
export const spendActions = ["warn", "block", "require_approval", "stop"] as const;

const Period = Type.Enum(spendPeriods);
const Action = Type.Enum(spendActions);
const Day = Type.String({ pattern: "^\\d{4}-\\d{2}-\\d{2}$", description: "A UTC day, as 2026-01-31" });

/** A spend limit and where it stands. Without a limit, `enabled` is false and the amounts are null. */
export const CostLimitStatus = Type.Object({
  provider: Type.Union([Type.String(), Type.Null()], { description: "null: all providers together" }),
  enabled: Type.Boolean(),
  limit_amount: MaybeNumber,
  period: Type.Union([Period, Type.Null()]),
  action: Type.Union([Action, Type.Null()]),
  slice_minutes: MaybeNumber,
  current_spend: Type.Number({ description: "Spent in the period" }),
  set_aside: Type.Number({ description: "What jobs that are not over will probably still cost" }),
  percent_used: Type.Number(),
  is_exceeded: Type.Boolean(),
  is_warning: Type.Boolean({ description: "At 80 % or more" }),
  resets_at: Type.Union([Instant, Type.Null()]),
  message: MaybeString,
});
/** See the schema. */
export type CostLimitStatus = Static<typeof CostLimitStatus>;

/** What a job would cost and take, and what that is based on. */
export const CostEstimate = Type.Object({
  provider: Type.String(),
  hardware: MaybeString,
  estimated_cost_usd: MaybeNumber,
  cost_usd_low: MaybeNumber,
  cost_usd_high: MaybeNumber,
  cost_per_hour_usd: MaybeNumber,
  duration_seconds: MaybeNumber,
  duration_seconds_low: MaybeNumber,
  duration_seconds_high: MaybeNumber,
  basis: Type.Union(
    [Type.Literal("history"), Type.Literal("typical"), Type.Literal("free"), Type.Literal("none")],
    { description: "Own finished runs; the price times a typical time; no price; no way to tell" },
  ),
  past_runs: Type.Integer(),
  message: Type.String(),
  limit: Type.Union([CostLimitStatus, Type.Null()], {
    description: "The limit that this job would exceed or come near to",
  }),
  limit_verdict: Type.Union(
    [Type.Literal("fits"), Type.Literal("near"), Type.Literal("exceeded"), Type.Literal("refused")],
    { description: "`refused`: a submit would be answered with cost_limit_exceeded" },
  ),
});
/** See the schema. */
export type CostEstimate = Static<typeof CostEstimate>;

const sums = { cost_usd: Type.Number(), jobs: Type.Integer() };

/** A job that is not over, and where its cost goes. */
const ProjectedJob = Type.Object({
  job_id: Type.String(),
  name: Type.String(),
  provider: Type.String(),
  hardware: Type.String(),
  status: Type.String(),
  cost_per_hour_usd: Type.Number(),
  cost_usd: Type.Number(),
  projected_cost_usd: Type.Number(),
});

/** What was spent between two days, and what the jobs that are not over will add. */
export const CostSummary = Type.Object({
  from: Day,
  to: Day,
  total_cost_usd: Type.Number(),
  job_count: Type.Integer(),
  by_day: Type.Array(Type.Object({ date: Day, ...sums }), {
    description: "Every day of the period in order, those without cost as well",
  }),
  by_provider: Type.Array(Type.Object({ provider: Type.String(), ...sums })),
  by_hardware: Type.Array(Type.Object({ provider: Type.String(), hardware: Type.String(), ...sums })),
  by_user: Type.Array(Type.Object({ user_id: Type.String(), username: MaybeString, ...sums })),
  projection: Type.Object({
    running_jobs: Type.Integer(),
    waiting_jobs: Type.Integer(),
    cost_per_hour_usd: Type.Number({ description: "What all running jobs cost in an hour" }),
    remaining_usd: Type.Number({ description: "What all jobs that are not over will probably still cost" }),
    jobs: Type.Array(ProjectedJob),
  }),
});
/** See the schema. */
export type CostSummary = Static<typeof CostSummary>;

/** A change of a spend limit; an amount of null removes it. */
export const PutCostLimit = Type.Object(
  {
    provider: Type.Optional(Type.Union([Type.String({ minLength: 1, maxLength: 40 }), Type.Null()])),
    amount: Type.Union([Type.Number({ minimum: 0.01, maximum: 100_000_000 }), Type.Null()]),
    period: Type.Optional(Period),
    action: Type.Optional(Action),
    slice_minutes: Type.Optional(
      Type.Integer({ minimum: 2, maximum: 120, description: "With `stop`: paid for ahead; default 10" }),
    ),
  },
  { additionalProperties: false },
);
/** See the schema. */
export type PutCostLimit = Static<typeof PutCostLimit>;

const tag = "Cost";

/** Endpoints of cost and spend limits. */
export const costEndpoints = {
  estimateCost: endpoint({
    method: "POST",
    path: "/api/cloud/cost-estimate",
    access: "job.submit",
    tag,
    summary: "Cost and time of a job before it is submitted, and what the spend limits say to it",
    body: Type.Object(
      {
        provider: Type.Optional(Type.String()),
        hardware: Type.Optional(Type.String({ maxLength: 80 })),
        hardware_profile: Type.Optional(
          Type.String({ maxLength: 80, description: "Another name of `hardware`" }),
        ),
        config: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
        config_name_to_load: Type.Optional(Type.String({ maxLength: 100 })),
      },
      { additionalProperties: false },
    ),
    answer: CostEstimate,
    errors: ["unknown_provider", "unknown_hardware", "config_not_found"],
  }),
  costSummary: endpoint({
    method: "GET",
    path: "/api/cloud/cost/summary",
    access: "job.view.own",
    tag,
    summary: "What was spent by day, provider, hardware and user; of one's own jobs unless one may see all",
    query: Type.Object({
      from: Type.Optional(Day),
      to: Type.Optional(Day),
      days: Type.Optional(
        Type.Integer({ minimum: 1, maximum: 365, description: "The last so many days; default: this month" }),
      ),
    }),
    answer: CostSummary,
    errors: [],
  }),
  costLimitStatus: endpoint({
    method: "GET",
    path: "/api/cloud/cost-limit/status",
    access: "job.view.own",
    tag,
    summary: "Where the spend limit of a provider stands, or without one that of all together",
    query: Type.Object({ provider: Type.Optional(Type.String({ maxLength: 40 })) }),
    answer: CostLimitStatus,
    errors: ["unknown_provider"],
  }),
  listCostLimits: endpoint({
    method: "GET",
    path: "/api/cloud/cost-limit",
    access: "job.view.own",
    tag,
    summary: "Every spend limit with where it stands",
    answer: Type.Object({ limits: Type.Array(CostLimitStatus) }),
    errors: [],
  }),
  putCostLimit: endpoint({
    method: "PUT",
    path: "/api/cloud/cost-limit",
    access: "admin.config",
    tag,
    summary: "Sets or removes a spend limit; it holds for running jobs from their next slice on",
    body: PutCostLimit,
    answer: CostLimitStatus,
    errors: ["unknown_provider"],
  }),
} as const;
