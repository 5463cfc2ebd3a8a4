import { Failure, fail } from "@simpletuner-cloud/contract/errors.ts";

/** Where requests go, as errors name it: never with credentials. */
export interface ExternalPlace {
  /** `https://host:port`, or the service's name when the SDK knows the address itself. */
  endpoint: string;
  bucket: string;
}

/** What the SDK's errors tell; `status` undefined when no answer came. */
interface ErrorFacts {
  status: number | undefined;
  /** The service's code, or the SDK's name for what went wrong. */
  name: string;
  /** Of Node's connection, such as ECONNREFUSED. */
  code: string | undefined;
}

const busyNames = new Set([
  "SlowDown",
  "RequestLimitExceeded",
  "Throttling",
  "ThrottlingException",
  "TooManyRequestsException",
]);
const fullNames = new Set(["InsufficientStorage", "XMinioStorageFull", "QuotaExceeded"]);
const digestNames = new Set(["BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch"]);
const keyNames = new Set(["InvalidURI", "XMinioInvalidObjectName", "XMinioInvalidResourceName"]);

/** True when the service answered that the object is not there; a missing bucket or upload is another matter. */
export function isAbsent(error: unknown): boolean {
  const { status, name } = factsOf(error);
  return status === 404 && name !== "NoSuchBucket" && name !== "NoSuchUpload";
}

/** True when the service does not know the multipart upload. */
export function isUnknownUpload(error: unknown): boolean {
  return factsOf(error).name === "NoSuchUpload";
}

/**
 * What is thrown instead of an error of the SDK: a failure of the contract that carries names and codes only, since
 * the SDK's errors hold whole requests with their signatures. Everything else is passed on.
 */
export function externalFailure(error: unknown, place: ExternalPlace): unknown {
  if (error instanceof Failure || !(error instanceof Error)) return error;
  const facts = factsOf(error);
  return knownFailure(facts, place) ?? serviceFailure(facts, place);
}

/** The failure for a request that was answered, but not done. */
export function refusal(reason: string, { endpoint, bucket }: ExternalPlace): Failure {
  return fail("storage_refused", { endpoint, bucket, reason });
}

function knownFailure({ status, name }: ErrorFacts, place: ExternalPlace): Failure | null {
  if (status === 412 || name === "ConditionalRequestConflict")
    return fail("object_precondition_failed", { condition: "the request" });
  if (name === "NoSuchUpload") return fail("upload_not_found", { upload_id: "of this request" });
  if (name === "InvalidPart") return fail("upload_part_invalid", { part_number: "of the list" });
  if (digestNames.has(name)) return fail("object_digest_mismatch");
  if (keyNames.has(name))
    return fail("object_key_invalid", {
      problem: `the external storage ${place.endpoint} takes no such key. Choose plain names.`,
    });
  if (status === 507 || fullNames.has(name))
    return fail("disk_full", { path: `${place.endpoint}/${place.bucket}`, free: "nothing" });
  return null;
}

function serviceFailure({ status, name, code }: ErrorFacts, place: ExternalPlace): Failure {
  const { endpoint } = place;
  if (status === 429 || status === 503 || busyNames.has(name)) return fail("storage_busy", { endpoint });
  const refused = name === "CredentialsProviderError" || (status !== undefined && status < 500);
  // Codes only: the SDK's messages may quote what was sent.
  if (refused) return refusal(reasonOf(name, status), place);
  const reason = code ?? (name === "TimeoutError" ? "no answer in time" : reasonOf(name, status));
  return fail("storage_unreachable", { endpoint, reason });
}

function reasonOf(name: string, status: number | undefined): string {
  if (status === undefined) return name;
  return /^[A-Za-z]+$/.test(name) && name !== "Unknown" ? `${status} ${name}` : String(status);
}

function factsOf(error: unknown): ErrorFacts {
  if (!(error instanceof Error)) return { status: undefined, name: "", code: undefined };
  const { name } = error;
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  return { status: statusOf(error), name, code };
}

function statusOf(error: Error): number | undefined {
  if (!("$metadata" in error) || typeof error.$metadata !== "object" || error.$metadata === null)
    return undefined;
  const { $metadata: metadata } = error;
  return "httpStatusCode" in metadata && typeof metadata.httpStatusCode === "number"
    ? metadata.httpStatusCode
    : undefined;
}
