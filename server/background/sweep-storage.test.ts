import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import { sweepStorageHourly } from "./sweep-storage.ts";

const hourMs = 3_600_000;

describe("the hourly sweep of the storage", () => {
  beforeEach(() => mock.timers.enable({ apis: ["setInterval"] }));
  afterEach(() => mock.timers.reset());

  function start(sweep: () => Promise<void>): {
    stop: AbortController;
    warnings: unknown[];
    settled(): Promise<void>;
  } {
    const stop = new AbortController();
    const warnings: unknown[] = [];
    const log = { warn: (...told: unknown[]) => void warnings.push(told) };
    const { settled } = sweepStorageHourly({ storage: { sweep }, log, stopping: stop.signal });
    return { stop, warnings, settled };
  }

  it("comes at the start and each hour, also after a failure, and ends with the server", async () => {
    let sweeps = 0;
    const { stop, warnings, settled } = start(async () => {
      sweeps++;
      if (sweeps === 2) throw new Error("the disk is gone");
    });
    await settled();
    assert.equal(sweeps, 1);
    mock.timers.tick(hourMs - 1);
    assert.equal(sweeps, 1);
    mock.timers.tick(1);
    await settled();
    mock.timers.tick(hourMs);
    await settled();
    assert.equal(sweeps, 3);
    assert.equal(warnings.length, 1);
    stop.abort();
    mock.timers.tick(3 * hourMs);
    assert.equal(sweeps, 3);
  });

  it("does not run twice at the same time, and is waited for", async () => {
    let sweeps = 0;
    const { promise, resolve } = Promise.withResolvers<void>();
    const { stop, settled } = start(() => {
      sweeps++;
      return promise;
    });
    mock.timers.tick(2 * hourMs);
    assert.equal(sweeps, 1);
    stop.abort();
    let isSettled = false;
    const waiting = settled().then(() => (isSettled = true));
    await Promise.resolve();
    assert.equal(isSettled, false);
    resolve();
    await waiting;
  });
});
