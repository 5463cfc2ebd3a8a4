import { integerOf, oneOf, StartError } from "./values.ts";

/** A rule of whoever runs the server. It comes before the built-in ones. */
export interface CustomRateRule {
  /** Matched against the decoded path. */
  pattern: RegExp;
  limit: number;
  windowMs: number;
  /** Null: every method. */
  methods: readonly string[] | null;
}

/** How many requests are taken (CONTRACT 0.4). */
export interface RateLimitConfig {
  /** RATE_LIMIT_CALLS: of what no other rule names; default 100, 0 turns every limit off. */
  calls: number;
  /** RATE_LIMIT_PERIOD: in so many seconds, default 60. */
  periodMs: number;
  /** RATE_LIMIT_SIGNED_IN_FACTOR: so many times more for who proves who it is, where the rule allows it; default 10. */
  signedInFactor: number;
  /** RATE_LIMIT_LOCALHOST: what is made on this machine for this machine is not counted unless it says limit. */
  localhost: "bypass" | "limit";
  /** RATE_LIMIT_AUDIT: whether refusals are written into the audit; default true. */
  audit: boolean;
  /** RATE_LIMIT_RULES: a JSON list of [pattern, calls, seconds, methods or null]. */
  rules: readonly CustomRateRule[];
}

/** Bounds of a rule, as of a provider's own (CONTRACT 1.7). */
const mostCalls = 1_000_000;
const longestSeconds = 86_400;

const mostRules = 50;
const longestPattern = 200;

/** Reads {@link RateLimitConfig}; throws {@link StartError} naming the variable and the rule that cannot be used. */
export function rateLimitsOf(env: NodeJS.ProcessEnv): RateLimitConfig {
  return {
    calls: integerOf(env, "RATE_LIMIT_CALLS", 100, 0, mostCalls),
    periodMs: integerOf(env, "RATE_LIMIT_PERIOD", 60, 1, longestSeconds) * 1_000,
    signedInFactor: integerOf(env, "RATE_LIMIT_SIGNED_IN_FACTOR", 10, 1, 1_000),
    localhost: oneOf(env, "RATE_LIMIT_LOCALHOST", ["bypass", "limit"], "bypass"),
    audit: oneOf(env, "RATE_LIMIT_AUDIT", ["true", "false"], "true") === "true",
    rules: rulesOf(env["RATE_LIMIT_RULES"]),
  };
}

function rulesOf(text: string | undefined): CustomRateRule[] {
  if (text === undefined || text.trim() === "") return [];
  const list = parsed(text);
  if (!Array.isArray(list))
    throw wrong(`this is not a list such as [["^/api/cloud/jobs$", 5, 300, ["POST"]]].`);
  if (list.length > mostRules) throw wrong(`these are ${list.length} rules, the most is ${mostRules}.`);
  return list.map((entry: unknown, at) => ruleOf(entry, `rule ${at + 1}`));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw wrong(`this is not JSON: ${(error as Error).message}.`);
  }
}

function ruleOf(entry: unknown, name: string): CustomRateRule {
  if (!Array.isArray(entry) || entry.length < 3 || entry.length > 4)
    throw wrong(`${name} is not of the form [pattern, calls, seconds, methods].`);
  const [pattern, calls, seconds, methods = null] = entry as unknown[];
  return {
    pattern: patternOf(pattern, name),
    limit: wholeNumber(calls, `${name}: calls`, mostCalls),
    windowMs: wholeNumber(seconds, `${name}: seconds`, longestSeconds) * 1_000,
    methods: methodsOf(methods, name),
  };
}

function patternOf(value: unknown, name: string): RegExp {
  if (typeof value !== "string" || value === "" || value.length > longestPattern)
    throw wrong(`${name}: the pattern is not a regular expression of 1 to ${longestPattern} characters.`);
  // A repeated group that repeats in itself can take years over a path that somebody made for it.
  if (/\([^()]*[+*}][^()]*\)\??[+*{]/.test(value))
    throw wrong(`${name}: "${value}" repeats something that repeats already; write it without.`);
  try {
    return new RegExp(value, "u");
  } catch (error) {
    throw wrong(`${name}: ${(error as Error).message}.`);
  }
}

function wholeNumber(value: unknown, what: string, most: number): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw wrong(`${what} is ${JSON.stringify(value)}, not a whole number from 1 to ${most}.`);
}

function methodsOf(value: unknown, name: string): readonly string[] | null {
  if (value === null) return null;
  const known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
  if (Array.isArray(value) && value.length > 0 && value.every((one) => known.includes(String(one))))
    return value.map(String);
  throw wrong(`${name}: methods is neither null nor a list of ${known.join(", ")}.`);
}

function wrong(problem: string): StartError {
  return new StartError(`RATE_LIMIT_RULES: ${problem}`);
}
