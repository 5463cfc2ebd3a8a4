import assert from "node:assert/strict";
import { describe, it } from "node:test";
import pino from "pino";
import { memoryState } from "../adapters/state/memory/memory-state.ts";
import type { StateStore } from "../adapters/state/state.ts";
import { rateLimitsOf } from "../config/rate-limits.ts";
import { limitAlarm } from "./limit-alarm.ts";
import type { Violation } from "./rate-violations.ts";
import { type CountedRequest, requestLimits } from "./request-limits.ts";

/** Limits over a store that fails or hangs when told to. */
function limitsOver({ env = {} }: { env?: NodeJS.ProcessEnv } = {}) {
  const real = memoryState();
  const store = { trouble: null as "fails" | "hangs" | null, asked: 0 };
  const state: StateStore = {
    ...real,
    takePlaces(...args) {
      store.asked++;
      if (store.trouble === "fails") return Promise.reject(new Error("gone"));
      return store.trouble === "hangs" ? new Promise(() => undefined) : real.takePlaces(...args);
    },
  };
  const clock = { ms: 0 };
  const events: [string, Record<string, unknown>][] = [];
  const logged: string[] = [];
  const violations: Violation[] = [];
  const alarm = limitAlarm({
    log: pino({ level: "warn" }, { write: (line: string) => void logged.push(JSON.parse(line).msg) }),
    serverEvents: { append: async (type, data) => void events.push([type, data]) },
    monotonicMs: () => clock.ms,
  });
  const limits = requestLimits({
    config: rateLimitsOf(env),
    state,
    alarm,
    violations: { record: (violation) => void violations.push(violation) },
    ownLimit: async () => null,
  });
  const check = async (method: string, path: string, more: Partial<CountedRequest> = {}) => {
    const rule = limits.ruleOf(method, path);
    assert.ok(rule);
    return limits.check(rule, { method, path, address: "203.0.113.1", userAgent: "", caller: null, ...more });
  };
  return { store, clock, events, logged, violations, alarm, limits, check };
}

describe("limits of requests", () => {
  it("let ordinary requests through while the store fails, keep sign-in closed, and raise the alarm once", async () => {
    const { store, clock, events, logged, alarm, limits, check } = limitsOver();
    assert.equal((await check("GET", "/api/configs")).kind, "counted");
    assert.equal(alarm.health().status, "healthy");
    store.trouble = "fails";
    for (let times = 0; times < 20; times++)
      assert.deepEqual(await check("GET", "/api/configs"), { kind: "unchecked" });
    assert.equal((await check("POST", "/api/auth/login")).kind, "closed");
    assert.equal((await check("POST", "/api/auth/register")).kind, "closed");
    assert.equal((await check("PUT", "/api/users/me/password")).kind, "closed");
    assert.equal(store.asked, 2, "a store that fails is left alone for a second");
    assert.equal(alarm.health().status, "degraded");
    assert.match(alarm.health().message ?? "", /not limited and nobody can sign in/);
    assert.deepEqual(events, [["rate_limits.suspended", { reason: "gone" }]]);
    assert.equal(logged.length, 1);

    clock.ms += 1_000;
    store.trouble = null;
    assert.equal((await check("POST", "/api/auth/login")).kind, "counted");
    assert.equal(alarm.health().status, "healthy");
    assert.deepEqual(events.at(-1), ["rate_limits.resumed", { seconds: 1, unchecked: 23 }]);
    const { rules } = limits.counts.snapshot();
    assert.deepEqual(
      rules.filter(({ rule }) => ["default", "login", "password"].includes(rule)),
      [
        { rule: "login", allowed: 1, refused: 0, unchecked: 0, closed: 1 },
        { rule: "password", allowed: 0, refused: 0, unchecked: 0, closed: 1 },
        { rule: "default", allowed: 1, refused: 0, unchecked: 20, closed: 0 },
      ],
    );
  });

  it("hold no request for longer than a second where the store hangs", async () => {
    const { store, check } = limitsOver();
    store.trouble = "hangs";
    const startedAt = performance.now();
    assert.equal((await check("GET", "/api/configs")).kind, "unchecked");
    const waited = performance.now() - startedAt;
    assert.ok(waited >= 990, `${waited} ms`);
    assert.equal((await check("GET", "/api/configs")).kind, "unchecked");
    assert.equal(store.asked, 1);
  });

  it("write at most one pair of events a minute where the store comes and goes", async () => {
    const { store, clock, events, check } = limitsOver();
    for (let times = 0; times < 30; times++) {
      store.trouble = "fails";
      await check("GET", "/api/configs");
      clock.ms += 1_000;
      store.trouble = null;
      await check("GET", "/api/configs");
      clock.ms += 1_000;
    }
    assert.deepEqual(
      events.map(([type]) => type),
      ["rate_limits.suspended", "rate_limits.resumed"],
    );
  });

  it("keep refusing who is known to be over the limit while the store is silent, which ends no alarm", async () => {
    const { store, alarm, check } = limitsOver();
    for (let times = 0; times < 5; times++) await check("POST", "/api/auth/login");
    store.trouble = "fails";
    await check("GET", "/api/configs", { address: "203.0.113.2" });
    const sixth = await check("POST", "/api/auth/login");
    assert.ok(sixth.kind === "counted" && !sixth.allowed);
    assert.notEqual(alarm.silentMs(), null);
  });

  it("count clients of about the last minute, and every refusal", async () => {
    const { limits, violations, check } = limitsOver({ env: { RATE_LIMIT_CALLS: "2" } });
    for (const address of ["203.0.113.1", "203.0.113.2", "203.0.113.1", "203.0.113.1"])
      await check("GET", "/api/configs", { address });
    await check("GET", "/api/configs", { caller: { userId: "u1", username: "ada" } });
    assert.deepEqual(
      { ...limits.counts.snapshot(), rules: [] },
      { rules: [], violations: 1, trackedClients: 3 },
    );
    assert.deepEqual(
      violations.map(({ client, rule }) => [client, rule.name, rule.limit]),
      [["203.0.113.1", "default", 2]],
    );
  });

  it("are none with RATE_LIMIT_CALLS=0, and tell the audit nothing with RATE_LIMIT_AUDIT=false", async () => {
    const off = limitsOver({ env: { RATE_LIMIT_CALLS: "0" } });
    assert.equal(off.limits.ruleOf("POST", "/api/auth/login"), null);
    assert.equal(off.limits.storageRule("GET", "/x"), null);
    const quiet = limitsOver({ env: { RATE_LIMIT_CALLS: "1", RATE_LIMIT_AUDIT: "false" } });
    await quiet.check("GET", "/api/configs");
    const second = await quiet.check("GET", "/api/configs");
    assert.ok(second.kind === "counted" && !second.allowed);
    assert.deepEqual(quiet.violations, []);
  });
});
