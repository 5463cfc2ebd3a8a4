import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { put } from "../../adapters/storage/conformance-kit.ts";
import { type S3TestServer, startS3TestServer, testPathPrefix } from "./s3-test-server.ts";

let server: S3TestServer;

before(async () => {
  server = await startS3TestServer();
});
after(() => server.close());

describe("presigned URLs", () => {
  function presign(
    method: string,
    key: string,
    options: { expires?: number; dateMs?: number; secret?: string } = {},
  ): string {
    const { expires = 60, dateMs = Date.now(), secret = "job1-secret" } = options;
    const hmac = (hmacKey: Buffer | string, text: string): Buffer =>
      createHmac("sha256", hmacKey).update(text).digest();
    const dateTime = new Date(dateMs).toISOString().replace(/[-:]|\.\d+/g, "");
    const scope = `${dateTime.slice(0, 8)}/auto/s3/aws4_request`;
    const query = [
      "X-Amz-Algorithm=AWS4-HMAC-SHA256",
      `X-Amz-Credential=${encodeURIComponent(`job1-key/${scope}`)}`,
      `X-Amz-Date=${dateTime}`,
      `X-Amz-Expires=${expires}`,
      "X-Amz-SignedHeaders=host",
      "x-amz-checksum-crc32=AAAAAA%3D%3D",
    ].join("&");
    const path = `${testPathPrefix}/outputs/${key}`;
    const canonical = [
      method,
      path,
      query,
      `host:127.0.0.1:${server.port}`,
      "",
      "host",
      "UNSIGNED-PAYLOAD",
    ].join("\n");
    const text = [
      "AWS4-HMAC-SHA256",
      dateTime,
      scope,
      createHash("sha256").update(canonical).digest("hex"),
    ].join("\n");
    const signingKey = scope
      .split("/")
      .reduce<Buffer | string>((derived, part) => hmac(derived, part), `AWS4${secret}`);
    return `http://127.0.0.1:${server.port}${path}?${query}&X-Amz-Signature=${hmac(signingKey, text).toString("hex")}`;
  }

  it("put and get an object without any header", async () => {
    const sent = await fetch(presign("PUT", "p/q"), { method: "PUT", body: "presigned" });
    assert.equal(sent.status, 200, await sent.text());
    const got = await fetch(presign("GET", "p/q"));
    assert.equal(await got.text(), "presigned");
    assert.equal((await fetch(presign("GET", "p/q"), { method: "HEAD" })).status, 403);
  });

  it("are refused when expired, too long, forged, changed or not yet valid", async () => {
    await put(server.storage, "job1/k", "x");
    const refused = async (url: string, status: number, code: string): Promise<void> => {
      const response = await fetch(url);
      assert.equal(response.status, status);
      assert.match(await response.text(), new RegExp(`<Code>${code}<`), url);
    };
    await refused(presign("GET", "k", { dateMs: Date.now() - 61_000 }), 403, "AccessDenied");
    for (const expires of [0, -7, 604_801])
      await refused(presign("GET", "k", { expires }), 403, "AccessDenied");
    await refused(presign("GET", "k", { secret: "wrong" }), 403, "SignatureDoesNotMatch");
    await refused(presign("GET", "k").replace("/k?", "/other?"), 403, "SignatureDoesNotMatch");
    await refused(presign("GET", "k").replace("Expires=60", "Expires=6000"), 403, "SignatureDoesNotMatch");
    await refused(presign("GET", "k", { dateMs: Date.now() + 3_600_000 }), 403, "RequestTimeTooSkewed");
    await refused(
      presign("GET", "k").replace(/&X-Amz-Signature.*/, ""),
      400,
      "AuthorizationQueryParametersError",
    );
  });

  it("serve the pages of other sites where the bucket's rules say so", async () => {
    await put(server.storage, "job1/k", "x");
    const origin = "https://app.example.com";
    const rule = { allowedOrigins: [origin], allowedMethods: ["GET"], allowedHeaders: [], exposeHeaders: [] };
    await server.storage.changeBucket("outputs", { cors: [rule] });
    const opened = async (url: string, from: string): Promise<[number, string | null]> => {
      const { status, headers } = await fetch(url, { headers: { origin: from } });
      return [status, headers.get("access-control-allow-origin")];
    };
    assert.deepEqual(await opened(presign("GET", "k"), "https://evil.net"), [200, null]);
    assert.deepEqual(await opened(presign("GET", "k"), origin), [200, origin]);
    // The page can tell its user why.
    assert.deepEqual(await opened(presign("GET", "k", { expires: 0 }), origin), [403, origin]);
    await server.storage.changeBucket("outputs", { cors: [] });
    assert.deepEqual(await opened(presign("GET", "k"), origin), [200, null]);
  });

  it("do not carry headers that change their meaning", async () => {
    const headers = { "x-amz-copy-source": "/outputs/other" };
    assert.equal((await fetch(presign("PUT", "k"), { method: "PUT", headers })).status, 403);
  });
});
