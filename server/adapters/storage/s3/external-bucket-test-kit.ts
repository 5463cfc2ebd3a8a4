import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type S3TestServer, startS3TestServer, testPathPrefix } from "../../../http/s3/s3-test-server.ts";
import { openS3Storage, type S3Storage, type S3StorageOptions } from "./s3-storage.ts";

/** What the proxy does with one request instead of passing it on; undefined passes it on. */
export type Trouble = (message: IncomingMessage, response: ServerResponse) => "cut" | "handled" | undefined;

/** An external bucket for tests: our own endpoint over a folder, behind a proxy that can misbehave. */
export interface ExternalBucketServer {
  options: S3StorageOptions;
  server: S3TestServer;
  /** Asked for every request; set it to make trouble. */
  trouble: { current: Trouble | null };
  /** `METHOD path?query` of every request so far. */
  requests: string[];
  /** A storage in the bucket; closed with the server. */
  open(options?: Partial<S3StorageOptions>): S3Storage;
  close(): Promise<void>;
}

/** Starts the endpoint with the bucket `external`, and the proxy. */
export async function startExternalBucket(): Promise<ExternalBucketServer> {
  const server = await startS3TestServer();
  await server.storage.createBucket("external");
  server.credentials.set("replica", {
    secretAccessKey: "replica-secret",
    scope: { bucket: "external", prefix: "" },
    access: "readwrite",
    jobId: null,
  });
  const trouble: ExternalBucketServer["trouble"] = { current: null };
  const requests: string[] = [];
  const proxy = createServer({ requestTimeout: 0 });
  const pass = (message: IncomingMessage, response: ServerResponse): void => {
    requests.push(`${message.method} ${message.url}`);
    const mode = trouble.current?.(message, response);
    if (mode !== "handled") forward(server.port, message, response, mode === "cut");
  };
  proxy.on("request", pass).on("checkContinue", pass);
  await new Promise<void>((resolve) => void proxy.listen(0, "127.0.0.1", resolve));
  const { port } = proxy.address() as AddressInfo;
  const options: S3StorageOptions = {
    bucket: "external",
    prefix: "shared/outputs",
    endpoint: `http://127.0.0.1:${port}${testPathPrefix}`,
    region: "auto",
    pathStyle: true,
    credentials: { accessKeyId: "replica", secretAccessKey: "replica-secret" },
  };
  const opened: S3Storage[] = [];
  return {
    options,
    server,
    trouble,
    requests,
    open(changed = {}) {
      const storage = openS3Storage({ ...options, ...changed });
      opened.push(storage);
      return storage;
    },
    async close() {
      for (const storage of opened) storage.close();
      proxy.closeAllConnections();
      await new Promise((resolve) => void proxy.close(resolve));
      await server.close();
    },
  };
}

/** `isCut`: the answer breaks off in the middle of its body. */
function forward(port: number, message: IncomingMessage, response: ServerResponse, isCut: boolean): void {
  const { method, url: path, headers } = message;
  const outgoing = request({ host: "127.0.0.1", port, method, path, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 500, answer.headers);
    const length = Number(answer.headers["content-length"] ?? 0);
    let passed = 0;
    answer.on("data", (chunk: Buffer) => {
      passed += chunk.length;
      if (!isCut || passed < length / 2) {
        if (!response.write(chunk)) answer.pause();
      } else response.destroy();
    });
    response.on("drain", () => answer.resume());
    answer.on("end", () => response.end()).on("error", () => response.destroy());
  });
  outgoing.on("continue", () => response.writeContinue());
  outgoing.on("error", () => response.destroy());
  response.on("close", () => outgoing.destroy());
  message.pipe(outgoing);
}
