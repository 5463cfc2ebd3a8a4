import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Delivery } from "@simpletuner-cloud/contract/deliveries.ts";
import { newerDelivery } from "./use-deliveries.ts";

const at = (updated_at: string): Delivery => ({ delivery_id: "one", updated_at }) as Delivery;

describe("deliveries that arrive in any order", () => {
  test("a late state does not replace a newer one; an equal one does", () => {
    const [early, late] = [at("2026-11-01T10:00:00.000Z"), at("2026-11-01T10:00:01.000Z")];
    assert.equal(newerDelivery(late, early), late);
    assert.equal(newerDelivery(early, late), late);
    assert.equal(newerDelivery(undefined, early), early);
    const again = at(late.updated_at);
    assert.equal(newerDelivery(late, again), again);
  });
});
