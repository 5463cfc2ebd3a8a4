import assert from "node:assert/strict";
import { access, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import { eventually, repository } from "./testing/run-program.ts";
import { boto3Script } from "./testing/s3-python-client.ts";
import { openSdk } from "./testing/s3-sdk-client.ts";
import { type S3Account, type S3Site, startS3Site } from "./testing/s3-site.ts";

const python = process.env["TEST_BOTO3_PYTHON"] ?? "";
const skip = python === "" ? "python3 with boto3 was not found" : false;
const mebibyte = 1024 * 1024;

describe("a trainer that uploads with its job's own key", { skip }, () => {
  let gate: string;
  let site: S3Site;

  before(async () => {
    gate = await mkdtemp(join(tmpdir(), "simpletuner gate "));
    site = await startS3Site({
      SIMPLETUNER_TRAINER_COMMAND: `"${python}" "${boto3Script}" trainer "${gate}"`,
      SIMPLETUNER_UPLOAD_DRAIN_SECONDS: "0",
    });
  });
  after(async () => {
    // A trainer outlives its server; with these it ends by itself.
    for (const name of ["more", "end"]) await open(name);
    await site?.[Symbol.asyncDispose]();
    await rm(gate, { recursive: true, force: true });
  });

  const open = (name: string): Promise<void> => writeFile(join(gate, name), "");
  const reached = (name: string): Promise<true> =>
    eventually(
      async () =>
        access(join(gate, name)).then(
          () => true as const,
          () => null,
        ),
      site.server,
      30_000,
    );

  async function jobWhere(jobId: string, holds: (job: Job) => boolean): Promise<Job> {
    const params = { job_id: jobId };
    return eventually(
      async () => {
        const { job } = await site.call("GET /api/cloud/jobs/{job_id}", { params });
        return holds(job) ? job : null;
      },
      site.server,
      30_000,
    );
  }

  async function submit(): Promise<string> {
    await site.call("PUT /api/cloud/data-consent/setting", { body: { consent: "allow" } });
    const dataset = join(repository, "samples", "lighthouse-coast");
    const { job_id } = await site.call("POST /api/cloud/jobs/submit", {
      body: {
        config: { model_family: "pixel-denoiser", model_type: "full", max_train_steps: 10 },
        dataloader_config: [{ id: "coast", type: "local", instance_data_dir: dataset }],
      },
    });
    return job_id;
  }

  it("is seen uploading, reaches nothing of others, and is shut out when the job is over", async () => {
    const secret = join(site.folder, "secret");
    const back = join(site.folder, "back");
    await writeFile(secret, "of another job");
    await using people = await openSdk(site.account);
    await people.put(secret, "another-job/secret");
    const jobId = await submit();

    await reached("half");
    const half = await jobWhere(
      jobId,
      ({ upload_progress: progress }) => (progress?.bytes_done ?? 0) >= 5 * mebibyte,
    );
    assert.equal(half.status, "running");
    assert.equal(half.upload_progress?.stage, "receiving");
    assert.equal(half.upload_progress.current_file, "checkpoint-5/pytorch_lora_weights.safetensors");
    assert.equal(half.upload_progress.files_done, 0);
    await open("more");
    const { upload_progress: whole } = await jobWhere(
      jobId,
      ({ upload_progress }) => upload_progress?.files_done === 1,
    );
    assert.equal(whole?.bytes_done, 12 * mebibyte);

    await reached("credentials");
    const told = JSON.parse(await readFile(join(gate, "credentials"), "utf8")) as Record<string, string>;
    assert.equal(told["endpoint_url"], site.account.endpointUrl);
    const account: S3Account = {
      ...site.account,
      accessKeyId: told["aws_access_key_id"] ?? "",
      secretAccessKey: told["aws_secret_access_key"] ?? "",
    };
    await using job = await openSdk(account);
    await assertShutIn(job, jobId);
    await people.get("another-job/secret", back);
    assert.equal(await readFile(back, "utf8"), "of another job");

    await open("end");
    const over = await jobWhere(jobId, ({ is_terminal }) => is_terminal);
    assert.equal(over.status, "completed", over.error_message ?? "");
    for (const late of [() => job.list(""), () => job.put(secret, "late"), () => job.get("own/file", back)])
      await assert.rejects(late, { name: "InvalidAccessKeyId" });
    await people.get(`${jobId}/pytorch_lora_weights.safetensors`, back);
    assert.equal(await readFile(back, "utf8"), "model");
    await people.get(`${jobId}/checkpoint-5/pytorch_lora_weights.safetensors`, back);
    assert.ok((await readFile(back)).equals(Buffer.alloc(12 * mebibyte, "m")));
  });

  /** A job's key sees its own area as if that were the bucket, so that another's name means a key of its own. */
  async function assertShutIn(job: Awaited<ReturnType<typeof openSdk>>, jobId: string): Promise<void> {
    const file = join(site.folder, "mine");
    const back = join(site.folder, "back");
    await writeFile(file, "mine");
    assert.deepEqual(await job.list("another-job/"), []);
    await assert.rejects(job.get("another-job/secret", back), { name: "NoSuchKey" });
    await job.put(file, "another-job/secret");
    await job.remove("another-job/secret");
    await job.put(file, `${jobId}/own/file`);
    assert.deepEqual(await job.list("own/"), ["own/file"]);
    await assert.rejects(job.copy("outputs/../another-job/secret", "stolen"), { name: "NoSuchKey" });
    await assert.rejects(job.copy("outputs/another-job/secret", "stolen"), { name: "NoSuchKey" });
    await job.remove("own/file");
  }
});
