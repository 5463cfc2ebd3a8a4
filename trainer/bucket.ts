import { createReadStream } from "node:fs";
import { S3Client } from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import type { PublishingTarget } from "./config.ts";

/** One S3 bucket that files are put into. */
export interface Bucket {
  /** Streams a file from disk to `key`; in parts when it is large. */
  put(key: string, path: string): Promise<void>;
}

const partBytes = 8 * 1024 * 1024;
const contentTypes: Readonly<Record<string, string>> = {
  png: "image/png",
  json: "application/json",
  md: "text/markdown; charset=utf-8",
};

/** Opens the bucket of `target` with the ordinary AWS client, path-style, retries left to the caller. */
export function openBucket(target: PublishingTarget): Bucket {
  const client = new S3Client({
    endpoint: target.endpointUrl,
    region: target.region,
    forcePathStyle: true,
    credentials: { accessKeyId: target.accessKey, secretAccessKey: target.secretKey },
    maxAttempts: 1,
    requestHandler: { connectionTimeout: 5_000, socketTimeout: 60_000 },
  });
  return {
    put: async (key, path) => {
      const body = createReadStream(path);
      try {
        const contentType = contentTypes[path.split(".").at(-1) ?? ""] ?? "application/octet-stream";
        const params = { Bucket: target.bucket, Key: key, Body: body, ContentType: contentType };
        await new Upload({ client, params, partSize: partBytes, queueSize: 1 }).done();
      } finally {
        body.destroy();
      }
    },
  };
}
