import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, beforeEach, describe, it } from "node:test";
import { get, put } from "../../adapters/storage/conformance-kit.ts";
import { type RawResponse, sendRaw } from "./s3-test-client.ts";
import { type S3TestServer, startS3TestServer } from "./s3-test-server.ts";

describe("copies", () => {
  let server: S3TestServer;
  before(async () => {
    server = await startS3TestServer();
  });
  after(() => server.close());
  beforeEach(async () => {
    await server.storage.deletePrefix("outputs", "");
    server.stored.length = 0;
  });

  function copy(target: string, source: string, headers: Record<string, string> = {}): Promise<RawResponse> {
    const all = { "x-amz-copy-source": source, ...headers };
    return sendRaw({ port: server.port, method: "PUT", resource: target, headers: all, body: "" });
  }

  async function refused(answer: Promise<RawResponse>, status: number, code: string): Promise<void> {
    const { status: found, code: foundCode, text } = await answer;
    assert.deepEqual([found, foundCode], [status, code], text);
  }

  it("reach no further than the key reads, and name what is missing", async () => {
    await put(server.storage, "job10/secret", "of job10");
    await refused(copy("/outputs/mine", "/outputs/job10/secret"), 404, "NoSuchKey");
    await refused(copy("/outputs/mine", "/outputs/../job10/secret"), 404, "NoSuchKey");
    await refused(copy("/outputs/mine", "/other/secret"), 403, "AccessDenied");
    await refused(copy("/other/mine", "/outputs/k"), 403, "AccessDenied");
    for (const source of ["", "/", "outputs", "/outputs/"])
      await refused(copy("/outputs/mine", source), 400, "InvalidArgument");
    await refused(copy("/outputs/mine", "/outputs/%ff"), 400, "InvalidURI");
    await refused(copy("/outputs/mine", "/outputs/k?versionId=7"), 404, "NoSuchVersion");
    assert.equal(await get(server.storage, "job1/mine"), null);
  });

  it("of an object to itself must change something", async () => {
    await put(server.storage, "job1/k", "x");
    await refused(copy("/outputs/k", "outputs/k"), 400, "InvalidRequest");
    await refused(copy("/outputs/k", "outputs/job1/k"), 400, "InvalidRequest");
    await refused(
      copy("/outputs/k", "outputs/k", { "x-amz-metadata-directive": "MOVE" }),
      400,
      "InvalidArgument",
    );
    const replace = { "x-amz-metadata-directive": "REPLACE", "x-amz-meta-step": "2" };
    assert.equal((await copy("/outputs/k", "outputs/k", replace)).status, 200);
    assert.equal((await server.storage.headObject("outputs", "job1/k"))?.userMetadata["step"], "2");
    assert.equal(String(await get(server.storage, "job1/k")), "x");
  });

  it("refuse when a condition on the source or the target does not hold", async () => {
    const etag = await put(server.storage, "job1/k", "x");
    const future = new Date(Date.now() + 60_000).toUTCString();
    const past = new Date(Date.now() - 60_000).toUTCString();
    for (const headers of [
      { "x-amz-copy-source-if-match": '"other"' },
      { "x-amz-copy-source-if-none-match": `"${etag}"` },
      { "x-amz-copy-source-if-unmodified-since": past },
      { "x-amz-copy-source-if-modified-since": future },
      { "if-match": "*" },
    ] as Record<string, string>[]) {
      const answer = await copy("/outputs/to", "/outputs/k", headers);
      assert.ok(answer.status === 412 || answer.code === "NoSuchKey", JSON.stringify(headers));
    }
    assert.equal(await get(server.storage, "job1/to"), null);
    const holding = { "x-amz-copy-source-if-match": etag, "x-amz-copy-source-if-unmodified-since": past };
    assert.equal((await copy("/outputs/to", "/outputs/k", holding)).status, 200);
    await refused(copy("/outputs/to", "/outputs/k", { "if-none-match": "*" }), 412, "PreconditionFailed");
  });

  it("take the bytes, the metadata and the tags along, and tell of the new object", async () => {
    const content = randomBytes(3_000_001);
    const headers = { "content-type": "image/png", "x-amz-meta-a": "1", "x-amz-tagging": "t=1" };
    await sendRaw({ port: server.port, method: "PUT", resource: "/outputs/a%3Fb", headers, body: content });
    server.stored.length = 0;
    const answer = await copy("/outputs/to", "outputs/a%3Fb");
    assert.match(answer.text, /<CopyObjectResult .*<ETag>&quot;[0-9a-f]{32}&quot;<\/ETag>/);
    assert.ok((await get(server.storage, "job1/to"))?.equals(content));
    const info = await server.storage.headObject("outputs", "job1/to");
    assert.deepEqual([info?.headers.contentType, info?.userMetadata], ["image/png", { a: "1" }]);
    assert.deepEqual(info?.tags, [["t", "1"]]);
    assert.deepEqual(
      server.stored.map(({ key, sizeBytes }) => [key, sizeBytes]),
      [["job1/to", content.length]],
    );
    const directives = { "x-amz-tagging-directive": "REPLACE", "x-amz-metadata-directive": "REPLACE" };
    await copy("/outputs/other", "outputs/a%3Fb", directives);
    const other = await server.storage.headObject("outputs", "job1/other");
    assert.deepEqual([other?.headers, other?.userMetadata, other?.tags], [{}, {}, undefined]);
  });

  it("sum the bytes with what the request names", async () => {
    await put(server.storage, "job1/k", "123456789");
    const answer = await copy("/outputs/to", "outputs/k", { "x-amz-checksum-algorithm": "CRC32" });
    assert.match(answer.text, /<ChecksumCRC32>y\/Q5Jg==<\/ChecksumCRC32>/);
    await refused(
      copy("/outputs/to", "outputs/k", { "x-amz-checksum-algorithm": "MD4" }),
      400,
      "InvalidRequest",
    );
  });

  it("fail rather than pass on a source whose bytes have changed", async () => {
    const headers = { "x-amz-checksum-crc32": "y/Q5Jg==" };
    await sendRaw({ port: server.port, method: "PUT", resource: "/outputs/k", headers, body: "123456789" });
    const info = await server.storage.headObject("outputs", "job1/k");
    assert.ok(info);
    // As if the stored record spoke of other bytes.
    const checksums = () => ({ CRC32: "AAAAAA==" });
    const body = (async function* () {
      yield Buffer.from("123456789");
    })();
    await server.storage.putObject({
      bucket: "outputs",
      key: "job1/k",
      headers: {},
      userMetadata: {},
      body,
      checksums,
    });
    await refused(copy("/outputs/to", "outputs/k"), 500, "InternalError");
    assert.equal(await get(server.storage, "job1/to"), null);
    assert.equal(server.failures.length, 1);
    server.failures.length = 0;
  });

  it("become parts, whole or a range of the source", async () => {
    const content = randomBytes(6 * 1024 * 1024);
    await put(server.storage, "job1/k", content);
    const send = (method: string, resource: string, headers = {}, body = ""): Promise<RawResponse> =>
      sendRaw({ port: server.port, method, resource, headers, body });
    const created = await send("POST", "/outputs/m?uploads=", { "x-amz-checksum-algorithm": "CRC32" });
    const uploadId = /<UploadId>(\w+)</.exec(created.text)?.[1] ?? "";
    const part = (number: number, headers = {}): Promise<RawResponse> =>
      copy(`/outputs/m?partNumber=${number}&uploadId=${uploadId}`, "/outputs/k", headers);
    for (const range of ["0-2", "bytes=0", "bytes=2-1", "bytes=0-2,4-5", "bytes=-5", "bytes=a-b"])
      await refused(part(1, { "x-amz-copy-source-range": range }), 400, "InvalidArgument");
    await refused(part(1, { "x-amz-copy-source-range": `bytes=0-${content.length}` }), 416, "InvalidRange");
    await refused(copy("/outputs/m?partNumber=1&uploadId=none", "/outputs/k"), 404, "NoSuchUpload");
    await refused(part(0), 400, "InvalidArgument");
    const first = await part(1);
    const second = await part(2, { "x-amz-copy-source-range": "bytes=10-19" });
    const etags = [first, second].map(({ text }) => /&quot;(.*)&quot;/.exec(text)?.[1]);
    const list = etags.map(
      (etag, index) => `<Part><PartNumber>${index + 1}</PartNumber><ETag>${etag}</ETag></Part>`,
    );
    const body = `<CompleteMultipartUpload>${list.join("")}</CompleteMultipartUpload>`;
    const completed = await send("POST", `/outputs/m?uploadId=${uploadId}`, {}, body);
    assert.equal(completed.status, 200, completed.text);
    const expected = Buffer.concat([content, content.subarray(10, 20)]);
    assert.ok((await get(server.storage, "job1/m"))?.equals(expected));

    const attributes = await send("GET", "/outputs/m?attributes", {
      "x-amz-object-attributes": "ETag,ObjectParts, ObjectSize",
      "x-amz-max-parts": "1",
      "x-amz-part-number-marker": "1",
    });
    const pattern =
      /<ETag>[0-9a-f]{32}-2<.*<PartsCount>2<.*<IsTruncated>false<.*<PartNumber>2<.*<Size>10<.*<ChecksumCRC32>(.*?)</;
    const [, checksum] = pattern.exec(attributes.text) ?? [];
    const byPart = await send("GET", "/outputs/m?partNumber=2", { "x-amz-checksum-mode": "ENABLED" });
    assert.ok(byPart.body.equals(content.subarray(10, 20)));
    assert.equal(byPart.headers["x-amz-checksum-crc32"], checksum);
    assert.equal(byPart.headers["x-amz-mp-parts-count"], "2");
    await refused(send("GET", "/outputs/m?partNumber=3"), 400, "InvalidPart");
    await refused(
      send("GET", "/outputs/m?attributes", { "x-amz-object-attributes": "Color" }),
      400,
      "InvalidArgument",
    );
    await refused(send("GET", "/outputs/m?attributes"), 400, "InvalidArgument");
  });
});
