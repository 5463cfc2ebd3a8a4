import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  ListBucketsCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { ApiError } from "@simpletuner-cloud/contract/client.ts";
import { makeDataset, startTestServer, type TestServer, waitForJob } from "../testing/test-server.ts";
import { trainerScript } from "../testing/trainer-scripts.ts";

const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => "accepted",
    (error: unknown) => (error instanceof ApiError ? error.code : (error as Error).name),
  );

describe("access keys for S3 clients", () => {
  let server: TestServer;
  let clock = 0;
  let ofAda: string;
  let ofBob: string;

  before(async () => {
    server = await startTestServer({
      now: () => Date.now() + clock,
      script: trainerScript(
        'out=$(sed -n \'s/.*"output_dir": *"\\([^"]*\\)".*/\\1/p\' "$CONFIG_PATH"); echo model > "$out/pytorch_lora_weights.safetensors"',
      ),
    });
    const { dataloader } = await makeDataset(server.folder);
    const body = { config: { max_train_steps: 1 }, dataloader_config: dataloader };
    [ofAda, ofBob] = (await Promise.all(
      ["ada", "bob"].map(async (name) => {
        const { job_id } = await server.as(name)("POST /api/cloud/jobs/submit", { body });
        await waitForJob(server.call, job_id, ({ status }) => status === "completed");
        return job_id;
      }),
    )) as [string, string];
  });
  after(() => server.close());

  const create = (name: string, body: { access?: "read" | "readwrite"; expires_in_days?: number } = {}) =>
    server.as(name)("POST /api/cloud/storage-keys", { body: { name: "laptop", ...body } });
  const clientOf = (made: { key: { access_key_id: string }; secret_access_key: string }): S3Client =>
    new S3Client({
      endpoint: `${server.url}/api/cloud/storage`,
      region: "auto",
      forcePathStyle: true,
      maxAttempts: 1,
      credentials: { accessKeyId: made.key.access_key_id, secretAccessKey: made.secret_access_key },
    });
  const model = (jobId: string) => ({ Bucket: "outputs", Key: `${jobId}/pytorch_lora_weights.safetensors` });

  it("reads what its owner may see, and nothing else", async () => {
    const client = clientOf(await create("ada"));
    const { Body } = await client.send(new GetObjectCommand(model(ofAda)));
    assert.equal(await Body?.transformToString(), "model\n");
    const { Contents } = await client.send(
      new ListObjectsV2Command({ Bucket: "outputs", Prefix: `${ofAda}/` }),
    );
    assert.ok(Contents?.some(({ Key }) => Key === model(ofAda).Key));
    assert.equal(await codeOf(client.send(new GetObjectCommand(model(ofBob)))), "AccessDenied");
    const whole = await client.send(new ListObjectsV2Command({ Bucket: "outputs" }));
    assert.deepEqual(new Set(whole.Contents?.map(({ Key }) => Key?.split("/")[0])), new Set([ofAda]));
    const folders = await client.send(new ListObjectsV2Command({ Bucket: "outputs", Delimiter: "/" }));
    assert.deepEqual(folders.CommonPrefixes, [{ Prefix: `${ofAda}/` }]);
    await client.send(new HeadBucketCommand({ Bucket: "outputs" }));
    const { Buckets } = await client.send(new ListBucketsCommand());
    assert.deepEqual(
      Buckets?.map(({ Name }) => Name),
      ["outputs"],
    );
    const ofOther = new ListObjectsV2Command({ Bucket: "outputs", Prefix: `${ofBob}/` });
    assert.equal(await codeOf(client.send(ofOther)), "AccessDenied");
    const uploads = new ListMultipartUploadsCommand({ Bucket: "outputs" });
    assert.equal(await codeOf(client.send(uploads)), "AccessDenied");
    assert.equal(
      await codeOf(client.send(new PutObjectCommand({ ...model(ofAda), Body: "x" }))),
      "AccessDenied",
    );
    assert.equal(await codeOf(client.send(new DeleteObjectCommand(model(ofAda)))), "AccessDenied");
  });

  it("writes only when an administrator made it so", async () => {
    assert.equal(await codeOf(create("ada", { access: "readwrite" })), "permission_denied");
    const client = clientOf(await create("local", { access: "readwrite" }));
    const mine = { Bucket: "outputs", Key: "by-hand/note.txt" };
    await client.send(new PutObjectCommand({ ...mine, Body: "by hand" }));
    const { Body } = await client.send(new GetObjectCommand(mine));
    assert.equal(await Body?.transformToString(), "by hand");
    await client.send(new DeleteObjectCommand(mine));
  });

  it("is listed without its secret, to its owner and to administrators, with its last use", async () => {
    const made = await create("bob");
    await clientOf(made).send(new GetObjectCommand(model(ofBob)));
    const list = async (name: string) => (await server.as(name)("GET /api/cloud/storage-keys")).keys;
    const listed = (await list("bob")).find((key) => key.access_key_id === made.key.access_key_id);
    assert.ok(listed?.last_used_at);
    assert.ok(!JSON.stringify(await list("bob")).includes(made.secret_access_key));
    const ids = async (name: string) => (await list(name)).map((key) => key.access_key_id);
    assert.ok(!(await ids("ada")).includes(made.key.access_key_id));
    assert.ok((await ids("local")).includes(made.key.access_key_id));
    assert.equal(await codeOf(server.as("viewer")("GET /api/cloud/storage-keys")), "permission_denied");
  });

  it("is dead when it is deleted or has run out; only its owner or an administrator deletes it", async () => {
    const deleted = await create("ada");
    const params = { access_key_id: deleted.key.access_key_id };
    const remove = (name: string) =>
      codeOf(server.as(name)("DELETE /api/cloud/storage-keys/{access_key_id}", { params }));
    assert.equal(await remove("bob"), "storage_key_not_found");
    assert.equal(await remove("ada"), "accepted");
    assert.equal(
      await codeOf(clientOf(deleted).send(new GetObjectCommand(model(ofAda)))),
      "InvalidAccessKeyId",
    );
    const short = await create("ada", { expires_in_days: 1 });
    await clientOf(short).send(new GetObjectCommand(model(ofAda)));
    clock = 24 * 3_600_000;
    try {
      const late = await fetch(
        `${server.url}/api/cloud/storage/outputs/${ofAda}/pytorch_lora_weights.safetensors`,
        { headers: signedLookOf(short.key.access_key_id, server) },
      );
      assert.match(await late.text(), /InvalidAccessKeyId/);
    } finally {
      clock = 0;
    }
  });
});

/** A header that names the key with a fresh date: whether the key lives is settled before its signature. */
function signedLookOf(accessKeyId: string, server: TestServer): Record<string, string> {
  const date = new Date(Date.now() + 24 * 3_600_000).toISOString().replaceAll(/[-:]|\.\d+/g, "");
  return {
    host: new URL(server.url).host,
    "x-amz-date": date,
    "x-amz-content-sha256": "UNSIGNED-PAYLOAD",
    authorization: `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${date.slice(0, 8)}/auto/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=${"0".repeat(64)}`,
  };
}
