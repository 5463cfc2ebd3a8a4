import { after, before, beforeEach, describe } from "node:test";
import { testStoragePort } from "../conformance.ts";
import { type ExternalBucketServer, startExternalBucket } from "./external-bucket-test-kit.ts";
import type { S3Storage } from "./s3-storage.ts";

describe("storage in an external bucket keeps the promises of the port", () => {
  let external: ExternalBucketServer;
  let storage: S3Storage;
  before(async () => {
    external = await startExternalBucket();
  });
  after(() => external.close());
  beforeEach(async () => {
    await external.server.storage.deletePrefix("external", "");
    storage = external.open();
    await storage.createBucket("outputs");
  });
  // 1,024 for the name in the external bucket, of which `shared/outputs/outputs/` is ours.
  testStoragePort(() => storage, 1024 - 23);
});
