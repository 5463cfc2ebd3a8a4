import { isIP } from "node:net";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type {
  rateLimitEndpoints,
  RateLimitRule,
  RateLimitUsage,
} from "@simpletuner-cloud/contract/rate-limits.ts";
import type { ServerEventStore } from "../db/stores/server-events.ts";
import type { UserStore } from "../db/stores/users.ts";
import { countedAddress, nameKey } from "../domain/account-names.ts";
import { excludedPaths, type RequestRule } from "../domain/request-rules.ts";
import type { Handlers } from "./handler.ts";
import type { LimitAlarm } from "./limit-alarm.ts";
import type { RequestLimits } from "./request-limits.ts";

/** What the use cases of rate limits need. */
export interface RateLimitServiceOptions {
  limits: RequestLimits;
  limitAlarm: LimitAlarm;
  users: UserStore;
  serverEvents: ServerEventStore;
  now: () => number;
}

/** Shows rate limits, how much of them a client has used, and lets a client through again. */
export function rateLimitService(options: RateLimitServiceOptions): Handlers<typeof rateLimitEndpoints> {
  const { limits, limitAlarm, serverEvents } = options;
  const usageOf = async (client: string): Promise<RateLimitUsage> => {
    const all = await Promise.all(limits.rules.map((rule) => limits.usage(rule, client)));
    const rules = all.map(({ rule, used, limit, windowMs, retryMs }) => ({
      rule,
      used,
      limit,
      window_seconds: windowMs / 1_000,
      retry_after_seconds: Math.ceil(retryMs / 1_000),
    }));
    return { client, rules: rules.filter(({ used }) => used > 0) };
  };
  return {
    async listRateLimits() {
      const { rules, violations, trackedClients } = limits.counts.snapshot();
      const requests = new Map(rules.map(({ rule, ...counts }) => [rule, counts]));
      const silentMs = limitAlarm.silentMs();
      return {
        enabled: limits.rules.length > 0,
        passes_this_machine: limits.passesLocal,
        suspended_since: silentMs === null ? null : new Date(options.now() - silentMs).toISOString(),
        rules: limits.rules.map((rule) => shown(rule, requests.get(rule.name))),
        excluded: excludedPaths.map(({ source }) => source),
        violations,
        tracked_clients: trackedClients,
      };
    },
    rateLimitUsage: async ({ query }) => usageOf(await clientNamed(query.client, options)),
    async resetRateLimit({ body }, { caller }) {
      const client = await clientNamed(body.client, options);
      const chosen = limits.rules.filter(({ name }) => body.rule === undefined || name === body.rule);
      if (chosen.length === 0 && body.rule !== undefined)
        throw fail("unknown_rate_limit", {
          rule: body.rule,
          known: limits.rules.map(({ name }) => name),
        });
      for (const rule of chosen) await limits.forget(rule, client);
      await serverEvents.append("rate_limits.reset", {
        client,
        rule: body.rule ?? null,
        by: caller.userId,
      });
      return usageOf(client);
    },
  };
}

const none = { allowed: 0, refused: 0, unchecked: 0, closed: 0 };

function shown(rule: RequestRule, requests: RateLimitRule["requests"] = none): RateLimitRule {
  return {
    name: rule.name,
    pattern: rule.pattern.source,
    methods: rule.methods === null ? null : [...rule.methods],
    limit: rule.limit,
    signed_in_limit: rule.signedInLimit,
    window_seconds: rule.windowMs / 1_000,
    counted_by: rule.countsBy === "caller" ? "client" : "address",
    when_uncounted: rule.inTrouble,
    requests,
  };
}

/** What requests are counted by of a client that a person names. */
async function clientNamed(text: string, { users }: RateLimitServiceOptions): Promise<string> {
  const name = text.trim();
  if (isIP(name) !== 0) return countedAddress(name);
  // An IPv6 network as the audit shows it, `2001:db8:0:1`, and what is counted by something else than an address.
  if (/^[\da-f]{1,4}(:[\da-f]{1,4}){3}$/i.test(name)) return name.toLowerCase();
  if (/^(user|job):[\w.-]{1,64}$/.test(name)) return name;
  const user = await users.findByKey(nameKey(name));
  if (user === null) throw fail("user_not_found", { user: name });
  return `user:${user.id}`;
}
