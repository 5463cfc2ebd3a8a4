import { Failure } from "@simpletuner-cloud/contract/errors.ts";
import type { Caller } from "@simpletuner-cloud/contract/permissions.ts";
import type { StateStore } from "../adapters/state/state.ts";
import { countedAddress } from "../domain/account-names.ts";
import {
  isCustom,
  type RequestRule,
  requestRules,
  ruleOf,
  storageRuleName,
} from "../domain/request-rules.ts";
import type { RateLimitConfig } from "../config/rate-limits.ts";
import type { LimitAlarm } from "./limit-alarm.ts";
import type { rateViolations } from "./rate-violations.ts";
import { type RateDecision, type RateLimiter, rateLimiter } from "./rate-limiter.ts";
import { requestCounts } from "./request-counts.ts";

/** A request does not wait longer for being counted; then it is as if the store were down. */
const longestWaitMs = 1_000;

/** Who is told to come again when nothing can be counted, comes again after this. */
const closedRetryMs = 5_000;

/** What limiting requests needs. */
export interface RequestLimitOptions {
  config: RateLimitConfig;
  state: StateStore;
  alarm: LimitAlarm;
  violations: Pick<ReturnType<typeof rateViolations>, "record">;
  /** Limits of its own for a request under a rule; null: the rule's. */
  ownLimit: (rule: RequestRule, request: CountedRequest) => Promise<OwnLimit | null>;
}

/** Numbers that hold instead of a rule's. */
export interface OwnLimit {
  limit: number;
  windowMs: number;
}

/** A request that is to be counted. */
export interface CountedRequest {
  method: string;
  /** Decoded, without the query. */
  path: string;
  address: string;
  userAgent: string;
  /** Who proved to have sent it. */
  caller: Pick<Caller, "userId" | "username"> | null;
  /** What proved a credential of the storage instead. */
  credential?: { client: string; jobId: string | null };
}

/** How much of a rule a client has used. */
export interface RuleUse {
  rule: string;
  used: number;
  limit: number;
  windowMs: number;
  retryMs: number;
}

/** What is to be done with a request. */
export type Verdict =
  /** It was counted; who asks is told how far from the limit that is. */
  | ({ kind: "counted"; windowMs: number } & RateDecision)
  | { kind: "unchecked" }
  | { kind: "closed"; retryMs: number };

/** Limits requests by rule and client, over all replicas. */
export function requestLimits(options: RequestLimitOptions) {
  const { config, alarm, violations } = options;
  const rules = config.calls === 0 ? [] : requestRules(config);
  const counts = requestCounts(rules.map(({ name }) => name));
  const limiterOf = limiters(options.state);

  const ask = async (limiter: RateLimiter, client: string): Promise<RateDecision | null> => {
    // A client that is known to be over its limit stays so while the store is silent, and says nothing of the store.
    const known = limiter.refusal(client);
    if (known) return known;
    if (!alarm.mayAsk()) return null;
    try {
      const decision = await inTime(limiter.check(client));
      alarm.answered();
      return decision;
    } catch (error) {
      alarm.failed(error, reasonOf(error));
      return null;
    }
  };
  const withoutAnswer = (rule: RequestRule, client: string): Verdict => {
    alarm.uncounted();
    if (rule.inTrouble === "open") {
      counts.count(rule.name, client, "unchecked");
      return { kind: "unchecked" };
    }
    counts.count(rule.name, client, "closed");
    return { kind: "closed", retryMs: closedRetryMs };
  };
  return {
    /** Every rule in the order they are looked at; none where all limits are off. */
    rules,
    counts,
    config,
    /** The rule for a request; null: it is not limited. */
    ruleOf: (method: string, path: string): RequestRule | null => ruleOf(rules, method, path),
    /** The rule for a request of the storage endpoint, which may come under any path; null where limits are off. */
    storageRule(method: string, path: string): RequestRule | null {
      const found = ruleOf(rules, method, path);
      if (found !== null && isCustom(found)) return found;
      return rules.find(({ name }) => name === storageRuleName) ?? null;
    },
    /** Whether a request that was made on this machine for this machine passes uncounted. */
    passesLocal: config.localhost === "bypass",
    /** How much of a rule a client has used: what it may use is told by what it is counted by. */
    async usage(rule: RequestRule, client: string): Promise<RuleUse> {
      const limit = usualLimit(rule, /^(user|job):/.test(client));
      const { used, retryMs } = await limiterOf(limit).usage(client);
      return { rule: rule.name, used, retryMs, limit: limit.limit, windowMs: limit.windowMs };
    },
    /** Lets a client through again under a rule. */
    async forget(rule: RequestRule, client: string): Promise<void> {
      for (const isKnown of [true, false]) await limiterOf(usualLimit(rule, isKnown)).clear(client);
    },
    /** Counts one request under a rule. */
    async check(rule: RequestRule, request: CountedRequest): Promise<Verdict> {
      const client = clientOf(rule, request);
      const limit = await limitFor(rule, request, options);
      const decision = await ask(limiterOf(limit), client);
      if (decision === null) return withoutAnswer(rule, client);
      counts.count(rule.name, client, decision.allowed ? "allowed" : "refused");
      if (!decision.allowed && config.audit) violations.record(violationOf(limit, client, request));
      return { kind: "counted", windowMs: limit.windowMs, ...decision };
    },
  };
}

/** See {@link requestLimits}. */
export type RequestLimits = ReturnType<typeof requestLimits>;

/** What a request is counted by under a rule: `user:<id>`, `job:<id>`, or the address. */
export function clientOf(
  { countsBy }: Pick<RequestRule, "countsBy">,
  { caller, credential, address }: Pick<CountedRequest, "caller" | "credential" | "address">,
): string {
  if (countsBy === "caller" && credential) return credential.client;
  if (countsBy === "caller" && caller) return `user:${caller.userId}`;
  return countedAddress(address);
}

interface NamedLimit extends OwnLimit {
  name: string;
}

function usualLimit({ name, limit, signedInLimit, windowMs }: RequestRule, isKnown: boolean): NamedLimit {
  return { name, limit: isKnown ? signedInLimit : limit, windowMs };
}

async function limitFor(
  rule: RequestRule,
  request: CountedRequest,
  { ownLimit, config }: RequestLimitOptions,
): Promise<NamedLimit> {
  const own = await ownLimit(rule, request);
  const isKnown = rule.countsBy === "caller" && (request.caller !== null || request.credential !== undefined);
  if (own === null) return usualLimit(rule, isKnown);
  const factor = isKnown && rule.signedInLimit > rule.limit ? config.signedInFactor : 1;
  return { name: rule.name, limit: own.limit * factor, windowMs: own.windowMs };
}

/** Limiters are made when first needed: a provider may set numbers of its own at any time. */
const mostLimiters = 500;

function limiters(state: StateStore) {
  const known = new Map<string, RateLimiter>();
  return ({ name, limit, windowMs }: NamedLimit): RateLimiter => {
    const key = `${name}/${limit}/${windowMs}`;
    let limiter = known.get(key);
    if (!limiter) {
      if (known.size >= mostLimiters) known.clear();
      limiter = rateLimiter(state, `rate:${name}`, { limit, windowMs });
      known.set(key, limiter);
    }
    return limiter;
  };
}

function inTime<Result>(work: Promise<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    const late = (): void => reject(new Error(`no answer within ${longestWaitMs} ms`));
    const timer = setTimeout(late, longestWaitMs).unref();
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** Why there was no answer, without naming any address. */
function reasonOf(error: unknown): string {
  const reason = error instanceof Failure ? error.details["reason"] : (error as Error).message;
  return String(reason).slice(0, 100);
}

function violationOf(rule: NamedLimit, client: string, request: CountedRequest) {
  const { caller, address, method, path, userAgent } = request;
  const actor = { id: caller?.userId ?? "", name: caller?.username ?? "", address };
  return { rule, client, actor, method, path, userAgent };
}
