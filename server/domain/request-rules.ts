/** What requests of one kind are limited by. */
export interface RequestRule {
  /** Names it in metrics, in the audit and in the state; as short as a word. */
  readonly name: string;
  /** Matched against the decoded path. */
  readonly pattern: RegExp;
  /** Null: every method. HEAD is limited as GET is. */
  readonly methods: readonly string[] | null;
  readonly limit: number;
  readonly windowMs: number;
  /**
   * `address`: whoever sends it. `caller`: who proves who it is is counted by that, wherever it comes from, and everybody
   * else by address; a wrong proof is none.
   */
  readonly countsBy: "address" | "caller";
  /** The limit of a caller. */
  readonly signedInLimit: number;
  /** What becomes of requests while nothing can be counted: `closed` where counting is what guards a password. */
  readonly inTrouble: "open" | "closed";
}

/** What the rules are made from. */
export interface RequestRuleOptions {
  calls: number;
  periodMs: number;
  signedInFactor: number;
  rules: readonly {
    pattern: RegExp;
    limit: number;
    windowMs: number;
    methods: readonly string[] | null;
  }[];
}

type Kind = Pick<RequestRule, "countsBy" | "inTrouble"> & { isMoreForCallers: boolean };

/** Guards passwords: counted by address even for who is signed in, and closed when it cannot be counted. */
const guarded: Kind = { countsBy: "address", inTrouble: "closed", isMoreForCallers: false };
/** Makes something or costs something: as often for everybody. */
const costly: Kind = { countsBy: "caller", inTrouble: "open", isMoreForCallers: false };
const ordinary: Kind = { countsBy: "caller", inTrouble: "open", isMoreForCallers: true };

/** The operations guide's table; the password's rule is CONTRACT 0.4's. The first that matches holds. */
const table: readonly [
  name: string,
  pattern: RegExp,
  methods: readonly string[] | null,
  limit: number,
  seconds: number,
  kind: Kind,
][] = [
  ["login", /^\/api\/auth\/login$/, ["POST"], 5, 60, guarded],
  ["register", /^\/api\/auth\/register$/, ["POST"], 3, 60, guarded],
  ["api_keys", /^\/api\/auth\/api-keys$/, ["POST"], 10, 60, costly],
  ["password", /^\/api\/(users\/me\/password|auth\/change-password)$/, ["PUT", "POST"], 5, 300, guarded],
  // What submits a job: also by its longer name, and once more.
  ["submit", /^\/api\/cloud\/jobs(\/submit|\/[^/]+\/retry)?$/, ["POST"], 20, 60, costly],
  ["cancel", /^\/api\/cloud\/jobs\/.+\/cancel$/, ["POST"], 30, 60, costly],
  ["webhooks", /^\/api\/webhooks\//, null, 100, 60, ordinary],
  ["storage", /^\/api\/cloud\/storage(\/|$)/, null, 50, 60, ordinary],
  ["quotas", /^\/api\/quotas(\/|$)/, null, 30, 60, costly],
];

/** The name of the rule for requests of the storage endpoint, wherever its buckets are found. */
export const storageRuleName = "storage";

/** The name of the rule for webhooks, which a provider may have its own numbers for. */
export const webhookRuleName = "webhooks";

/** Every rule in the order they are looked at: one's own, the guide's, and the one for everything else. */
export function requestRules(options: RequestRuleOptions): readonly RequestRule[] {
  const { signedInFactor, calls, periodMs } = options;
  const ofKind = (limit: number, { isMoreForCallers, ...kind }: Kind) => ({
    ...kind,
    limit,
    signedInLimit: isMoreForCallers ? limit * signedInFactor : limit,
  });
  return [
    ...options.rules.map((rule, at) => ({
      ...rule,
      name: `custom_${at + 1}`,
      ...ofKind(rule.limit, costly),
    })),
    ...table.map(([name, pattern, methods, limit, seconds, kind]) => ({
      name,
      pattern,
      methods,
      windowMs: seconds * 1_000,
      ...ofKind(limit, kind),
    })),
    { name: "default", pattern: /^/, methods: null, windowMs: periodMs, ...ofKind(calls, ordinary) },
  ];
}

/**
 * What is never counted: probes, event streams, which stay open, files of the web UI, and what pages ask for all the time.
 * Only reading it: a path that is excluded here is limited like any other when it is written to.
 */
export const excludedPaths: readonly RegExp[] = [
  /^\/health$/,
  /^\/api\/cloud\/health\/(live|ready)$/,
  /^\/api\/events\/stream$/,
  /^\/api\/cloud\/jobs\/[^/]+\/logs\/stream$/,
  /^\/api\/cloud\/hints$/,
  /^\/api\/users\/me$/,
  /^\/api\/auth\/check$/,
  /^\/api\/cloud\/providers$/,
  // Files: all but what is put together anew for each request.
  /^\/(?!api(\/|$)|docs(\/|$)|openapi\.json$)/,
];

/** Whether a rule is one of whoever runs the server. */
export function isCustom({ name }: RequestRule): boolean {
  return name.startsWith("custom_");
}

/** Paths are looked at up to here; no rule of the table needs more. */
const longestPath = 1_024;

/** The rule for a request; null where it is not limited. `path` is decoded as routes see it. */
export function ruleOf(rules: readonly RequestRule[], method: string, path: string): RequestRule | null {
  const looked = path.slice(0, longestPath);
  const asked = method === "HEAD" ? "GET" : method;
  const found = rules.find(
    ({ pattern, methods }) => (methods?.includes(asked) ?? true) && pattern.test(looked),
  );
  if (found === undefined) return null;
  // Who writes a rule for an excluded path means it.
  return !isCustom(found) && asked === "GET" && excludedPaths.some((pattern) => pattern.test(looked))
    ? null
    : found;
}
