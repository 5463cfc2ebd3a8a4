import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { get, put } from "../../adapters/storage/conformance-kit.ts";
import { type RawRequest, type RawResponse, sendRaw } from "./s3-test-client.ts";
import { type S3TestServer, startS3TestServer } from "./s3-test-server.ts";

const everything = {
  secretAccessKey: "all-secret",
  scope: { bucket: "*", prefix: "" },
  access: "readwrite",
  jobId: null,
} as const;

function sender(serverOf: () => S3TestServer) {
  return (method: string, resource: string, rest: Partial<RawRequest> = {}): Promise<RawResponse> =>
    sendRaw({ port: serverOf().port, method, resource, ...rest });
}

async function refused(answer: Promise<RawResponse>, status: number, code: string): Promise<void> {
  const { status: found, code: foundCode, text } = await answer;
  assert.deepEqual([found, foundCode], [status, code], text);
}

describe("tags", () => {
  let server: S3TestServer;
  const send = sender(() => server);
  before(async () => {
    server = await startS3TestServer();
    server.credentials.set("all-key", everything);
  });
  after(() => server.close());
  beforeEach(() => server.storage.deletePrefix("outputs", "").then(() => undefined));

  const tagging = (tags: [string, string][]): string =>
    `<Tagging><TagSet>${tags.map(([key, value]) => `<Tag><Key>${key}</Key><Value>${value}</Value></Tag>`).join("")}</TagSet></Tagging>`;

  it("refuse what is no set of tags", async () => {
    await put(server.storage, "job1/k", "x");
    const many = Array.from({ length: 11 }, (_, index): [string, string] => [`t${index}`, ""]);
    for (const tags of [
      many,
      [["", "x"]],
      [["a".repeat(129), ""]],
      [["a", "b".repeat(257)]],
      [
        ["a", "1"],
        ["a", "2"],
      ],
    ])
      await refused(
        send("PUT", "/outputs/k?tagging", { body: tagging(tags as [string, string][]) }),
        400,
        "InvalidTag",
      );
    await refused(send("PUT", "/outputs/k?tagging", { body: "<Other/>" }), 400, "MalformedXML");
    await refused(send("PUT", "/outputs/none?tagging", { body: tagging([["a", "1"]]) }), 404, "NoSuchKey");
    await refused(send("GET", "/outputs/none?tagging"), 404, "NoSuchKey");
    await refused(
      send("PUT", "/outputs/k", { headers: { "x-amz-tagging": "a=1&a=2" }, body: "y" }),
      400,
      "InvalidTag",
    );
    await refused(send("POST", "/outputs/k?tagging", { body: "" }), 405, "MethodNotAllowed");
    assert.equal(String(await get(server.storage, "job1/k")), "x");
  });

  it("are kept with an object, replaced and removed without touching its bytes", async () => {
    await send("PUT", "/outputs/k", { headers: { "x-amz-tagging": "b=%26&a" }, body: "x" });
    const etag = (await send("HEAD", "/outputs/k")).headers.etag;
    assert.match(
      (await send("GET", "/outputs/k?tagging")).text,
      /<Tag><Key>a<\/Key><Value><\/Value><\/Tag><Tag><Key>b<\/Key><Value>&amp;</,
    );
    assert.equal((await send("HEAD", "/outputs/k")).headers["x-amz-tagging-count"], "2");
    assert.equal((await send("PUT", "/outputs/k?tagging", { body: tagging([["c", "1"]]) })).status, 200);
    assert.match(
      (await send("GET", "/outputs/k?tagging")).text,
      /<TagSet><Tag><Key>c<\/Key><Value>1<\/Value><\/Tag><\/TagSet>/,
    );
    assert.equal((await send("DELETE", "/outputs/k?tagging")).status, 204);
    const head = await send("HEAD", "/outputs/k");
    assert.deepEqual([head.headers["x-amz-tagging-count"], head.headers.etag], [undefined, etag]);
  });

  it("of a bucket are for keys that reach all of it", async () => {
    await refused(send("PUT", "/outputs?tagging", { body: tagging([["a", "1"]]) }), 403, "AccessDenied");
    const all = { accessKeyId: "all-key", secret: "all-secret" };
    await refused(send("GET", "/outputs?tagging", all), 404, "NoSuchTagSet");
    assert.equal(
      (await send("PUT", "/outputs?tagging", { ...all, body: tagging([["a", "1"]]) })).status,
      204,
    );
    assert.match((await send("GET", "/outputs?tagging", all)).text, /<Key>a</);
    assert.equal((await send("DELETE", "/outputs?tagging", all)).status, 204);
    await refused(send("GET", "/outputs?tagging", all), 404, "NoSuchTagSet");
  });
});

describe("access lists", () => {
  const policyOf = (grants: string): string =>
    `<AccessControlPolicy><Owner><ID>simpletuner-cloud</ID></Owner><AccessControlList>${grants}</AccessControlList></AccessControlPolicy>`;
  const all =
    "<Grant><Grantee><ID>simpletuner-cloud</ID></Grantee><Permission>FULL_CONTROL</Permission></Grant>";
  const everybody =
    "<Grant><Grantee><URI>http://acs.amazonaws.com/groups/global/AllUsers</URI></Grantee><Permission>READ</Permission></Grant>";

  describe("by default", () => {
    let server: S3TestServer;
    const send = sender(() => server);
    before(async () => {
      server = await startS3TestServer();
      server.credentials.set("all-key", everything);
    });
    after(() => server.close());

    it("open nothing to anybody, however they are asked for", async () => {
      const headers = { "x-amz-acl": "public-read" };
      const owner = { accessKeyId: "all-key", secret: "all-secret" };
      await refused(send("PUT", "/outputs/k", { headers, body: "x" }), 403, "AccessDenied");
      await refused(send("POST", "/outputs/k?uploads", { headers }), 403, "AccessDenied");
      assert.equal(await get(server.storage, "job1/k"), null);
      await put(server.storage, "job1/k", "x");
      await refused(send("PUT", "/outputs/k?acl", { headers, body: "" }), 403, "AccessDenied");
      await refused(send("PUT", "/outputs/k?acl", { body: policyOf(all + everybody) }), 403, "AccessDenied");
      await refused(
        send("PUT", "/outputs/c", { headers: { ...headers, "x-amz-copy-source": "/outputs/k" }, body: "" }),
        403,
        "AccessDenied",
      );
      await refused(send("PUT", "/outputs?acl", { ...owner, headers, body: "" }), 403, "AccessDenied");
      await refused(send("PUT", "/fresh", { ...owner, headers, body: "" }), 403, "AccessDenied");
      // Even one that is stored, by whatever way, opens nothing.
      await server.storage.changeObject("outputs", "job1/k", { acl: "public-read" });
      await server.storage.changeBucket("outputs", { acl: "public-read-write" });
      for (const method of ["GET", "HEAD", "PUT", "DELETE"]) {
        const answer = await send(method, "/outputs/job1/k", { accessKeyId: null, body: "" });
        assert.equal(answer.status, 403);
      }
      await refused(send("GET", "/outputs", { accessKeyId: null }), 403, "AccessDenied");
    });

    it("may be private, and say so", async () => {
      await send("PUT", "/outputs/k", { headers: { "x-amz-acl": "bucket-owner-full-control" }, body: "x" });
      assert.equal((await send("PUT", "/outputs/k?acl", { body: policyOf(all) })).status, 200);
      const { text } = await send("GET", "/outputs/k?acl");
      assert.match(
        text,
        /<Owner><ID>simpletuner-cloud<.*<Permission>FULL_CONTROL<\/Permission><\/Grant><\/AccessControlList>/,
      );
      assert.doesNotMatch(text, /AllUsers/);
      await refused(
        send("PUT", "/outputs/k?acl", { headers: { "x-amz-acl": "everyone" }, body: "" }),
        400,
        "InvalidArgument",
      );
      await refused(send("PUT", "/outputs/k?acl", { body: "" }), 400, "MalformedACLError");
      await refused(send("PUT", "/outputs/k?acl", { body: policyOf("") }), 501, "NotImplemented");
    });
  });

  describe("where public ones are allowed", () => {
    let server: S3TestServer;
    const send = sender(() => server);
    before(async () => {
      server = await startS3TestServer({ allowPublicAcls: true });
    });
    after(() => server.close());
    const anybody = { accessKeyId: null } as const;

    it("open what they name and nothing else", async () => {
      await send("PUT", "/outputs/open", { headers: { "x-amz-acl": "public-read" }, body: "x" });
      await send("PUT", "/outputs/closed", { body: "y" });
      assert.equal((await send("GET", "/outputs/job1/open", anybody)).text, "x");
      await refused(send("GET", "/outputs/job1/closed", anybody), 403, "AccessDenied");
      await refused(send("GET", "/outputs/job1/none", anybody), 403, "AccessDenied");
      await refused(send("PUT", "/outputs/job1/open", { ...anybody, body: "z" }), 403, "AccessDenied");
      await refused(send("GET", "/outputs", anybody), 403, "AccessDenied");
      await refused(
        send("PUT", "/outputs/job1/open?acl", { ...anybody, headers: { "x-amz-acl": "private" }, body: "" }),
        403,
        "AccessDenied",
      );
      await server.storage.changeBucket("outputs", { acl: "public-read" });
      await refused(send("GET", "/outputs/job1/none", anybody), 404, "NoSuchKey");
      await refused(send("GET", "/outputs/job1/closed", anybody), 403, "AccessDenied");
      assert.match((await send("GET", "/outputs", anybody)).text, /<Key>job1\/open</);
      await refused(send("DELETE", "/outputs/job1/open", anybody), 403, "AccessDenied");
      assert.equal(
        (await send("PUT", "/outputs/open?acl", { headers: { "x-amz-acl": "private" }, body: "" })).status,
        200,
      );
      await refused(send("GET", "/outputs/job1/open", anybody), 403, "AccessDenied");
    });
  });
});
