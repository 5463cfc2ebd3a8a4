import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { pino } from "pino";
import { type LocalStorage, openLocalStorage } from "../adapters/storage/local/local-storage.ts";
import type { ObjectStorage } from "../adapters/storage/storage.ts";
import { openTestDatabase } from "../testing/test-database.ts";
import { openStores, type Stores } from "../db/stores/open-stores.ts";
import { newJobRecord } from "../domain/job-record.ts";
import { outputsBucket } from "../domain/run-files.ts";
import { secretBox } from "../domain/sealed-secret.ts";
import { type CheckpointRetention, checkpointRetention } from "./checkpoint-retention.ts";
import { outputDeliverer } from "./deliver-outputs.ts";
import { jobSnapshots } from "./job-snapshots.ts";
import { receivedFiles } from "./received-files.ts";

const weights = "pytorch_lora_weights.safetensors";

describe("the last checkpoints of a job", () => {
  let folder: string;
  let stores: Stores;
  let storage: LocalStorage;
  let close: () => Promise<void>;
  let number = 0;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "retention-"));
    const database = await openTestDatabase(folder);
    close = database.close;
    const nothing = (): void => undefined;
    stores = openStores(database.db, Date.now, nothing, nothing);
    storage = await openLocalStorage({ root: join(folder, "outputs"), durability: "fast", keepFreeBytes: 0 });
    await storage.createBucket(outputsBucket);
  });
  after(async () => {
    await close();
    await rm(folder, { recursive: true, force: true });
  });

  async function newJob(config: object): Promise<string> {
    const jobId = `job-${number++}`;
    const named = { jobId, userId: "ada", provider: "local", jobType: "local", name: "a run" } as const;
    const rest = {
      configName: null,
      modelFamily: null,
      consentedFingerprint: null,
      retryOf: null,
      hardwareType: null,
    };
    const record = newJobRecord({ ...named, ...rest, transfer: "in_place", metadata: {} }, Date.now());
    await stores.jobs.insert(
      record,
      { config: JSON.stringify(config), dataloader: "[]", plan: "{}" },
      [],
      null,
    );
    return jobId;
  }

  function retention(over: ObjectStorage = storage): CheckpointRetention {
    const snapshots = jobSnapshots(stores.jobs, secretBox(randomBytes(32)));
    return checkpointRetention({ ...stores, snapshots, storage: over, log: pino({ level: "silent" }) });
  }

  async function store(jobId: string, key: string): Promise<void> {
    const body = (async function* () {
      yield Buffer.from("12345");
    })();
    const described = { headers: {}, userMetadata: {} };
    await storage.putObject({ bucket: outputsBucket, key: `${jobId}/${key}`, ...described, body });
  }

  async function keysOf(jobId: string): Promise<string[]> {
    const { objects } = await storage.listObjects({
      bucket: outputsBucket,
      prefix: `${jobId}/`,
      maxKeys: 1000,
    });
    return objects.map(({ key }) => key.slice(jobId.length + 1));
  }

  async function prunings(jobId: string): Promise<unknown[]> {
    const events = await stores.events.ofJob(jobId, 0, 100);
    return events.filter(({ type }) => type === "job.artifacts_pruned").map(({ data }) => data);
  }

  it("stay as they arrive, older ones go and the job says so", async () => {
    const jobId = await newJob({ checkpoints_total_limit: 2 });
    const received = receivedFiles({
      jobs: stores.jobs,
      pruneCheckpoints: retention().prune,
      now: Date.now,
      log: { warn: assert.fail },
    });
    for (const step of [10, 20, 100]) {
      for (const name of ["optimizer.bin", weights]) {
        const key = `checkpoint-${step}/${name}`;
        await store(jobId, key);
        await received.onStored({ jobId, key, sizeBytes: 5 });
      }
    }
    await store(jobId, "samples/step_10_0.png");
    assert.deepEqual(await keysOf(jobId), [
      "checkpoint-100/optimizer.bin",
      `checkpoint-100/${weights}`,
      "checkpoint-20/optimizer.bin",
      `checkpoint-20/${weights}`,
      "samples/step_10_0.png",
    ]);
    assert.deepEqual(await prunings(jobId), [{ files: 2, bytes: 10, kept: 2 }]);
    await retention().prune(jobId);
    assert.equal((await prunings(jobId)).length, 1);
  });

  it("of a trainer that did not upload are delivered, and no older ones; delivering again changes nothing", async () => {
    const jobId = await newJob({ checkpoints_total_limit: "3" });
    const outputs = join(folder, jobId);
    await store(jobId, `checkpoint-1/${weights}`);
    for (const step of [2, 3, 4, 10]) {
      await mkdir(join(outputs, `checkpoint-${step}`), { recursive: true });
      await writeFile(join(outputs, `checkpoint-${step}`, weights), "12345");
    }
    await writeFile(join(outputs, weights), "model");
    const deliver = outputDeliverer({ storage, retention: retention(), onStored: async () => undefined });
    const expected = [...[10, 3, 4].map((step) => `checkpoint-${step}/${weights}`), weights];
    assert.equal((await deliver(jobId, outputs)).copiedFiles, 4);
    assert.deepEqual(await keysOf(jobId), expected);
    assert.equal((await deliver(jobId, outputs)).copiedFiles, 0);
    assert.deepEqual(await keysOf(jobId), expected);
    assert.equal((await prunings(jobId)).length, 1);
  });

  it("are all of them without a limit, and as many as the server's setting says where the job does not", async () => {
    const jobId = await newJob({});
    const keys = [1, 2, 3].map((step) => `checkpoint-${step}/${weights}`);
    for (const key of keys) await store(jobId, key);
    await retention().prune(jobId);
    assert.deepEqual(await keysOf(jobId), keys);
    await stores.settings.set({ storageKeepCheckpoints: 1 });
    await retention().prune(jobId);
    await stores.settings.set({ storageKeepCheckpoints: null });
    assert.deepEqual(await keysOf(jobId), keys.slice(2));
  });

  it("cannot fail a job: a storage that deletes nothing is tried again the next time", async () => {
    const jobId = await newJob({ checkpoints_total_limit: 1 });
    for (const step of [1, 2]) await store(jobId, `checkpoint-${step}/${weights}`);
    const broken: ObjectStorage = { ...storage, deleteObject: () => Promise.reject(new Error("no")) };
    await retention(broken).prune(jobId);
    await retention().prune("a job that is gone");
    assert.equal((await keysOf(jobId)).length, 2);
    await retention().prune(jobId);
    assert.deepEqual(await keysOf(jobId), [`checkpoint-2/${weights}`]);
  });
});
