import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { rateLimitsOf } from "./rate-limits.ts";
import { StartError } from "./values.ts";

describe("the settings of rate limits", () => {
  it("are the operations guide's by default", () => {
    assert.deepEqual(rateLimitsOf({}), {
      calls: 100,
      periodMs: 60_000,
      signedInFactor: 10,
      localhost: "bypass",
      audit: true,
      rules: [],
    });
  });

  it("take rules in the guide's form", () => {
    const rules = [
      ["^/api/cloud/expensive$", 5, 300, ["POST"]],
      ["^/api/cloud/public$", 1000, 60, null],
      ["^/api/cloud/short$", 1, 1],
    ];
    const read = rateLimitsOf({ RATE_LIMIT_CALLS: "0", RATE_LIMIT_RULES: JSON.stringify(rules) });
    assert.equal(read.calls, 0);
    assert.deepEqual(
      read.rules.map(({ pattern, ...rest }) => ({ pattern: pattern.source, ...rest })),
      [
        { pattern: "^\\/api\\/cloud\\/expensive$", limit: 5, windowMs: 300_000, methods: ["POST"] },
        { pattern: "^\\/api\\/cloud\\/public$", limit: 1_000, windowMs: 60_000, methods: null },
        { pattern: "^\\/api\\/cloud\\/short$", limit: 1, windowMs: 1_000, methods: null },
      ],
    );
  });

  const nonsense: [variable: string, value: string, tells: RegExp][] = [
    ["RATE_LIMIT_CALLS", "-1", /not a whole number from 0/],
    ["RATE_LIMIT_CALLS", "many", /not a whole number/],
    ["RATE_LIMIT_PERIOD", "0", /from 1 to 86400/],
    ["RATE_LIMIT_SIGNED_IN_FACTOR", "0.5", /not a whole number/],
    ["RATE_LIMIT_LOCALHOST", "yes", /bypass, limit/],
    ["RATE_LIMIT_AUDIT", "1", /true, false/],
    ["RATE_LIMIT_RULES", "[", /not JSON/],
    ["RATE_LIMIT_RULES", "{}", /not a list/],
    ["RATE_LIMIT_RULES", '["^/a$"]', /rule 1 is not of the form/],
    ["RATE_LIMIT_RULES", '[["^/a$", 1]]', /rule 1 is not of the form/],
    ["RATE_LIMIT_RULES", '[["^/a$", 1, 1], ["(", 1, 1]]', /rule 2: .*(paren|group)/i],
    ["RATE_LIMIT_RULES", '[["^/(a+)+$", 1, 1]]', /repeats something that repeats already/],
    ["RATE_LIMIT_RULES", '[["", 1, 1]]', /1 to 200 characters/],
    ["RATE_LIMIT_RULES", '[["^/a$", 0, 1]]', /calls is 0/],
    ["RATE_LIMIT_RULES", '[["^/a$", "5", 1]]', /calls is "5"/],
    ["RATE_LIMIT_RULES", '[["^/a$", 1, 1e9]]', /seconds is 1000000000/],
    ["RATE_LIMIT_RULES", '[["^/a$", 1, 1, ["post"]]]', /methods is neither/],
    ["RATE_LIMIT_RULES", '[["^/a$", 1, 1, []]]', /methods is neither/],
  ];
  for (const [variable, value, tells] of nonsense)
    it(`refuse ${variable}=${value} at the start, in one sentence that names it`, () => {
      assert.throws(
        () => rateLimitsOf({ [variable]: value }),
        (error: unknown) => {
          assert.ok(error instanceof StartError);
          assert.match(error.message, tells);
          assert.ok(error.message.startsWith(`${variable}: `));
          return true;
        },
      );
    });
});
