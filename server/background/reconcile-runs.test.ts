import assert from "node:assert/strict";
import { after, beforeEach, describe, it } from "node:test";
import type { ListedRun, Provider } from "../adapters/providers/provider.ts";
import type { JobRecord } from "../domain/job-record.ts";
import type { Loop } from "./loop.ts";
import { reconcileRuns } from "./reconcile-runs.ts";

describe("runs that no job owns", () => {
  let runs: ListedRun[];
  let owned: { runToken: string | null; externalId: string | null }[];
  let stopped: string[];
  let told: unknown[];
  let ended: Set<string>;
  let onRead: () => void;
  let loop: Loop;
  const stopping = new AbortController();
  after(() => stopping.abort());
  const run = (
    externalId: string,
    runToken: string | null,
    status: ListedRun["status"] = "running",
  ): ListedRun => ({
    externalId,
    runToken,
    status,
    createdAtMs: 0,
    startedAtMs: null,
    completedAtMs: null,
    billedSeconds: null,
    hardware: null,
    name: null,
    config: {},
  });

  beforeEach(() => {
    [runs, owned, stopped, told] = [[], [], [], []];
    ended = new Set();
    onRead = () => undefined;
    const provider = {
      id: "elsewhere",
      describe: async () => ({ configured: true }),
      runs: {
        async *list() {
          yield* runs;
        },
        stop: async (id: string) => {
          if (ended.has(id)) return false;
          stopped.push(id);
          runs = runs.filter(({ externalId }) => externalId !== id);
          return true;
        },
      },
    } as unknown as Provider;
    loop = reconcileRuns({
      providers: { all: [provider] },
      jobs: {
        async inStatus() {
          const records = owned.map((own) => ({ private: own }) as unknown as JobRecord);
          onRead();
          return records;
        },
      },
      serverEvents: { append: async (_, data) => void told.push(data) },
      now: () => 0,
      log: { warn: () => undefined },
      stopping: stopping.signal,
      settleMs: 1,
    });
  });

  it("are stopped and told, others' and owned ones never", async () => {
    runs = [
      run("orphan", "t1"),
      run("waiting", "t2", "queued"),
      run("mine", "t3"),
      run("by-id", "t4"),
      run("foreign", null),
      run("over", "t5", "completed"),
    ];
    owned = [
      { runToken: "t3", externalId: null },
      { runToken: "other", externalId: "by-id" },
    ];
    await loop.runOnce();
    assert.deepEqual(stopped, ["orphan", "waiting"]);
    await loop.runOnce();
    assert.deepEqual([stopped.length, told.length], [2, 2]);
  });

  it("are left alone when a job turns out to own them", async () => {
    runs = [run("late", "t1")];
    onRead = () => (owned = [{ runToken: "t1", externalId: null }]);
    await loop.runOnce();
    assert.deepEqual(stopped, []);
  });

  it("that ended meanwhile are no news", async () => {
    runs = [run("ended", "t1")];
    ended.add("ended");
    await loop.runOnce();
    assert.deepEqual([stopped, told], [[], []]);
  });
});
