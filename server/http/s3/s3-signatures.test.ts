import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { request } from "node:http";
import { after, before, beforeEach, describe, it } from "node:test";
import { get, put } from "../../adapters/storage/conformance-kit.ts";
import { type RawResponse, sendRaw } from "./s3-test-client.ts";
import { type S3TestServer, startS3TestServer, testPathPrefix } from "./s3-test-server.ts";

function hmacSha1(secret: string, text: string): string {
  return createHmac("sha1", secret).update(text).digest("base64");
}

describe("signatures of version 2", () => {
  let server: S3TestServer;
  let nowMs = Date.now();
  before(async () => {
    server = await startS3TestServer({ clock: () => nowMs });
  });
  after(() => server.close());
  beforeEach(async () => {
    nowMs = Date.now();
    await put(server.storage, "job1/k", "hello");
  });

  /** A presigned URL; `signed` is what the signer takes the path and its parameters for. */
  function presigned(method: string, query: string, signed: string, lines = ["", ""]): string {
    const expires = String(Math.floor(nowMs / 1000) + 60);
    const signature = hmacSha1("job1-secret", [method, ...lines, expires, signed].join("\n"));
    return `/outputs/k?${query}AWSAccessKeyId=job1-key&Expires=${expires}&Signature=${encodeURIComponent(signature)}`;
  }

  function fetchUrl(resource: string, method = "GET", headers = {}, body = ""): Promise<RawResponse> {
    return sendRaw({ port: server.port, method, resource, accessKeyId: null, headers, body });
  }

  it("in a URL open what they were made for, until they expire", async () => {
    const url = presigned("GET", "", `${testPathPrefix}/outputs/k`);
    assert.equal((await fetchUrl(url)).text, "hello");
    // As s3fs signs, without the mount point.
    assert.equal((await fetchUrl(presigned("GET", "", "/outputs/k"))).text, "hello");
    const named = "response-content-type=a%2Fb&";
    const typed = presigned("GET", named, `${testPathPrefix}/outputs/k?response-content-type=a/b`);
    assert.equal((await fetchUrl(typed)).headers["content-type"], "a/b");
    nowMs += 61_000;
    const expired = await fetchUrl(url);
    assert.deepEqual([expired.status, expired.code], [403, "AccessDenied"]);
  });

  it("do not stretch to another method, key, parameter, header, secret or key id", async () => {
    const path = `${testPathPrefix}/outputs/k`;
    const url = presigned("GET", "", path);
    const other: [string, string, Record<string, string>][] = [
      [url, "DELETE", {}],
      [url.replace("/outputs/k?", "/outputs/other?"), "GET", {}],
      [url.replace("?", "?acl&"), "GET", {}],
      [url.replace("?", "?tagging&"), "GET", {}],
      [url.replace("?", "?x-amz-acl=private&"), "GET", {}],
      [url, "GET", { "x-amz-meta-a": "1" }],
      [url.replace("Signature=", "Signature=AAAA"), "GET", {}],
      [url.replace(/Expires=\d+/, "Expires=99999999999"), "GET", {}],
    ];
    for (const [resource, method, headers] of other) {
      const answer = await fetchUrl(resource, method, headers);
      assert.deepEqual([answer.status, answer.code], [403, "SignatureDoesNotMatch"], resource);
    }
    assert.equal((await fetchUrl(url.replace("job1-key", "job2-key"))).code, "InvalidAccessKeyId");
    const buckets = presigned("GET", "", `${testPathPrefix}/`).replace("/outputs/k", "");
    assert.equal((await fetchUrl(buckets)).code, "SignatureDoesNotMatch");
    assert.equal((await fetchUrl(`/${buckets}`)).status, 200);
    assert.equal((await fetchUrl(url.replace(/Expires=\d+/, "Expires=soon"))).code, "AccessDenied");
    assert.equal(String(await get(server.storage, "job1/k")), "hello");
  });

  it("carry headers in the query, as boto3 writes them", async () => {
    const query = "content-type=image%2Fpng&x-amz-meta-step=7&x-amz-acl=private&";
    const lines = ["", "image/png"];
    const expires = String(Math.floor(nowMs / 1000) + 60);
    const text = [
      "PUT",
      ...lines,
      expires,
      "x-amz-acl:private",
      "x-amz-meta-step:7",
      `${testPathPrefix}/outputs/k`,
    ];
    const signature = encodeURIComponent(hmacSha1("job1-secret", text.join("\n")));
    const url = `/outputs/k?${query}AWSAccessKeyId=job1-key&Expires=${expires}&Signature=${signature}`;
    assert.equal((await fetchUrl(url, "PUT", {}, "new")).status, 200);
    const info = await server.storage.headObject("outputs", "job1/k");
    assert.deepEqual([info?.headers.contentType, info?.userMetadata], ["image/png", { step: "7" }]);
  });

  it("in the header need a date of now", async () => {
    const sign = (date: string): Record<string, string> => {
      const signature = hmacSha1(
        "job1-secret",
        ["GET", "", "", date, `${testPathPrefix}/outputs/k`].join("\n"),
      );
      return { date, authorization: `AWS job1-key:${signature}` };
    };
    assert.equal((await fetchUrl("/outputs/k", "GET", sign(new Date(nowMs).toUTCString()))).text, "hello");
    const old = await fetchUrl("/outputs/k", "GET", sign(new Date(nowMs - 16 * 60_000).toUTCString()));
    assert.equal(old.code, "RequestTimeTooSkewed");
    assert.equal((await fetchUrl("/outputs/k", "GET", sign("yesterday"))).code, "AccessDenied");
    assert.equal(
      (await fetchUrl("/outputs/k", "GET", { authorization: "AWS nobody" })).code,
      "InvalidArgument",
    );
  });
});

describe("signatures of version 4", () => {
  it("cover a header to its last character", async () => {
    const server = await startS3TestServer();
    try {
      const sent = { port: server.port, method: "PUT", resource: "/outputs/k", body: "hello" };
      const signed = { headers: { "x-amz-meta-a": "v" } };
      const send = (value: string) => sendRaw({ ...sent, headers: { "x-amz-meta-a": value }, signed });
      assert.equal((await send("v ")).status, 200);
      assert.equal((await send("v\u00a0")).code, "SignatureDoesNotMatch");
    } finally {
      await server.close();
    }
  });
});

/** A request whose host is not the address that it goes to. */
function getFrom(port: number, host: string, path: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { host: "127.0.0.1", port, path, headers: { host }, agent: false },
      (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
      },
    );
    outgoing.on("error", reject).end();
  });
}

describe("buckets in host names", () => {
  const presignedV2 = (resource: string, signedResource: string): string => {
    const expires = String(Math.floor(Date.now() / 1000) + 60);
    const signature = encodeURIComponent(hmacSha1("job1-secret", `GET\n\n\n${expires}\n${signedResource}`));
    return `${testPathPrefix}${resource}?AWSAccessKeyId=job1-key&Expires=${expires}&Signature=${signature}`;
  };

  it("count below the base domain only", async () => {
    const server = await startS3TestServer({ baseDomain: "storage.test" });
    try {
      await put(server.storage, "job1/outputs/k", "in the host");
      await put(server.storage, "job1/k", "in the path");
      const byHost = presignedV2("/outputs/k", `/outputs${testPathPrefix}/outputs/k`);
      const found = await getFrom(server.port, `OUTPUTS.storage.test:${server.port}`, byHost);
      assert.deepEqual([found.status, found.text], [200, "in the host"]);
      for (const host of ["storage.test", "outputs.other.test", "outputsstorage.test", "127.0.0.1"]) {
        const path = presignedV2("/outputs/k", `${testPathPrefix}/outputs/k`);
        assert.equal((await getFrom(server.port, host, path)).text, "in the path", host);
      }
    } finally {
      await server.close();
    }
  });

  it("belong to the endpoint whatever their path, also without a signature", async () => {
    const server = await startS3TestServer({ baseDomain: "storage.test" });
    try {
      assert.equal((await getFrom(server.port, "outputs.storage.test", "/k")).status, 403);
      assert.equal((await getFrom(server.port, "storage.test", "/k")).text, "elsewhere");
    } finally {
      await server.close();
    }
  });

  it("are explained where there is no base domain, to those who may come in", async () => {
    const server = await startS3TestServer();
    try {
      const path = presignedV2("/k", `${testPathPrefix}/k`);
      const answer = await getFrom(server.port, "outputs.storage.test", path);
      assert.equal(answer.status, 400);
      assert.match(answer.text, /<Code>InvalidRequest<.*forcePathStyle/);
      assert.equal((await getFrom(server.port, "nothing.storage.test", path)).status, 403);
      assert.equal((await getFrom(server.port, "outputs.storage.test", `${testPathPrefix}/k`)).status, 403);
    } finally {
      await server.close();
    }
  });
});

describe("a proxy that takes the mount point away", () => {
  let server: S3TestServer;
  before(async () => {
    server = await startS3TestServer();
    await put(server.storage, "job1/k", "hello");
  });
  after(() => server.close());

  it("is seen through where the request is signed, and only there", async () => {
    const stripped = { port: server.port, resource: "", path: "/outputs/k" };
    const signed = { path: `${testPathPrefix}/outputs/k` };
    assert.equal((await sendRaw({ ...stripped, signed })).text, "hello");
    assert.equal((await sendRaw({ ...stripped, signed, secret: "wrong" })).code, "SignatureDoesNotMatch");
    assert.equal((await sendRaw({ ...stripped, accessKeyId: null })).text, "elsewhere");
  });
});
