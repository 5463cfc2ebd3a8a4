import { type ErrorCode, Failure } from "@simpletuner-cloud/contract/errors.ts";

/** The error codes of S3 that this endpoint answers with: HTTP status and default message. */
const s3ErrorTable = {
  AccessDenied: [403, "Access Denied. The credentials do not reach this resource."],
  AccessForbidden: [403, "No CORS rule of the bucket allows this origin, method and these headers."],
  AuthorizationHeaderMalformed: [400, "The Authorization header is not one of AWS Signature Version 4."],
  AuthorizationQueryParametersError: [
    400,
    "The signature parameters in the query are incomplete or malformed.",
  ],
  BadDigest: [400, "The body does not match the digest or checksum that was declared for it."],
  BucketAlreadyExists: [409, "A bucket of this name exists, with another access list or for another key."],
  BucketNotEmpty: [409, "The bucket is not empty. Delete its objects first."],
  EntityTooLarge: [400, "The request body is larger than this operation takes."],
  EntityTooSmall: [400, "A part other than the last is smaller than 5 MiB."],
  IncompleteBody: [400, "The body has another length than was declared."],
  InsufficientStorage: [507, "The disk of the server is full."],
  InternalError: [500, "Something failed on the server. Quote the request id when you report it."],
  InvalidAccessKeyId: [403, "The access key is unknown, or its job has ended."],
  InvalidArgument: [400, "An argument is not valid."],
  InvalidBucketName: [400, "This is not a bucket name."],
  InvalidChunkSizeError: [400, "The aws-chunked framing of the body is broken."],
  InvalidDigest: [400, "Content-MD5 is not the base64 of 16 bytes."],
  InvalidLocationConstraint: [400, "A location is up to 64 letters, digits and hyphens."],
  InvalidPart: [400, "A listed part was not uploaded or has another ETag."],
  InvalidPartOrder: [400, "The parts are not in ascending order."],
  InvalidPolicyDocument: [400, "The policy of the form is not one that S3 understands."],
  InvalidRange: [416, "The range lies outside of the object."],
  InvalidRequest: [400, "The request is not valid."],
  InvalidTag: [400, "A tag is not valid."],
  InvalidURI: [400, "The path is not valid percent-encoded UTF-8."],
  KeyTooLongError: [400, "The key is longer than 1,024 bytes."],
  MalformedACLError: [400, "The access list is not the XML that this operation takes."],
  MalformedPOSTRequest: [400, "The body is not a form of multipart/form-data."],
  MalformedTrailerError: [400, "The trailer after the body is missing or broken."],
  MalformedXML: [400, "The body is not the XML that this operation takes."],
  MaxPostPreDataLengthExceeded: [400, "The fields of the form before its file are longer than 20 KB."],
  MetadataTooLarge: [400, "The user metadata is larger than 2 KB."],
  MethodNotAllowed: [405, "This method is not possible here."],
  MissingContentLength: [411, "Send a Content-Length header."],
  NoSuchBucket: [404, "The bucket does not exist."],
  NoSuchCORSConfiguration: [404, "The bucket has no CORS configuration."],
  NoSuchKey: [404, "The object does not exist."],
  NoSuchTagSet: [404, "The bucket has no tags."],
  NoSuchUpload: [404, "The multipart upload does not exist: it was completed, aborted or it expired."],
  NoSuchVersion: [404, "There is no such version: this server keeps the current one only, named null."],
  NotImplemented: [501, "This server does not offer that S3 function."],
  PreconditionFailed: [412, "A condition of the request does not hold."],
  QuotaExceeded: [403, "The quota for stored bytes is used up."],
  RequestTimeTooSkewed: [403, "The request's time differs from the server's by more than 15 minutes."],
  SignatureDoesNotMatch: [
    403,
    "The signature is not the one computed with the secret key. Check key and method.",
  ],
  ServiceUnavailable: [503, "The external storage behind this server does not answer."],
  SlowDown: [503, "Too many uploads at the same time. Try again in a moment."],
  XAmzContentSHA256Mismatch: [400, "The body does not have the SHA-256 of x-amz-content-sha256."],
} as const satisfies Record<string, readonly [status: number, message: string]>;

/** A code of S3's error answers. */
export type S3ErrorCode = keyof typeof s3ErrorTable;

/** A refusal with an S3 error code; `headers` go into the answer. */
export class S3Error extends Error {
  readonly code: S3ErrorCode;
  readonly headers: Record<string, string>;

  constructor(code: S3ErrorCode, message?: string, headers: Record<string, string> = {}) {
    super(message ?? s3ErrorTable[code][1]);
    this.name = "S3Error";
    this.code = code;
    this.headers = headers;
  }

  /** HTTP status of the code. */
  get status(): number {
    return s3ErrorTable[this.code][0];
  }
}

const codesOfFailures: Partial<Record<ErrorCode, S3ErrorCode>> = {
  body_length_required: "MissingContentLength",
  bucket_name_invalid: "InvalidBucketName",
  bucket_not_empty: "BucketNotEmpty",
  bucket_not_found: "NoSuchBucket",
  disk_full: "InsufficientStorage",
  object_digest_mismatch: "BadDigest",
  object_key_invalid: "InvalidURI",
  object_key_too_long: "KeyTooLongError",
  object_not_found: "NoSuchKey",
  object_precondition_failed: "PreconditionFailed",
  quota_exceeded: "QuotaExceeded",
  storage_busy: "SlowDown",
  storage_refused: "ServiceUnavailable",
  storage_unreachable: "ServiceUnavailable",
  upload_not_found: "NoSuchUpload",
  upload_part_invalid: "InvalidPart",
  upload_part_order: "InvalidPartOrder",
  upload_part_too_small: "EntityTooSmall",
};

/** The S3 error for anything thrown; null when it is no expected failure. */
export function expectedS3Error(error: unknown): S3Error | null {
  if (error instanceof S3Error) return error;
  if (!(error instanceof Failure)) return null;
  const code = codesOfFailures[error.code];
  return code === undefined ? null : new S3Error(code, error.message);
}
