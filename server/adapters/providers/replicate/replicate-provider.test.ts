import assert from "node:assert/strict";
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { eventually } from "../../../testing/trainer-scripts.ts";
import type { RunReporter } from "../provider.ts";
import { codeOf, never, openReplicateSite, type ReplicateSite } from "./replicate-test-site.ts";

describe("runs at Replicate", () => {
  let site: ReplicateSite;

  beforeEach(async () => {
    site = await openReplicateSite();
  });
  afterEach(() => site.close());

  test("one run: declared inputs, log, output, cost, and nothing left behind", async () => {
    const sent: number[] = [];
    const { started, end, files } = await site.wholeRun({ onUpload: (progress) => sent.push(progress.sent) });
    assert.deepEqual([started.hardwareType, started.externalId], ["h100", site.emulator.predictions[0]?.id]);
    assert.deepEqual(end, { outcome: "completed", outputUrl: null, billedSeconds: 0.1 });
    assert.deepEqual(files, ["pytorch_lora_weights.safetensors"]);
    assert.equal(site.told.log.match(/^Training step \d\/4 loss/gm)?.length, 4);
    assert.match(site.told.log, /Saved the model\n$/);
    assert.equal(site.emulator.files.size, 0);
    assert.deepEqual(await readdir(site.jobsFolder), []);
    assert.ok((sent.at(-1) ?? 0) > 100);
    const { input } = site.emulator.predictions[0]!;
    const config = JSON.parse(String(input["config_json"])) as Record<string, unknown>;
    assert.deepEqual(
      [
        config["max_train_steps"],
        config["tracker_run_name"],
        config["output_dir"],
        config["data_backend_config"],
      ],
      [4, "A run", undefined, undefined],
    );
    assert.ok(!JSON.stringify(input).includes(site.folder), "no path of this machine is sent");
    assert.deepEqual(Object.keys(input).sort(), ["config_json", "dataloader_json", "images", "return_logs"]);
    assert.equal(site.emulator.billedNanoUsd(), 152_500_000 / 1_000);
  });

  const faults = ["429", "429-header", "500", "cut", "lost", "slow"] as const;
  for (const operation of ["model", "upload", "create", "get", "deleteFile", "output"] as const)
    test(`every fault of "${operation}": the run completes, and there was one prediction`, async () => {
      for (const fault of faults) {
        site.emulator.faults.set(operation, fault);
        site.emulator.predictions.length = 0;
        site.told.log = "";
        const { end, files } = await site.wholeRun({}, { timeoutMs: fault === "slow" ? 200 : 5_000 });
        assert.deepEqual([fault, end.outcome, files.length], [fault, "completed", 1]);
        assert.equal(site.emulator.predictions.length, 1, fault);
        assert.match(site.told.log, /Saved the model\n$/);
        assert.equal(site.emulator.files.size, 0, fault);
      }
      assert.deepEqual(site.told.warnings, []);
    });

  test("answers of creating are lost several times, and of listing too: still one prediction", async () => {
    site.emulator.faults.set("create", "500");
    site.emulator.faults.set("create", "cut");
    site.emulator.faults.set("create", "lost");
    site.emulator.faults.set("list", "500");
    site.emulator.faults.set("list", "lost", 2);
    const { end } = await site.wholeRun();
    assert.equal(end.outcome, "completed");
    assert.equal(site.emulator.predictions.length, 1);
  });

  test("a run whose second prediction appears late keeps the older one and stops the other", async () => {
    const replicate = site.provider();
    site.emulator.behaviour.startMs = 5_000;
    site.emulator.faults.set("create", "lost");
    site.emulator.faults.set("list", "cut", 8);
    const stop = new AbortController();
    const first = replicate.start(site.request(), stop.signal);
    await eventually("the first prediction", () => site.emulator.predictions.length === 1);
    stop.abort(new Error("the server stops"));
    await assert.rejects(first);
    site.emulator.faults.clear();
    site.emulator.create(
      Buffer.from(
        JSON.stringify({
          version: site.emulator.predictions[0]!.version,
          input: site.emulator.predictions[0]!.input,
        }),
      ),
    );
    const { externalId } = await site.provider().start(site.request(), never);
    assert.equal(externalId, site.emulator.predictions[0]!.id);
    assert.equal(site.emulator.predictions[0]!.canceledAtMs, null);
    assert.notEqual(site.emulator.predictions[1]!.canceledAtMs, null);
  });

  test("started again after its id was stored, nothing is sent and the archive is not needed", async () => {
    const { externalId } = await site.provider().start(site.request(), never);
    const sent = site.emulator.calls.length;
    const again = await site
      .provider()
      .start(site.request({ archivePath: join(site.folder, "gone.zip") }), never);
    assert.deepEqual([again.externalId, site.emulator.calls.length], [externalId, sent]);
  });

  test("a crash between the request and its answer, found after the data was removed, is told and not repeated", async () => {
    site.emulator.faults.set("create", "lost");
    site.emulator.faults.set("list", "cut", 8);
    const stop = new AbortController();
    const starting = site.provider().start(site.request(), stop.signal);
    await eventually("the prediction", () => site.emulator.predictions.length === 1);
    stop.abort(new Error("stop"));
    await assert.rejects(starting);
    site.emulator.faults.clear();
    site.emulator.predictions[0]!.dataRemoved = true;
    await assert.rejects(
      site.provider().start(site.request(), never),
      (error) => codeOf(error) === "provider_run_unknown",
    );
    assert.equal(site.emulator.predictions.length, 1);
  });

  test("a training that fails tells why, in the log and at the end", async () => {
    site.emulator.behaviour.failure = "CUDA out of memory";
    const { end } = await site.wholeRun();
    assert.equal(end.outcome, "failed");
    assert.match((end as { message: string }).message, /CUDA out of memory/);
    assert.match(site.told.log, /\[ERROR\] CUDA out of memory\n$/);
  });

  test("cancelled while it runs; a second cancel and one of a missing prediction are harmless", async () => {
    site.emulator.behaviour.trainMs = 60_000;
    const replicate = site.provider();
    const { externalId } = await replicate.start(site.request(), never);
    const run = { ...site.request(), externalId };
    const following = replicate.follow(run, 0, site.reporter, never);
    await eventually("the log", () => site.told.log.includes("Loading"));
    await replicate.cancel(run);
    await replicate.cancel(run);
    assert.equal((await following).outcome, "cancelled");
    await replicate.cancel({ ...run, externalId: "missing" });
  });

  test("a cancel that comes too late: the run is what it became", async () => {
    site.emulator.behaviour.cancelsTooLate = true;
    const replicate = site.provider();
    const { externalId } = await replicate.start(site.request(), never);
    await replicate.cancel({ ...site.request(), externalId });
    assert.equal(
      (await replicate.follow({ ...site.request(), externalId }, 0, site.reporter, never)).outcome,
      "completed",
    );
  });

  test("cancelled with the answer of creating lost: the prediction is found and stopped", async () => {
    site.emulator.behaviour.startMs = 60_000;
    site.emulator.faults.set("create", "lost");
    site.emulator.faults.set("list", "cut", 8);
    const stop = new AbortController();
    const replicate = site.provider();
    const starting = replicate.start(site.request(), stop.signal);
    await eventually("the prediction", () => site.emulator.predictions.length === 1);
    stop.abort(new Error("cancelled"));
    await assert.rejects(starting);
    site.emulator.faults.clear();
    await replicate.cancel(site.request());
    assert.notEqual(site.emulator.predictions[0]!.canceledAtMs, null);
  });

  test("the address of an output has run out: the new one is asked for; when there is none, the job says so", async () => {
    const replicate = site.provider();
    const { externalId } = await replicate.start(site.request(), never);
    const prediction = site.emulator.predictions[0]!;
    await eventually("the end", () => site.emulator.view(prediction).status === "succeeded");
    const renewing: RunReporter = {
      ...site.reporter,
      log: async () => void (prediction.outputKey = "renewed0"),
    };
    const run = { ...site.request(), externalId };
    assert.equal((await replicate.follow(run, 0, renewing, never)).outcome, "completed");
    assert.equal((await site.outputs()).length, 1);

    await rm(join(site.jobsFolder, "job-1", "output"), { recursive: true });
    site.emulator.faults.set("output", "expired", 2);
    const end = await replicate.follow(run, 0, site.reporter, never);
    assert.deepEqual([end.outcome, (end as { code: string }).code], ["failed", "provider_outputs_gone"]);

    prediction.dataRemoved = true;
    const later = await replicate.follow(run, 0, site.reporter, never);
    assert.deepEqual([later.outcome, (later as { code: string }).code], ["failed", "provider_outputs_gone"]);
  });

  test("a prediction that vanished fails the run and starts no other", async () => {
    const replicate = site.provider();
    const end = await replicate.follow(
      { ...site.request(), externalId: "vanished" },
      0,
      site.reporter,
      never,
    );
    assert.equal((end as { code: string }).code, "provider_run_unknown");
    assert.equal(site.emulator.predictions.length, 0);
  });

  test("the log goes on from a position and repeats nothing", async () => {
    const replicate = site.provider();
    const { externalId } = await replicate.start(site.request(), never);
    const positions: number[] = [];
    await replicate.follow(
      { ...site.request(), externalId },
      0,
      {
        ...site.reporter,
        log: async (text, position) => void (positions.push(position), (site.told.log += text)),
      },
      never,
    );
    const whole = site.told.log;
    site.told.log = "";
    await replicate.follow({ ...site.request(), externalId }, positions[0]!, site.reporter, never);
    assert.equal(whole.slice(positions[0]), site.told.log);
  });

  test("an upload whose answer was lost is found by its name and removed with the job", async () => {
    site.emulator.faults.set("upload", "lost");
    site.emulator.faults.set("files", "cut", 8);
    const stop = new AbortController();
    const replicate = site.provider();
    await mkdir(site.jobsFolder, { recursive: true });
    const starting = replicate.start(site.request(), stop.signal);
    await eventually("the upload", () => site.emulator.files.size === 1);
    stop.abort(new Error("cancelled"));
    await assert.rejects(starting);
    site.emulator.faults.clear();
    await replicate.forget("job-1");
    assert.equal(site.emulator.files.size, 0);
  });

  test("the archive that older predictors answer is unpacked, again after a crash, and only once", async () => {
    site.emulator.behaviour.files = { "output.zip": await readFile(site.request().archivePath ?? "") };
    const replicate = site.provider();
    const { externalId } = await replicate.start(site.request(), never);
    const run = { ...site.request(), externalId };
    await replicate.follow(run, 0, site.reporter, never);
    assert.deepEqual((await site.outputs()).sort(), ["dataloader.json", "datasets"]);
    await rm(join(site.jobsFolder, "job-1", "output"), { recursive: true });
    await replicate.follow(run, 0, site.reporter, never);
    assert.equal((await site.outputs()).length, 2);
    assert.equal(site.emulator.calls.filter(({ operation }) => operation === "output").length, 1);
  });

  test("an output elsewhere is named and not fetched; a text is no address", async () => {
    const { behaviour } = site.emulator;
    behaviour.says = "https://huggingface.co/ada/model";
    assert.deepEqual((await site.wholeRun()).end, {
      outcome: "completed",
      outputUrl: "https://huggingface.co/ada/model",
      billedSeconds: 0.1,
    });
    behaviour.says = "Training complete. Output: output/cog/x";
    const { end, files } = await site.wholeRun({ runToken: "token0000002" });
    assert.deepEqual([(end as { outputUrl: string | null }).outputUrl, files.length], [null, 0]);
  });

  test("names of outputs can neither leave the folder nor hide", async () => {
    site.emulator.behaviour.files = { "..%2F..%2Fevil.txt": Buffer.from("a"), ".hidden": Buffer.from("b") };
    const { end, files } = await site.wholeRun();
    assert.equal(end.outcome, "completed");
    assert.deepEqual(files.sort(), ["_2F.._2Fevil.txt", "hidden"]);
  });
});
