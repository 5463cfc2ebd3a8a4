import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fuzz } from "./s3-fuzz.ts";

describe("the storage endpoint under mutated requests", () => {
  it("never fails, leaks or lets in what is not signed", async () => {
    const { faults, untouched, statuses } = await fuzz({ requests: 3_000, seed: 1 });
    assert.deepEqual(faults, []);
    // Else the requests reach nothing that could fail.
    assert.ok(
      untouched.succeeded > untouched.sent / 2,
      `${untouched.succeeded} of ${untouched.sent} succeeded`,
    );
    assert.ok((statuses.get(200) ?? 0) > 300, "many mutated requests are still valid");
  });
});
