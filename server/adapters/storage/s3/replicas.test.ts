import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  ListPartsCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { createS3Handler, mountS3 } from "../../../http/s3/s3-handler.ts";
import { jobCredential, testPathPrefix } from "../../../http/s3/s3-test-server.ts";
import { type ExternalBucketServer, startExternalBucket } from "./external-bucket-test-kit.ts";

const mebibyte = 1024 * 1024;
const Bucket = "outputs";

/** A server of the product's S3 endpoint over its own storage in the external bucket, and a client of it. */
interface Replica {
  client: S3Client;
  url: string;
  server: Server;
}

async function startReplica(external: ExternalBucketServer): Promise<Replica> {
  const storage = external.open();
  await storage.createBucket(Bucket);
  const handler = createS3Handler({
    storage,
    pathPrefix: testPathPrefix,
    credentials: {
      findByAccessKey: async () => jobCredential("job1"),
      findByUploadToken: async () => null,
    },
    authorizeCaller: async () => null,
    clock: Date.now,
  });
  const server = createServer({ requestTimeout: 0 });
  mountS3(
    server,
    { pathPrefix: testPathPrefix },
    handler,
    (_, response) => void response.writeHead(404).end(),
  );
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${testPathPrefix}`;
  const client = new S3Client({
    endpoint: url,
    region: "auto",
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: { accessKeyId: "job1-key", secretAccessKey: "job1-secret" },
  });
  return { client, url, server };
}

describe("two servers over one external bucket", () => {
  let external: ExternalBucketServer;
  let replicas: Replica[] = [];
  let one: S3Client;
  let other: S3Client;
  before(async () => {
    external = await startExternalBucket();
    replicas = [await startReplica(external), await startReplica(external)];
    [one, other] = replicas.map(({ client }) => client) as [S3Client, S3Client];
  });
  after(async () => {
    for (const { client, server } of replicas) {
      client.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => void server.close(resolve));
    }
    await external.close();
  });

  it("share an upload: begun on one, parts on both, completed on the other", async () => {
    const Key = "checkpoint-10/model.safetensors";
    const contents = [randomBytes(5 * mebibyte), randomBytes(6 * mebibyte), randomBytes(1000)];
    const created = await one.send(
      new CreateMultipartUploadCommand({
        Bucket,
        Key,
        ContentType: "a/b",
        Metadata: { step: "10" },
        ChecksumAlgorithm: "SHA256",
      }),
    );
    const { UploadId } = created;
    const Parts = await Promise.all(
      contents.map(async (Body, index) => {
        const PartNumber = index + 1;
        const command = new UploadPartCommand({
          Bucket,
          Key,
          UploadId,
          PartNumber,
          Body,
          ChecksumAlgorithm: "SHA256",
        });
        const { ETag } = await (index % 2 === 0 ? one : other).send(command);
        return { PartNumber, ETag };
      }),
    );
    const listed = await one.send(new ListPartsCommand({ Bucket, Key, UploadId }));
    assert.deepEqual(
      listed.Parts?.map(({ ChecksumSHA256 }) => ChecksumSHA256),
      contents.map((content) => createHash("sha256").update(content).digest("base64")),
    );
    const complete = new CompleteMultipartUploadCommand({
      Bucket,
      Key,
      UploadId,
      MultipartUpload: { Parts },
    });
    const completed = await other.send(complete);
    assert.match(completed.ChecksumSHA256 ?? "", /-3$/);
    assert.equal((await one.send(complete)).ETag, completed.ETag);
    for (const client of [one, other]) {
      const found = await client.send(new GetObjectCommand({ Bucket, Key, ChecksumMode: "ENABLED" }));
      assert.ok(
        Buffer.from((await found.Body?.transformToByteArray()) ?? []).equals(Buffer.concat(contents)),
      );
      assert.equal(found.ChecksumSHA256, completed.ChecksumSHA256);
      assert.equal(found.ContentType, "a/b");
      assert.deepEqual(found.Metadata, { step: "10" });
      const second = await client.send(new GetObjectCommand({ Bucket, Key, PartNumber: 2 }));
      assert.equal(second.ContentRange, `bytes ${5 * mebibyte}-${11 * mebibyte - 1}/${11 * mebibyte + 1000}`);
      await second.Body?.transformToByteArray();
    }
  });

  it("keep a damaged body out of the external bucket", async () => {
    const url = `${replicas[0]?.url}/${Bucket}/damaged`;
    const body = randomBytes(3 * mebibyte);
    const headers = { "x-upload-token": "none" };
    assert.equal((await fetch(url, { method: "PUT", headers, body })).status, 403);
    const put = new PutObjectCommand({ Bucket, Key: "damaged", Body: body, ChecksumCRC32: "AAAAAA==" });
    await assert.rejects(one.send(put), { name: "BadDigest" });
    await assert.rejects(other.send(new GetObjectCommand({ Bucket, Key: "damaged" })), { name: "NoSuchKey" });
  });

  it("tell their clients that the external bucket is unreachable, and where it is", async () => {
    external.trouble.current = (_, response) => {
      response.destroy();
      return "handled";
    };
    try {
      await assert.rejects(one.send(new GetObjectCommand({ Bucket, Key: "any" })), (error: Error) => {
        assert.equal(error.name, "ServiceUnavailable");
        assert.match(error.message, /http:\/\/127\.0\.0\.1:\d+ does not answer/);
        return true;
      });
    } finally {
      external.trouble.current = null;
    }
  });
});

describe("the memory of a server over an external bucket", () => {
  it("does not grow with a 512 MiB object, in either direction", { timeout: 120_000 }, async () => {
    const external = await startExternalBucket();
    try {
      const { endpoint, bucket, prefix } = external.options;
      const child = fork(fileURLToPath(new URL("memory-test-child.ts", import.meta.url)), {
        env: { ENDPOINT: endpoint ?? "", BUCKET: bucket, PREFIX: prefix },
        execArgv: [],
      });
      const grown = await new Promise<{ putBytes: number; getBytes: number }>((resolve, reject) => {
        child.once("message", (message) => resolve(message as { putBytes: number; getBytes: number }));
        child.once("exit", (code) => reject(new Error(`The child ended with ${code}.`)));
      });
      assert.ok(grown.putBytes < 96 * mebibyte, `${grown.putBytes} bytes more after sending`);
      assert.ok(grown.getBytes < 96 * mebibyte, `${grown.getBytes} bytes more after receiving`);
    } finally {
      await external.close();
    }
  });
});
