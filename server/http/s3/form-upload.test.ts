import assert from "node:assert/strict";
import { createHmac, randomBytes } from "node:crypto";
import { after, before, beforeEach, describe, it } from "node:test";
import fc from "fast-check";
import { get } from "../../adapters/storage/conformance-kit.ts";
import { formBoundary, readUploadForm } from "./form-data.ts";
import { checkFormPolicy } from "./form-policy.ts";
import { S3Error } from "./s3-errors.ts";
import { type RawResponse, sendRaw } from "./s3-test-client.ts";
import { type S3TestServer, startS3TestServer } from "./s3-test-server.ts";

const boundary = "----form";

function formOf(fields: Record<string, string>, file: Buffer | string | null, fileName = "a.txt"): Buffer {
  const pieces: Buffer[] = [];
  for (const [name, value] of Object.entries(fields))
    pieces.push(
      Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`),
    );
  if (file !== null) {
    const head = `--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="${fileName}"\r\nContent-Type: x/y\r\n\r\n`;
    pieces.push(Buffer.from(head), Buffer.from(file), Buffer.from("\r\n"));
  }
  pieces.push(Buffer.from(`--${boundary}--\r\n`));
  return Buffer.concat(pieces);
}

async function* slicesOf(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(
  bytes: Buffer,
  size = 7,
): Promise<{ fields: Record<string, string>; fileName: string; file: Buffer }> {
  const form = await readUploadForm(slicesOf(bytes, size), boundary);
  const chunks: Uint8Array[] = [];
  for await (const chunk of form.file) chunks.push(Buffer.from(chunk));
  return { fields: Object.fromEntries(form.fields), fileName: form.fileName, file: Buffer.concat(chunks) };
}

function refusesWith(code: string): (error: unknown) => boolean {
  return (error) => error instanceof S3Error && error.code === code;
}

describe("readUploadForm", () => {
  it("refuses forms that are cut, empty, too long or no forms", async () => {
    const whole = formOf({ key: "k" }, "content");
    for (const length of [0, 5, 30, whole.length - 20]) {
      await assert.rejects(read(whole.subarray(0, length)), refusesWith("IncompleteBody"), String(length));
    }
    await assert.rejects(read(formOf({ key: "k" }, null)), refusesWith("MalformedPOSTRequest"));
    await assert.rejects(
      read(formOf({ key: "x".repeat(21_000) }, "y"), 512),
      refusesWith("MaxPostPreDataLengthExceeded"),
    );
    await assert.rejects(read(randomBytes(100_000), 4096), refusesWith("MaxPostPreDataLengthExceeded"));
    const long = Buffer.concat([formOf({}, "y"), Buffer.alloc(70_000)]);
    await assert.rejects(read(long, 4096), refusesWith("MalformedPOSTRequest"));
    assert.equal(formBoundary("text/plain; boundary=x"), null);
    assert.equal(formBoundary(`multipart/form-data; boundary="a b"`), "a b");
  });

  it("reads any file however it is cut, even one that nearly ends itself", async () => {
    const piece = fc.constantFrom("\r\n", `\r\n--${boundary.slice(0, -1)}`, "--", "a", "\r", "\n", "\0");
    await fc.assert(
      fc.asyncProperty(
        fc.array(piece, { maxLength: 12 }),
        fc.integer({ min: 1, max: 60 }),
        async (parts, size) => {
          const content = parts.join("");
          const { fields, fileName, file } = await read(
            formOf({ Key: "ä k", acl: "private" }, content, "C:\\x\\ä.png"),
            size,
          );
          assert.deepEqual(fields, { key: "ä k", acl: "private" });
          assert.equal(fileName, "ä.png");
          assert.equal(file.toString(), content);
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe("checkFormPolicy", () => {
  const policyOf = (conditions: unknown, expiration: unknown = "2030-01-01T00:00:00Z"): string =>
    Buffer.from(JSON.stringify({ expiration, conditions })).toString("base64");
  const nowMs = Date.parse("2029-01-01T00:00:00Z");
  const check = (policy: string, fields: Record<string, string>): unknown =>
    checkFormPolicy(policy, new Map(Object.entries(fields)), nowMs);

  it("refuses policies that are none", () => {
    const broken: unknown[] = [
      "x",
      [{}],
      [{ a: "1", b: "2" }],
      [["eq", "$a"]],
      [["eq", "a", "1"]],
      [["like", "$a", "1"]],
      [7],
    ];
    broken.push(
      [["content-length-range", 0]],
      [["content-length-range", -1, 5]],
      [["content-length-range", "a", 5]],
    );
    for (const conditions of broken)
      assert.throws(
        () => check(policyOf(conditions), {}),
        refusesWith("InvalidPolicyDocument"),
        JSON.stringify(conditions),
      );
    for (const expiration of [null, 5, "tomorrow", "2030-01-01", "2030-01-01 00:00:00+00:00"])
      assert.throws(() => check(policyOf([], expiration), {}), refusesWith("InvalidPolicyDocument"));
    for (const text of ["", "null", "[]", "{"])
      assert.throws(
        () => check(Buffer.from(text).toString("base64"), {}),
        refusesWith("InvalidPolicyDocument"),
      );
  });

  it("refuses fields that it does not allow, name by name", () => {
    const conditions = [{ Bucket: "b" }, ["starts-with", "$key", "user/"], ["eq", "$acl", "private"]];
    const good = { bucket: "b", key: "user/x", acl: "private", policy: "p", "x-ignore-me": "1" };
    assert.deepEqual(check(policyOf([...conditions, ["content-length-range", 1, "9"]]), good), {
      minBytes: 1,
      maxBytes: 9,
    });
    const bad: Record<string, string>[] = [
      { ...good, bucket: "c" },
      { ...good, key: "other/x" },
      { ...good, "x-amz-meta-a": "1" },
      { bucket: "b", key: "user/x" },
    ];
    for (const fields of bad)
      assert.throws(() => check(policyOf(conditions), fields), refusesWith("AccessDenied"));
    assert.throws(
      () => check(policyOf(conditions, "2028-01-01T00:00:00Z"), good),
      refusesWith("AccessDenied"),
    );
  });
});

describe("form uploads", () => {
  let server: S3TestServer;
  before(async () => {
    server = await startS3TestServer();
  });
  after(() => server.close());
  beforeEach(() => server.storage.deletePrefix("outputs", "").then(() => undefined));

  const conditions = [
    { bucket: "outputs" },
    ["starts-with", "$key", ""],
    ["content-length-range", 1, 2_000_000],
  ];

  function signedFields(fields: Record<string, string>, more: unknown[] = []): Record<string, string> {
    const expiration = new Date(Date.now() + 60_000).toISOString();
    const policy = Buffer.from(JSON.stringify({ expiration, conditions: [...conditions, ...more] })).toString(
      "base64",
    );
    const signature = createHmac("sha1", "job1-secret").update(policy).digest("base64");
    return { AWSAccessKeyId: "job1-key", policy, signature, ...fields };
  }

  function post(fields: Record<string, string>, file: Buffer | string = "content"): Promise<RawResponse> {
    const headers = { "content-type": `multipart/form-data; boundary=${boundary}` };
    const body = formOf(fields, file, "name.txt");
    return sendRaw({
      port: server.port,
      method: "POST",
      resource: "/outputs",
      accessKeyId: null,
      headers,
      body,
    });
  }

  it("need a signed policy, whatever session the browser has", async () => {
    server.caller.current = { canRead: () => true, canDelete: () => true };
    const refusals: [Record<string, string>, number, string][] = [
      [{ key: "k" }, 403, "AccessDenied"],
      [{ ...signedFields({ key: "k" }), signature: "AAAA" }, 403, "SignatureDoesNotMatch"],
      [{ ...signedFields({ key: "k" }), AWSAccessKeyId: "nobody" }, 403, "InvalidAccessKeyId"],
      [{ ...signedFields({ key: "k" }), signature: "" }, 400, "InvalidArgument"],
      [signedFields({}), 400, "InvalidArgument"],
      [signedFields({ key: "k", "x-amz-meta-a": "1" }), 403, "AccessDenied"],
      [signedFields({ key: "k", acl: "public-read" }, [{ acl: "public-read" }]), 403, "AccessDenied"],
      [
        signedFields({ key: "k", "x-amz-meta-a b": "1" }, [{ "x-amz-meta-a b": "1" }]),
        400,
        "InvalidArgument",
      ],
      [signedFields({ key: "k", "x-amz-checksum-crc32": "AAAAAA==" }), 400, "BadDigest"],
    ];
    for (const [fields, status, code] of refusals) {
      const answer = await post(fields);
      assert.deepEqual([answer.status, answer.code], [status, code], answer.text);
    }
    for (const size of [0, 2_000_001])
      assert.equal((await post(signedFields({ key: "k" }), Buffer.alloc(size))).status, 400);
    assert.equal(await get(server.storage, "job1/k"), null);
    assert.deepEqual(server.failures, []);
    server.caller.current = null;
  });

  it("store the file in the area of the key that signed", async () => {
    const content = randomBytes(1_500_000);
    const more = [
      { "Content-Type": "image/png" },
      ["eq", "$x-amz-meta-step", "7"],
      ["starts-with", "$tagging", "<"],
      { success_action_status: "201" },
    ];
    const tagging = "<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>";
    const fields = {
      key: "in/${filename}",
      "Content-Type": "image/png",
      "x-amz-meta-step": "7",
      tagging,
      success_action_status: "201",
    };
    const answer = await post(signedFields(fields, more), content);
    assert.equal(answer.status, 201, answer.text);
    assert.match(answer.text, /<PostResponse>.*<Bucket>outputs<\/Bucket><Key>in\/name.txt</s);
    assert.ok((await get(server.storage, "job1/in/name.txt"))?.equals(content));
    const info = await server.storage.headObject("outputs", "job1/in/name.txt");
    assert.deepEqual(
      [info?.headers.contentType, info?.userMetadata, info?.tags],
      ["image/png", { step: "7" }, [["a", "1"]]],
    );
    assert.equal(server.stored.at(-1)?.sizeBytes, content.length);
    const redirect = "http://127.0.0.1/done?x=1";
    const redirected = await post(
      signedFields({ key: "r", success_action_redirect: redirect }, [{ success_action_redirect: redirect }]),
    );
    assert.equal(redirected.status, 303);
    assert.match(
      redirected.headers.location ?? "",
      /^http:\/\/127\.0\.0\.1\/done\?x=1&bucket=outputs&key=r&etag=%22[0-9a-f]{32}%22$/,
    );
    assert.equal((await post(signedFields({ key: "plain" }))).status, 204);
  });
});
