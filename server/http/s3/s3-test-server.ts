import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LocalStorage, openLocalStorage } from "../../adapters/storage/local/local-storage.ts";
import type { S3Caller, S3Credential } from "./s3-access.ts";
import type { StoredObjectNotice, UploadProgress } from "./s3-exchange.ts";
import { createS3Handler, mountS3 } from "./s3-handler.ts";

/** Where the test server mounts the endpoint: where the product does. */
export const testPathPrefix = "/api/cloud/storage";

/** A running endpoint for tests, with what it was told by its parts. */
export interface S3TestServer {
  /** `http://127.0.0.1:<port>/api/cloud/storage` */
  url: string;
  port: number;
  root: string;
  storage: LocalStorage;
  /** By access key; change it while the server runs. */
  credentials: Map<string, S3Credential>;
  /** Answers requests without a signature; null refuses them. */
  caller: { current: S3Caller | null };
  progress: UploadProgress[];
  stored: StoredObjectNotice[];
  failures: unknown[];
  close(): Promise<void>;
}

/** The credential of a job with this id: key `<id>-key`, secret `<id>-secret`, area `outputs/<id>/`. */
export function jobCredential(jobId: string): S3Credential {
  const scope = { bucket: "outputs", prefix: `${jobId}/` };
  return { secretAccessKey: `${jobId}-secret`, scope, access: "readwrite", jobId };
}

/** Starts the endpoint on a free port of 127.0.0.1; without `root` in a folder that `close` removes. */
export async function startS3TestServer(
  options: {
    root?: string;
    port?: number;
    durability?: "full" | "fast";
    keepFreeBytes?: number;
    clock?: () => number;
    pathPrefix?: string;
    maxConcurrentUploads?: number;
    allowPublicAcls?: boolean;
    baseDomain?: string;
  } = {},
): Promise<S3TestServer> {
  const root = options.root ?? (await mkdtemp(join(tmpdir(), "s3-test-")));
  const { durability = "fast", keepFreeBytes = 0, clock = Date.now, pathPrefix = testPathPrefix } = options;
  const storage = await openLocalStorage({ root, durability, keepFreeBytes, clock });
  await storage.createBucket("outputs");
  const credentials = new Map([["job1-key", jobCredential("job1")]]);
  const caller: { current: S3Caller | null } = { current: null };
  const progress: UploadProgress[] = [];
  const stored: StoredObjectNotice[] = [];
  const failures: unknown[] = [];
  const mount = { pathPrefix, baseDomain: options.baseDomain ?? null };
  const handler = createS3Handler({
    ...mount,
    storage,
    credentials: {
      findByAccessKey: async (accessKeyId) => credentials.get(accessKeyId) ?? null,
      findByUploadToken: async (token) =>
        [...credentials.values()].find((credential) => credential.secretAccessKey === token) ?? null,
    },
    authorizeCaller: async () => caller.current,
    clock,
    onUploadProgress: (report) => void progress.push(report),
    onObjectStored: (notice) => void stored.push(notice),
    ...(options.allowPublicAcls && { allowPublicAcls: true }),
    logger: { error: (details) => void failures.push(details) },
    ...(options.maxConcurrentUploads && { maxConcurrentUploads: options.maxConcurrentUploads }),
  });
  const server = createServer({ requestTimeout: 0, keepAliveTimeout: 65_000 });
  mountS3(server, mount, handler, (_, response) => void response.writeHead(404).end("elsewhere"));
  await new Promise<void>((resolve) => void server.listen(options.port ?? 0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}${pathPrefix}`,
    port,
    root,
    storage,
    credentials,
    caller,
    progress,
    stored,
    failures,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => void server.close(resolve));
      if (options.root === undefined) await rm(root, { recursive: true, force: true });
    },
  };
}
