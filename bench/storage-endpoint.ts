import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { openLocalStorage } from "@simpletuner-cloud/server/adapters/storage/local/local-storage.ts";
import { createS3Handler, mountS3 } from "@simpletuner-cloud/server/http/s3/s3-handler.ts";

/** The storage endpoint with its local storage in a process of its own: `storage-endpoint.ts <folder> full|fast`. */
const [root = "", durability = "full"] = process.argv.slice(2);
const pathPrefix = "/api/cloud/storage";
const storage = await openLocalStorage({ root, durability: durability === "fast" ? "fast" : "full" });
await storage.createBucket("outputs");
const handler = createS3Handler({
  storage,
  pathPrefix,
  credentials: {
    findByAccessKey: async () => ({
      secretAccessKey: "bench-secret",
      scope: { bucket: "outputs", prefix: "job/" },
      access: "readwrite",
      jobId: "job",
    }),
  },
  authorizeCaller: async () => null,
  clock: Date.now,
  onUploadProgress() {},
  onObjectStored() {},
  logger: { error: (details, text) => process.stderr.write(`${text} ${JSON.stringify(details)}\n`) },
});
const server = createServer({ requestTimeout: 0, keepAliveTimeout: 65_000 });
mountS3(server, { pathPrefix }, handler, (_, response) => void response.writeHead(404).end());
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
