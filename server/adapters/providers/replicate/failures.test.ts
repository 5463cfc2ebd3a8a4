import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Failure } from "@simpletuner-cloud/contract/errors.ts";
import { OutboundError } from "../../outbound/outbound-http.ts";
import { asFailure, isPassing, mayHaveActed, ReplicateError } from "./failures.ts";

const token = "r8_0123456789abcdef";

function shown(status: number, body: string): Failure {
  const failure = asFailure(new ReplicateError(status, body, token));
  assert.ok(failure instanceof Failure);
  return failure;
}

describe("errors of Replicate", () => {
  test("become sentences with a way out", () => {
    const credit = shown(
      402,
      '{"title":"Insufficient credit","detail":"You have insufficient credit.","status":402}',
    );
    assert.equal(credit.code, "provider_credit_missing");
    assert.match(credit.message, /Insufficient credit: You have insufficient credit.*account\/billing/);
    const invalid = shown(
      422,
      '{"title":"Input validation failed","detail":"- input.x: unknown\\n- input.y: wrong\\n"}',
    );
    assert.match(
      invalid.message,
      /refused the job: Input validation failed: input\.x: unknown: input\.y: wrong/,
    );
    assert.equal(shown(401, "{}").code, "provider_token_refused");
    assert.match(
      shown(413, "<html><h1>Request Entity Too Large</h1></html>").message,
      /refused the job: status 413/,
    );
    assert.equal(shown(503, "<html></html>").code, "provider_unreachable");
  });

  test("never tell the token, even when the answer repeats it", () => {
    for (const status of [400, 401, 422, 500]) {
      const error = new ReplicateError(status, JSON.stringify({ detail: `Bearer ${token} is bad` }), token);
      const failure = asFailure(error);
      assert.ok(failure instanceof Failure);
      assert.ok(!`${error.stack}${failure.stack}${JSON.stringify(failure.details)}`.includes(token));
    }
  });

  test("say whether to try again, and whether something may have been done", () => {
    const at = (status: number) => new ReplicateError(status, "", token);
    assert.deepEqual(
      [429, 500, 503, 402, 404, 422].map((status) => isPassing(at(status))),
      [true, true, true, false, false, false],
    );
    assert.deepEqual(
      [429, 402, 500].map((status) => mayHaveActed(at(status))),
      [false, false, true],
    );
    assert.equal(mayHaveActed(new OutboundError("host", "silent", null)), true);
    assert.equal(mayHaveActed(new OutboundError("host", "circuit_open", null)), false);
  });
});
