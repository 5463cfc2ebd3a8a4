import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import type { JobStore } from "../db/stores/jobs.ts";
import type { JobRecord } from "../domain/job-record.ts";
import { eventually } from "../testing/trainer-scripts.ts";
import { receivedFiles } from "./received-files.ts";

/** A receiver over one active job; `told` holds each progress that was written. */
function setUp() {
  let nowMs = 1_000_000;
  const told: NonNullable<Job["upload_progress"]>[] = [];
  const types: string[] = [];
  const change: JobStore["change"] = async (_jobId, decide) => {
    const upload_progress = told.at(-1) ?? null;
    const made = decide({ wire: { is_active: true, upload_progress } as Job } as JobRecord);
    const progress = made?.wire?.upload_progress;
    if (progress) told.push(progress);
    for (const { type } of made?.events ?? []) types.push(type);
    return null;
  };
  const received = receivedFiles({
    jobs: { change } as JobStore,
    pruneCheckpoints: async () => undefined,
    now: () => nowMs,
    log: { warn: assert.fail },
  });
  const send = (bytes: number, afterMs: number): Promise<void> => {
    nowMs += afterMs;
    return received.onProgress({ jobId: "a", key: "m.safetensors", bytes });
  };
  return { received, send, told, types };
}

describe("what arrives for a job", () => {
  it("is added to what has come to other servers", async () => {
    const { received, send, told } = setUp();
    await send(10, 0);
    const elsewhere = { ...(told.at(-1) as (typeof told)[number]), bytes_done: 1_010, files_done: 3 };
    told.push(elsewhere);
    await received.onStored({ jobId: "a", key: "model.safetensors", sizeBytes: 5 });
    assert.deepEqual([told.at(-1)?.bytes_done, told.at(-1)?.files_done], [1_010, 4]);
    await send(5, 2_000);
    assert.equal(told.at(-1)?.bytes_done, 1_015);
    received.forget("a");
  });

  it("is written at most once a second, and the last of it, too", async () => {
    const { received, send, told } = setUp();
    await send(10, 0);
    for (let piece = 0; piece < 5; piece++) await send(10, 50);
    assert.deepEqual(
      told.map(({ bytes_done }) => bytes_done),
      [10],
    );
    await eventually("the rest", () => told.length === 2, 3_000);
    assert.equal(told[1]?.bytes_done, 60);
    received.forget("a");
  });

  it("has the rate of the last seconds, not of the whole time", async () => {
    const { received, send, told } = setUp();
    await send(0, 0);
    for (let second = 0; second < 20; second++) await send(1_000, 1_000);
    assert.equal(told.at(-1)?.bytes_per_second, 1_000);
    for (let second = 0; second < 11; second++) await send(50_000, 1_000);
    assert.equal(told.at(-1)?.bytes_per_second, 50_000);
    await send(0, 60_000);
    assert.ok((told.at(-1)?.bytes_per_second ?? 0) < 1_000);
    received.forget("a");
  });

  it("tells models and the weights of checkpoints as events, and nothing once the job is forgotten", async () => {
    const { received, send, told, types } = setUp();
    await received.onStored({ jobId: "a", key: "model.safetensors", sizeBytes: 5 });
    await received.onStored({ jobId: "a", key: "checkpoint-10/optimizer.bin", sizeBytes: 5 });
    await received.onStored({ jobId: "a", key: "checkpoint-10/model.safetensors", sizeBytes: 5 });
    await received.onStored({ jobId: "a", key: "samples/step-4/0.png", sizeBytes: 5 });
    assert.deepEqual(types, ["job.artifact", "job.checkpoint", "job.sample"]);
    assert.equal(told.at(-1)?.files_done, 4);
    await send(10, 1);
    const before = told.length;
    received.forget("a");
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    assert.equal(told.length, before);
  });
});
