import type { IncomingMessage } from "node:http";
import type { ObjectStorage } from "../../adapters/storage/storage.ts";
import { adoptSignedParameters, claimFromQuery, isPresigned } from "./presigned.ts";
import { type PayloadMode, payloadMode } from "./request-body.ts";
import {
  anonymousAccess,
  callerAccess,
  credentialAccess,
  type S3Access,
  type S3Caller,
  type S3Credential,
} from "./s3-access.ts";
import { S3Error } from "./s3-errors.ts";
import { headerOf, type S3Request } from "./s3-request.ts";
import {
  claimFromHeaderV2,
  claimFromQueryV2,
  isPresignedV2,
  isSignatureV2Valid,
  type SignatureV2Claim,
} from "./sig-v2.ts";
import {
  assertFresh,
  claimFromHeader,
  claimTimeMs,
  isSignatureValid,
  type SignatureClaim,
  type SigningKeys,
  sigV4Algorithm,
} from "./sig-v4.ts";

/** Who may come in, and how that is found out. */
export interface AuthenticationDeps {
  credentials: {
    /** Null when the key is unknown or dead. */
    findByAccessKey(accessKeyId: string): Promise<S3Credential | null>;
    /** For `X-Upload-Token` and `X-SimpleTuner-Secret`; leave out to refuse those headers. */
    findByUploadToken?(token: string): Promise<S3Credential | null>;
  };
  /** For requests without any S3 credential; must itself refuse requests that another site's page made. */
  authorizeCaller(message: IncomingMessage): Promise<S3Caller | null>;
  clock: () => number;
  storage: ObjectStorage;
  /** Lets those without credentials do what access lists open to everybody. */
  allowPublicAcls?: boolean;
}

/** An authenticated request: what it may reach, and how its body is to be read. */
export interface Authenticated {
  access: S3Access;
  payload: PayloadMode;
}

/** Headers that change what a signed request does; they must be part of the signature. */
const meaningfulHeader = /^x-amz-(meta-|copy-source|tagging|metadata-directive|acl$|grant-)/;

/**
 * Finds out who sent the request, in this order: upload token header, signature, presigned URL, caller. `onStranger`
 * is awaited as soon as neither a token nor a caller can decide about the request: a signature will, or it is
 * anybody's.
 */
export async function authenticate(
  deps: AuthenticationDeps,
  keys: SigningKeys,
  request: S3Request,
  onStranger: () => Promise<void>,
): Promise<Authenticated> {
  const { message } = request;
  const declaredHash = headerOf(message, "x-amz-content-sha256") ?? "UNSIGNED-PAYLOAD";
  const token = headerOf(message, "x-upload-token") ?? headerOf(message, "x-simpletuner-secret");
  if (token !== undefined && deps.credentials.findByUploadToken !== undefined) {
    const credential = await deps.credentials.findByUploadToken(token);
    if (credential === null)
      throw new S3Error("InvalidAccessKeyId", "The upload token is unknown, or its job has ended.");
    // Chunk signatures start at a signature that this token does not stand for.
    return { access: credentialAccess(credential), payload: payloadMode(declaredHash, null) };
  }
  if (isSigned(request)) {
    await onStranger();
    return authenticateSigned(deps, keys, request, declaredHash);
  }
  const caller = await deps.authorizeCaller(message);
  const payload = payloadMode(declaredHash, null);
  if (caller !== null) return { access: callerAccess(caller), payload };
  await onStranger();
  if (deps.allowPublicAcls !== true) throw new S3Error("AccessDenied");
  return { access: anonymousAccess(deps.storage), payload };
}

function isSigned(request: S3Request): boolean {
  const authorization = headerOf(request.message, "authorization") ?? "";
  return isPresigned(request) || isPresignedV2(request) || /^AWS[4 ]/.test(authorization);
}

async function authenticateSigned(
  deps: AuthenticationDeps,
  keys: SigningKeys,
  request: S3Request,
  declaredHash: string,
): Promise<Authenticated> {
  const { message } = request;
  const authorization = headerOf(message, "authorization") ?? "";
  if (authorization.startsWith(sigV4Algorithm)) {
    const claim = claimFromHeader(message);
    assertFresh(claimTimeMs(claim), deps.clock());
    return authenticateClaim(deps, keys, request, claim);
  }
  if (isPresigned(request)) {
    const authenticated = await authenticateClaim(deps, keys, request, claimFromQuery(request, deps.clock()));
    adoptSignedParameters(request);
    return authenticated;
  }
  if (isPresignedV2(request)) {
    const authenticated = await authenticateV2(
      deps,
      request,
      claimFromQueryV2(request, deps.clock()),
      declaredHash,
    );
    adoptSignedParameters(request);
    return authenticated;
  }
  if (authorization.startsWith("AWS "))
    return authenticateV2(deps, request, claimFromHeaderV2(message, deps.clock()), declaredHash);
  throw new S3Error("InvalidRequest", `The authorization mechanism is not supported. Use ${sigV4Algorithm}.`);
}

async function authenticateV2(
  deps: AuthenticationDeps,
  request: S3Request,
  claim: SignatureV2Claim,
  declaredHash: string,
): Promise<Authenticated> {
  const credential = await deps.credentials.findByAccessKey(claim.accessKeyId);
  if (credential === null) throw new S3Error("InvalidAccessKeyId");
  if (!isSignatureV2Valid(request, claim, credential.secretAccessKey))
    throw new S3Error("SignatureDoesNotMatch");
  return { access: credentialAccess(credential), payload: payloadMode(declaredHash, null) };
}

async function authenticateClaim(
  deps: AuthenticationDeps,
  keys: SigningKeys,
  request: S3Request,
  claim: SignatureClaim,
): Promise<Authenticated> {
  const credential = await deps.credentials.findByAccessKey(claim.accessKeyId);
  if (credential === null) throw new S3Error("InvalidAccessKeyId");
  const key = keys(claim, credential.secretAccessKey);
  if (!isSignatureValid(request, claim, key)) throw new S3Error("SignatureDoesNotMatch");
  assertMeaningSigned(request.message, claim);
  return { access: credentialAccess(credential), payload: payloadMode(claim.payloadHash, { claim, key }) };
}

function assertMeaningSigned(message: IncomingMessage, claim: SignatureClaim): void {
  const unsigned = Object.keys(message.headers).find(
    (name) => meaningfulHeader.test(name) && !claim.signedHeaders.includes(name),
  );
  if (unsigned !== undefined) {
    throw new S3Error(
      "AccessDenied",
      `There were headers present in the request which were not signed: ${unsigned}`,
    );
  }
}
