import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { put } from "../conformance-kit.ts";
import { type ExternalBucketServer, startExternalBucket } from "./external-bucket-test-kit.ts";
import { presignedAddress } from "./presigned-address.ts";

describe("addresses of objects in an external bucket", () => {
  let external: ExternalBucketServer;
  before(async () => {
    external = await startExternalBucket();
  });
  after(() => external.close());

  it("name Amazon's own host where no endpoint is set", () => {
    const bucket = { bucket: "examplebucket", endpoint: null, region: "us-east-1", pathStyle: false };
    const signer = {
      accessKeyId: "AKIAIOSFODNN7EXAMPLE",
      secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    };
    const address = presignedAddress(bucket, "test.txt", new Map(), signer, Date.UTC(2013, 4, 24));
    const url = new URL(address);
    assert.equal(url.host, "examplebucket.s3.us-east-1.amazonaws.com");
    assert.equal(url.pathname, "/test.txt");
    assert.equal(
      url.searchParams.get("X-Amz-Credential"),
      "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request",
    );
  });

  it("give any object out, and no other; none without the setting", async () => {
    assert.equal(external.open().presignedUrl, undefined);
    const storage = external.open({ downloads: "redirect" });
    await storage.createBucket("outputs");
    for (const key of ["plain", "a b/ü&+?#(1)*'!.png", "//double", "100%25"]) {
      await put(storage, key, key);
      const parameters = new Map([["response-content-disposition", 'attachment; filename="a b.bin"']]);
      const address = (await storage.presignedUrl?.("outputs", key, parameters)) ?? "";
      const found = await fetch(address, { headers: { range: "bytes=1-" } });
      assert.equal(found.status, 206, key);
      assert.equal(found.headers.get("content-disposition"), 'attachment; filename="a b.bin"');
      assert.equal(await found.text(), Buffer.from(key).subarray(1).toString());
      assert.equal((await fetch(address.replace("/outputs/", "/outputs/x"))).status, 403);
      assert.doesNotMatch(address, /replica-secret/);
    }
  });
});
