import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { get, put } from "../../adapters/storage/conformance-kit.ts";
import { type RawRequest, type RawResponse, sendRaw } from "./s3-test-client.ts";
import { type S3TestServer, startS3TestServer } from "./s3-test-server.ts";

describe("buckets of a key that reaches everything", () => {
  let server: S3TestServer;
  before(async () => {
    server = await startS3TestServer();
    const whole = { access: "readwrite", jobId: null } as const;
    server.credentials.set("all-key", { secretAccessKey: "s", scope: { bucket: "*", prefix: "" }, ...whole });
    server.credentials.set("mine-key", {
      secretAccessKey: "s",
      scope: { bucket: "mine", prefix: "" },
      ...whole,
    });
  });
  after(() => server.close());

  function send(method: string, resource: string, rest: Partial<RawRequest> = {}): Promise<RawResponse> {
    const body = method === "PUT" || method === "POST" ? "" : undefined;
    return sendRaw({
      port: server.port,
      accessKeyId: "all-key",
      secret: "s",
      method,
      resource,
      ...(body === undefined ? {} : { body }),
      ...rest,
    });
  }

  it("are not created where the body, the name or the owner is wrong", async () => {
    const configuration = (location: string): string =>
      `<CreateBucketConfiguration><LocationConstraint>${location}</LocationConstraint></CreateBucketConfiguration>`;
    const cases: [string, Partial<RawRequest>, number, string][] = [
      ["/new", { body: "<broken" }, 400, "MalformedXML"],
      ["/new", { body: configuration("a b") }, 400, "InvalidLocationConstraint"],
      ["/Bad_Name", {}, 400, "InvalidBucketName"],
      ["/outputs", { accessKeyId: "mine-key" }, 409, "BucketAlreadyExists"],
      ["/new", { accessKeyId: "mine-key" }, 403, "AccessDenied"],
      ["/new", { accessKeyId: "job1-key", secret: "job1-secret" }, 403, "AccessDenied"],
    ];
    for (const [resource, rest, status, code] of cases) {
      const answer = await send("PUT", resource, rest);
      assert.deepEqual([answer.status, answer.code], [status, code], resource);
    }
    assert.equal(await server.storage.findBucket("new"), null);
    assert.equal((await send("PUT", "/there", { body: configuration("eu-1") })).status, 200);
    assert.equal((await send("PUT", "/there")).status, 200);
    assert.match((await send("GET", "/there?location")).text, /<LocationConstraint [^>]*>eu-1</);
    await server.storage.changeBucket("there", { acl: "public-read" });
    assert.equal((await send("PUT", "/there")).code, "BucketAlreadyExists");
    assert.equal((await send("DELETE", "/there")).status, 204);
  });

  it("are listed page by page", async () => {
    for (const name of ["bb-1", "bb-2", "bb-3"]) await server.storage.createBucket(name);
    const found: string[] = [];
    let token = "";
    do {
      const { text } = await send("GET", `/?max-buckets=2&prefix=bb&continuation-token=${token}`);
      found.push(...[...text.matchAll(/<Name>(.*?)</g)].map(([, name = ""]) => name));
      token = /<ContinuationToken>(.*?)</.exec(text)?.[1] ?? "";
    } while (token !== "");
    assert.deepEqual(found, ["bb-1", "bb-2", "bb-3"]);
    assert.equal((await send("GET", "/?max-buckets=0")).code, "InvalidArgument");
    assert.equal((await send("GET", "/?continuation-token=%00")).code, "InvalidArgument");
  });

  it("lose only the objects that are meant", async () => {
    const etag = await put(server.storage, "k", "four");
    const refusals: [Record<string, string>, number, string][] = [
      [{ "if-match": '"other"' }, 412, "PreconditionFailed"],
      [{ "x-amz-if-match-size": "5" }, 412, "PreconditionFailed"],
      [{ "x-amz-if-match-last-modified-time": "Mon, 01 Jan 2001 00:00:00 GMT" }, 412, "PreconditionFailed"],
      [{ "x-amz-if-match-size": "four" }, 400, "InvalidArgument"],
      [{ "x-amz-if-match-last-modified-time": "never" }, 400, "InvalidArgument"],
    ];
    for (const [headers, status, code] of refusals) {
      const answer = await send("DELETE", "/outputs/k", { headers });
      assert.deepEqual([answer.status, answer.code], [status, code]);
    }
    const many = (inner: string): Promise<RawResponse> =>
      send("POST", "/outputs?delete", { body: `<Delete><Object><Key>k</Key>${inner}</Object></Delete>` });
    assert.match((await many("<ETag>other</ETag>")).text, /<Error><Key>k<\/Key><Code>PreconditionFailed</);
    assert.match((await many("<VersionId>7</VersionId>")).text, /<Code>NoSuchVersion</);
    assert.equal(String(await get(server.storage, "k")), "four");
    assert.match((await many(`<ETag>"${etag}"</ETag><Size>4</Size>`)).text, /<Deleted><Key>k</);
    assert.equal(await get(server.storage, "k"), null);
    assert.equal((await send("DELETE", "/outputs/k", { headers: { "if-match": "other" } })).status, 204);
  });
});
