import type { IncomingMessage, RequestListener } from "node:http";
import type { Logger } from "pino";
import { Failure } from "@simpletuner-cloud/contract/errors.ts";
import type { Caller } from "@simpletuner-cloud/contract/permissions.ts";
import type { ObjectStorage } from "../adapters/storage/storage.ts";
import { outputsBucket } from "../domain/run-files.ts";
import { stagingBucket } from "../services/archive-staging.ts";
import type { StorageAccess, StorageAreas } from "../services/storage-access.ts";
import type { ReceivedFiles } from "../services/received-files.ts";
import { storagePath } from "../services/results.ts";
import type { Tracer } from "../services/handler.ts";
import type { LiveStorageKey, StorageKeys } from "../services/storage-keys.ts";
import type { HttpMeter } from "../services/http-meter.ts";
import type { LiveUploadToken, UploadTokens } from "../services/upload-tokens.ts";
import type { Authenticate } from "./authenticate.ts";
import type { OwnPages } from "./own-pages.ts";
import type { RequestSource } from "./request-source.ts";
import { inScope } from "./request-scope.ts";
import type { S3Credential } from "./s3/s3-access.ts";
import { createS3Handler, mountS3, type S3HandlerDeps } from "./s3/s3-handler.ts";
import type { RequestLimits } from "../services/request-limits.ts";
import type { ClientAddress } from "./client-address.ts";
import { storageRates } from "./s3/storage-rates.ts";

/** What the storage endpoint needs. */
export interface StorageMountOptions {
  storage: ObjectStorage;
  /** Settings of the endpoint. */
  endpoint: Required<Pick<S3HandlerDeps, "baseDomain" | "allowPublicAcls">>;
  tokens: UploadTokens;
  storageKeys: StorageKeys;
  received: ReceivedFiles;
  access: StorageAccess;
  areas: StorageAreas;
  authenticate: Authenticate;
  ownPages: OwnPages;
  log: Logger;
  now: () => number;
  httpMeter: HttpMeter;
  traces: Tracer | null;
  limits: RequestLimits;
  clientAddress: ClientAddress;
}

/** Puts the S3 endpoint in front of the other routes of a server, on Node's own streams. */
export function mountStorage(
  server: RequestSource,
  others: RequestListener,
  options: StorageMountOptions,
): void {
  const { httpMeter: meter, log, traces } = options;
  const mount = { pathPrefix: storagePath, ...options.endpoint };
  const handle = createS3Handler({
    ...mount,
    storage: options.storage,
    clock: options.now,
    credentials: {
      findByAccessKey: async (accessKeyId) =>
        jobCredential(await options.tokens.findLive(accessKeyId)) ??
        personCredential(await options.storageKeys.findLive(accessKeyId), options),
      findByUploadToken: async (token) => jobCredential(await options.tokens.findByToken(token)),
    },
    authorizeCaller: (request) => callerOf(request, options),
    onUploadProgress: ({ jobId, key, bytes }) => {
      options.received
        .onProgress({ jobId, key: belowArea(jobId, key), bytes })
        .catch((error: unknown) => options.log.warn({ err: error }, "upload progress was not stored"));
    },
    // Awaited before the client hears of success, so that no stored file goes without its event.
    onObjectStored: async ({ jobId, key, sizeBytes }) => {
      if (jobId !== null) await options.received.onStored({ jobId, key: belowArea(jobId, key), sizeBytes });
    },
    logger: options.log,
    rates: storageRates(options),
  });
  mountS3(
    server,
    mount,
    (request, response, expectsContinue) =>
      inScope(request, response, { log, meter, traces, isStorage: true }, () =>
        handle(request, response, expectsContinue),
      ),
    (request, response) =>
      inScope(request, response, { log, meter, traces, isStorage: false }, () => others(request, response)),
  );
}

/** What a job's own keys open: its area of the outputs, and its archive that a provider fetches. */
function jobCredential(token: LiveUploadToken | null): S3Credential | null {
  if (!token) return null;
  const client = `job:${token.jobId}`;
  if (token.opens === "archive") {
    const scope = { bucket: stagingBucket, prefix: `${token.jobId}/` };
    // Not the job's own: what is done with it is no progress of its outputs.
    return { secretAccessKey: token.secretAccessKey, scope, access: "read", jobId: null, client };
  }
  const scope = { bucket: outputsBucket, prefix: `${token.jobId}/` };
  return { ...token, scope, access: "readwrite", client };
}

/** What a person's key opens: everything for administrators who asked for it, else what the person may look at. */
function personCredential(key: LiveStorageKey | null, options: StorageMountOptions): S3Credential | null {
  if (!key) return null;
  const { secretAccessKey, access, caller } = key;
  const client = `user:${caller.userId}`;
  const credential = { secretAccessKey, access, scope: { bucket: "*", prefix: "" }, jobId: null, client };
  if (access === "readwrite") return credential;
  return {
    ...credential,
    caller: {
      canRead: (bucket, stored) => options.access(caller, "view", bucket, stored),
      readableAreas: (bucket) => options.areas(caller, bucket),
      canDelete: () => false,
    },
  };
}

/** A person's view of the storage, who came without a signature. */
async function callerOf(request: IncomingMessage, options: StorageMountOptions) {
  const caller = await options.authenticate(request);
  if (!caller) return null;
  // A page of another site must not make this browser delete anything.
  const own = isOwnPage(request, caller, options.ownPages);
  return {
    client: `user:${caller.userId}`,
    canRead: (bucket: string, key: string) => options.access(caller, "view", bucket, key),
    readableAreas: (bucket: string) => options.areas(caller, bucket),
    canDelete: async (bucket: string, key: string) => own && options.access(caller, "delete", bucket, key),
  };
}

function isOwnPage(request: IncomingMessage, caller: Caller, ownPages: OwnPages): boolean {
  try {
    ownPages.refuseOthers(request, caller);
    return true;
  } catch (error) {
    if (error instanceof Failure) return false;
    throw error;
  }
}

function belowArea(jobId: string, key: string): string {
  return key.startsWith(`${jobId}/`) ? key.slice(jobId.length + 1) : key;
}
