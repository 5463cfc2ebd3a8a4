import assert from "node:assert/strict";
import { mkdir, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import {
  codeOf,
  never,
  openReplicateSite,
  packFolder,
  type ReplicateSite,
  uploadSecret,
} from "./replicate-test-site.ts";

describe("what Replicate is sent, and what is refused before", () => {
  let site: ReplicateSite;

  beforeEach(async () => {
    site = await openReplicateSite();
  });
  afterEach(() => site.close());

  test("with an address from outside, the trainer gets this server's bucket, by secret inputs only", async () => {
    await site.wholeRun({}, { reachable: true });
    const { input } = site.emulator.predictions[0]!;
    assert.equal(input["s3_secret_key"], uploadSecret);
    assert.equal(input["s3_endpoint_url"], "https://train.example.org/api/cloud/storage");
    const { s3_secret_key: _, s3_access_key: __, ...rest } = input;
    assert.ok(!JSON.stringify(rest).includes(uploadSecret));
  });

  test("the user's own bucket and hub token travel as secret inputs; two targets are refused", async () => {
    const target = { provider: "s3", bucket: "mine", access_key: "A", secret_key: "user-secret-key" };
    const config = {
      max_train_steps: 2,
      publishing_config: [target],
      push_to_hub: true,
      hub_model_id: "ada/m",
    };
    await site.wholeRun({ config }, { reachable: true, hubToken: "hf_abcdefgh" });
    const { s3_secret_key, hf_token, s3_access_key, ...rest } = site.emulator.predictions[0]!.input;
    assert.deepEqual([s3_access_key, s3_secret_key, hf_token], ["A", "user-secret-key", "hf_abcdefgh"]);
    assert.doesNotMatch(JSON.stringify(rest), /user-secret|hf_abc/);
    const two = { ...config, publishing_config: [target, target] };
    await assert.rejects(
      site.provider().start(site.request({ runToken: "token0000002", config: two }), never),
      /exactly one target/,
    );
  });

  test("an archive over 100 MiB is refused with its size before anything is sent", async () => {
    const large = join(site.folder, "large.zip");
    await mkdir(join(site.folder, "large"));
    await writeFile(join(site.folder, "large", "one.png"), "");
    await truncate(join(site.folder, "large", "one.png"), 100 << 20);
    await packFolder(join(site.folder, "large"), large);
    await assert.rejects(site.provider().start(site.request({ archivePath: large }), never), (error) => {
      assert.equal(codeOf(error), "archive_over_limit");
      assert.match((error as Error).message, /101 MiB.*100 MiB/);
      return true;
    });
    assert.equal(site.emulator.calls.filter(({ operation }) => operation === "upload").length, 0);
  });

  test("without a token it is listed as not set up, with the way to set it up, and takes nothing", async () => {
    const none = site.provider({ token: null });
    const described = await none.describe();
    assert.deepEqual([described.configured, site.emulator.calls.length], [false, 0]);
    assert.match(described.unavailable_reason ?? "", /REPLICATE_API_TOKEN/);
    await assert.rejects(
      none.start(site.request(), never),
      (error) => codeOf(error) === "provider_token_missing",
    );
    await none.forget("job-1");
  });

  test("a wrong token is told where jobs are made and on the job, and never shown", async () => {
    const wrong = site.provider({ token: "r8_wrong_token_0123456789" });
    assert.match(
      (await wrong.describe()).unavailable_reason ?? "",
      /does not accept the token REPLICATE_API_TOKEN/,
    );
    await assert.rejects(wrong.start(site.request(), never), (error) => {
      assert.equal(codeOf(error), "provider_token_refused");
      assert.doesNotMatch(JSON.stringify(error) + (error as Error).stack, /r8_wrong/);
      return true;
    });
    assert.match((await site.provider().describe()).trainer?.detail ?? "", /account ada/);
  });

  test("hardware: the chosen profile's model runs and has its own price", async () => {
    const { hardware } = await site.provider().describe();
    assert.deepEqual(hardware.map(({ id }) => id).slice(0, 5), [
      "h100",
      "h100-x2",
      "h100-x4",
      "h100-x8",
      "l40s",
    ]);
    assert.equal(hardware[3]?.cost_per_hour_usd, 43.92);
    const { started } = await site.wholeRun({ hardware: "l40s-x2" });
    assert.equal(started.hardwareType, "l40s-x2");
    assert.equal(site.emulator.predictions[0]?.model, "simpletuner/advanced-trainer-l40s-x2");
    await assert.rejects(
      site.provider().start(site.request({ runToken: "t2", hardware: "tpu" }), never),
      /no hardware "tpu"/,
    );
  });

  test("what it keeps on disk holds no secret", async () => {
    await site.provider().start(site.request(), never);
    const state = await readFile(
      join(site.jobsFolder, "job-1", "run-token0000001", "replicate.json"),
      "utf8",
    );
    assert.doesNotMatch(state, new RegExp(`${site.emulator.token}|${uploadSecret}`));
  });
});
