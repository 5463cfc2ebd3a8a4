import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { after, before, beforeEach, describe, it } from "node:test";
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketLocationCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListMultipartUploadsCommand,
  ListObjectsCommand,
  ListPartsCommand,
  paginateListObjectsV2,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { type RawResponse, sendRaw } from "./s3-test-client.ts";
import { type S3TestServer, startS3TestServer } from "./s3-test-server.ts";

let server: S3TestServer;
let client: S3Client;
const Bucket = "outputs";

before(async () => {
  server = await startS3TestServer();
  const credentials = { accessKeyId: "job1-key", secretAccessKey: "job1-secret" };
  // The SDK warns about every body without a length, on the console.
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  const endpoint = server.url;
  client = new S3Client({
    endpoint,
    region: "auto",
    forcePathStyle: true,
    credentials,
    maxAttempts: 1,
    logger,
  });
});
after(async () => {
  client.destroy();
  await server.close();
});
beforeEach(async () => {
  await server.storage.deletePrefix(Bucket, "");
  server.stored.length = 0;
  server.progress.length = 0;
});

async function bytesOf(Key: string, Range?: string): Promise<Buffer> {
  const { Body } = await client.send(new GetObjectCommand({ Bucket, Key, ...(Range && { Range }) }));
  return Buffer.from((await Body?.transformToByteArray()) ?? []);
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

async function keysIn(options: { Prefix?: string; MaxKeys?: number } = {}): Promise<string[]> {
  const keys: string[] = [];
  for await (const page of paginateListObjectsV2({ client }, { Bucket, ...options })) {
    keys.push(...(page.Contents ?? []).map(({ Key = "" }) => Key));
  }
  return keys;
}

describe("the AWS SDK", () => {
  it("puts, describes, gets, lists and deletes an object with its metadata", async () => {
    const Metadata = { step: "10", name: "a b" };
    const input = {
      Bucket,
      Key: "a/b c.txt",
      Body: "hello",
      ContentType: "text/plain",
      Metadata,
      CacheControl: "no-cache",
    };
    const { ETag } = await client.send(new PutObjectCommand(input));
    assert.equal(ETag, '"5d41402abc4b2a76b9719d911017c592"');
    const head = await client.send(new HeadObjectCommand({ Bucket, Key: input.Key }));
    assert.deepEqual(
      [head.ContentLength, head.ContentType, head.CacheControl],
      [5, "text/plain", "no-cache"],
    );
    assert.deepEqual(head.Metadata, Metadata);
    assert.equal(String(await bytesOf(input.Key)), "hello");
    assert.equal(String(await bytesOf(input.Key, "bytes=1-2")), "el");
    assert.deepEqual(await keysIn(), ["a/b c.txt"]);
    assert.deepEqual(server.stored, [
      {
        jobId: "job1",
        bucket: Bucket,
        key: "job1/a/b c.txt",
        sizeBytes: 5,
        etag: "5d41402abc4b2a76b9719d911017c592",
      },
    ]);
    await client.send(new DeleteObjectCommand({ Bucket, Key: input.Key }));
    await client.send(new DeleteObjectCommand({ Bucket, Key: input.Key }));
    await assert.rejects(client.send(new GetObjectCommand({ Bucket, Key: input.Key })), {
      name: "NoSuchKey",
    });
    await assert.rejects(client.send(new HeadObjectCommand({ Bucket, Key: input.Key })), {
      name: "NotFound",
    });
  });

  it("puts empty objects and streams of known length", async () => {
    await client.send(new PutObjectCommand({ Bucket, Key: "empty", Body: "" }));
    assert.equal((await bytesOf("empty")).length, 0);
    const content = randomBytes(3_000_000);
    const chunks = Array.from({ length: 30 }, (_, index) =>
      content.subarray(index * 100_000, (index + 1) * 100_000),
    );
    const Body = Readable.from(chunks);
    await client.send(new PutObjectCommand({ Bucket, Key: "stream", Body, ContentLength: content.length }));
    assert.equal(sha256(await bytesOf("stream")), sha256(content));
    const head = await client.send(new HeadObjectCommand({ Bucket, Key: "stream" }));
    assert.equal(head.ContentEncoding, undefined);
    assert.equal(
      server.progress.reduce((sum, { bytes }) => sum + bytes, 0),
      content.length,
    );
    assert.equal(server.progress.filter(({ done }) => done).length, 2);
  });

  it("uploads 12 MiB in parts, and reads them back whole, in ranges and by part", async () => {
    const content = randomBytes(12 * 1024 * 1024);
    const upload = new Upload({
      client,
      params: { Bucket, Key: "model.safetensors", Body: Readable.from([content]) },
    });
    const { ETag } = await upload.done();
    assert.match(ETag ?? "", /^"[0-9a-f]{32}-3"$/);
    assert.equal(sha256(await bytesOf("model.safetensors")), sha256(content));
    const range = await bytesOf("model.safetensors", "bytes=5242870-5242889");
    assert.ok(range.equals(content.subarray(5_242_870, 5_242_890)));
    const part = await client.send(new GetObjectCommand({ Bucket, Key: "model.safetensors", PartNumber: 3 }));
    assert.equal(part.PartsCount, 3);
    assert.equal(part.ETag, ETag);
    assert.ok(
      Buffer.from((await part.Body?.transformToByteArray()) ?? []).equals(content.subarray(10_485_760)),
    );
    assert.equal(
      server.progress.reduce((sum, { bytes }) => sum + bytes, 0),
      content.length,
    );
    assert.deepEqual(
      server.stored.map(({ key, sizeBytes }) => [key, sizeBytes]),
      [["job1/model.safetensors", content.length]],
    );
  });

  it("keeps odd keys apart: unicode, 1,024 bytes, a beside a/b, characters of URLs and XML", async () => {
    const keys = [
      "a",
      "a/b",
      "a/b/c",
      "é/日本/🎈",
      "x".repeat(1024),
      "ü".repeat(512),
      "p+q=r&s?t#u%v",
      "<k>&\"'",
      "sp ace",
      "a//b",
      "tail/",
    ];
    for (const Key of keys) await client.send(new PutObjectCommand({ Bucket, Key, Body: Key }));
    for (const Key of keys) assert.equal(String(await bytesOf(Key)), Key);
    const inOrder = [...keys].sort((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)));
    assert.deepEqual(await keysIn(), inOrder);
    assert.deepEqual(await keysIn({ MaxKeys: 2 }), inOrder);
    const { Deleted } = await client.send(
      new DeleteObjectsCommand({ Bucket, Delete: { Objects: keys.map((Key) => ({ Key })) } }),
    );
    assert.deepEqual(
      Deleted?.map(({ Key }) => Key),
      keys,
    );
    assert.deepEqual(await keysIn(), []);
  });

  it("lists in both versions with delimiter, markers and encoding", async () => {
    for (const Key of ["asdf+b", "foo+1/bar", "foo/bar/xyz", "quux ab/thud"]) {
      await client.send(new PutObjectCommand({ Bucket, Key, Body: "" }));
    }
    const encoded = await client.send(
      new ListObjectsCommand({ Bucket, Delimiter: "/", EncodingType: "url" }),
    );
    assert.deepEqual(
      encoded.Contents?.map(({ Key }) => Key),
      ["asdf%2Bb"],
    );
    assert.deepEqual(
      encoded.CommonPrefixes?.map(({ Prefix }) => Prefix),
      ["foo%2B1/", "foo/", "quux%20ab/"],
    );
    const first = await client.send(new ListObjectsCommand({ Bucket, Delimiter: "/", MaxKeys: 2 }));
    assert.equal(first.NextMarker, "foo+1/");
    const rest = await client.send(new ListObjectsCommand({ Bucket, Delimiter: "/", Marker: "foo+1/" }));
    assert.deepEqual(
      rest.CommonPrefixes?.map(({ Prefix }) => Prefix),
      ["foo/", "quux ab/"],
    );
    assert.equal(rest.IsTruncated, false);
    const bad = (query: string): Promise<RawResponse> =>
      sendRaw({ port: server.port, resource: `/outputs?${query}` });
    for (const query of ["list-type=2&continuation-token=%21", "max-keys=x", "encoding-type=base64"]) {
      assert.equal((await bad(query)).code, "InvalidArgument", query);
    }
  });

  it("asks for buckets first, as tools do", async () => {
    await client.send(new HeadBucketCommand({ Bucket }));
    await client.send(new CreateBucketCommand({ Bucket }));
    assert.equal((await client.send(new GetBucketLocationCommand({ Bucket }))).LocationConstraint ?? "", "");
    assert.deepEqual(
      (await client.send(new ListBucketsCommand({}))).Buckets?.map(({ Name }) => Name),
      [Bucket],
    );
  });
});

describe("multipart uploads of the AWS SDK", () => {
  const Key = "parts";
  const part = randomBytes(5 * 1024 * 1024);

  async function begin(input: object = {}): Promise<string> {
    const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key, ...input }));
    return UploadId ?? "";
  }

  it("are listed, completed once and again, and aborted", async () => {
    const UploadId = await begin({ ContentType: "image/png" });
    for (const [PartNumber, Body] of [
      [2, "end"],
      [1, part],
    ] as const) {
      await client.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body }));
    }
    const { Parts } = await client.send(new ListPartsCommand({ Bucket, Key, UploadId }));
    assert.deepEqual(
      Parts?.map(({ PartNumber, Size }) => [PartNumber, Size]),
      [
        [1, part.length],
        [2, 3],
      ],
    );
    const { Uploads } = await client.send(new ListMultipartUploadsCommand({ Bucket }));
    assert.deepEqual(
      Uploads?.map((upload) => [upload.Key, upload.UploadId]),
      [[Key, UploadId]],
    );
    const complete = new CompleteMultipartUploadCommand({
      Bucket,
      Key,
      UploadId,
      MultipartUpload: { Parts },
    });
    const { ETag } = await client.send(complete);
    assert.equal((await client.send(complete)).ETag, ETag);
    const head = await client.send(new HeadObjectCommand({ Bucket, Key }));
    assert.deepEqual([head.ContentType, head.ContentLength], ["image/png", part.length + 3]);
    const second = await begin();
    await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId: second }));
    await assert.rejects(client.send(new ListPartsCommand({ Bucket, Key, UploadId: second })), {
      name: "NoSuchUpload",
    });
  });

  it("are refused with the codes of S3", async () => {
    const UploadId = await begin();
    const one = await client.send(
      new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 1, Body: "short" }),
    );
    const two = await client.send(
      new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 2, Body: "end" }),
    );
    const complete = (...Parts: object[]): Promise<unknown> =>
      client.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }));
    const first = { PartNumber: 1, ETag: one.ETag };
    const last = { PartNumber: 2, ETag: two.ETag };
    await assert.rejects(complete(), { name: "MalformedXML" });
    await assert.rejects(complete(first, last), { name: "EntityTooSmall" });
    await assert.rejects(complete(last, first), { name: "InvalidPartOrder" });
    await assert.rejects(complete(first, { ...last, ETag: '"x"' }), { name: "InvalidPart" });
    const far = new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 10_001, Body: "" });
    await assert.rejects(client.send(far), { name: "InvalidArgument" });
    await complete({ PartNumber: 1, ETag: one.ETag?.replaceAll('"', "") });
    assert.equal(String(await bytesOf(Key)), "short");
  });

  for (const [algorithm, type] of [
    ["CRC32", "FULL_OBJECT"],
    ["CRC64NVME", "FULL_OBJECT"],
    ["SHA256", "COMPOSITE"],
  ] as const) {
    it(`carry a ${type} ${algorithm}`, async () => {
      const UploadId = await begin({ ChecksumAlgorithm: algorithm, ChecksumType: type });
      const Parts = [];
      for (const [index, Body] of [part, Buffer.from("end")].entries()) {
        const input = {
          Bucket,
          Key,
          UploadId,
          PartNumber: index + 1,
          Body,
          ChecksumAlgorithm: "CRC32",
        } as const;
        const sent = await client.send(new UploadPartCommand(input));
        Parts.push({ PartNumber: index + 1, ETag: sent.ETag });
      }
      await client.send(
        new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }),
      );
      const head = await client.send(new HeadObjectCommand({ Bucket, Key, ChecksumMode: "ENABLED" }));
      assert.equal(head.ChecksumType, type);
      assert.ok(head[`Checksum${algorithm}`]);
      // The SDK itself compares a checksum of the whole object.
      assert.equal((await bytesOf(Key)).length, part.length + 3);
    });
  }
});
