import { Failure, fail } from "@simpletuner-cloud/contract/errors.ts";
import { OutboundError } from "../../outbound/outbound-http.ts";
import { unanswered } from "../unanswered.ts";

/** What was being done, as a person says it, and the permission it needs. */
export interface S3Act {
  words: string;
  permission: string;
}

/** The acts of a delivery. */
export const acts = {
  write: { words: "writing a file", permission: "s3:PutObject" },
  read: { words: "reading a file", permission: "s3:GetObject" },
  list: { words: "listing the bucket", permission: "s3:ListBucket" },
  delete: { words: "deleting a file", permission: "s3:DeleteObject" },
} as const satisfies Record<string, S3Act>;

/** Where it was done, as errors name it: never with credentials. */
export interface S3Place {
  name: string;
  bucket: string;
}

interface ErrorFacts {
  status: number | undefined;
  /** The service's code, such as NoSuchBucket. */
  name: string;
}

const fullNames = new Set([
  "InsufficientStorage",
  "XMinioStorageFull",
  "QuotaExceeded",
  "QuotaExceededError",
]);
const busyNames = new Set(["SlowDown", "RequestLimitExceeded", "Throttling", "TooManyRequestsException"]);

/** What to do about the codes that have a cause of their own. */
const advice: Readonly<Record<string, string>> = {
  InvalidAccessKeyId: "Check the access key.",
  SignatureDoesNotMatch: "Check the secret access key; it does not belong to the access key.",
  RequestTimeTooSkewed: "Set this machine's clock.",
  AuthorizationHeaderMalformed: "Correct the region.",
  PermanentRedirect: "Correct the region or the endpoint.",
  IllegalLocationConstraintException: "Correct the region.",
  EntityTooLarge: "The file is larger than the service takes.",
};

/** True when the service says that there is no such object. */
export function isAbsent(error: unknown): boolean {
  const { status, name } = factsOf(error);
  return status === 404 && name !== "NoSuchBucket" && name !== "NoSuchUpload";
}

/** True when the service does not know the multipart upload, or parts of it. */
export function isUnknownUpload(error: unknown): boolean {
  return ["NoSuchUpload", "InvalidPart", "InvalidPartOrder"].includes(factsOf(error).name);
}

/** True for a refusal of the one act, where another may well be allowed. */
export function isRefusal(error: unknown): boolean {
  const { status, name } = factsOf(error);
  return status === 501 || name === "AccessDenied";
}

/** True for a refusal that does not say why, as that of a HEAD request. */
export function isUnexplained(error: unknown): boolean {
  const { status = 0 } = factsOf(error);
  return status >= 300 && status < 500 && status !== 404 && status !== 429;
}

/**
 * The failure of the contract for what the SDK threw. It carries codes only: the SDK's errors hold whole requests with
 * their signatures. What is no error of a service is passed on.
 */
export function s3Failure(error: unknown, act: S3Act, { name: place, bucket }: S3Place): unknown {
  if (error instanceof Failure || !(error instanceof Error)) return error;
  if (error instanceof OutboundError) return unanswered(error, place);
  const { status, name } = factsOf(error);
  if (status === undefined) return error;
  const reason = /^[A-Za-z]+$/.test(name) && name !== "Unknown" ? `${status} ${name}` : String(status);
  if (name === "NoSuchBucket" || (status === 404 && act === acts.write))
    return fail("destination_bucket_missing", { place, bucket });
  if (status === 507 || fullNames.has(name)) return fail("destination_full", { place, reason });
  if (status === 429 || status === 503 || busyNames.has(name))
    return fail("destination_busy", { place, reason });
  if (status >= 500) return fail("destination_unreachable", { reason: `${place} failed (${reason}).` });
  const wayOut = advice[name] ?? `The access key needs ${act.permission} on ${bucket}.`;
  return fail("destination_refused", { place, action: act.words, reason, advice: wayOut });
}

function factsOf(error: unknown): ErrorFacts {
  if (!(error instanceof Error)) return { status: undefined, name: "" };
  const metadata: unknown = "$metadata" in error ? error.$metadata : null;
  const status =
    typeof metadata === "object" && metadata !== null && "httpStatusCode" in metadata
      ? metadata.httpStatusCode
      : undefined;
  return { status: typeof status === "number" ? status : undefined, name: error.name };
}
