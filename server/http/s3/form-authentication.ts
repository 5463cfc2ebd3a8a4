import { createHmac, timingSafeEqual } from "node:crypto";
import { checkFormPolicy, type FormLimits } from "./form-policy.ts";
import { anonymousAccess, credentialAccess, type S3Access } from "./s3-access.ts";
import type { AuthenticationDeps } from "./s3-authentication.ts";
import { S3Error } from "./s3-errors.ts";
import { hmac, parseCredential, signatureBytes, type SigningKeys, sigV4Algorithm } from "./sig-v4.ts";

/** Who sent a form, and what its policy says of the file. */
export interface AuthenticatedForm {
  access: S3Access;
  limits: FormLimits;
}

/**
 * Finds out who signed the policy of a form, with version 4 or 2. A form without a policy is anybody's. Never looks
 * at cookies: the page of another site can send forms in its visitor's name.
 */
export async function authenticateForm(
  deps: AuthenticationDeps,
  keys: SigningKeys,
  fields: ReadonlyMap<string, string>,
): Promise<AuthenticatedForm> {
  const policy = fields.get("policy");
  if (policy === undefined) {
    if (deps.allowPublicAcls !== true) throw new S3Error("AccessDenied");
    return {
      access: anonymousAccess(deps.storage),
      limits: { minBytes: 0, maxBytes: Number.POSITIVE_INFINITY },
    };
  }
  const isVersion4 = fields.has("x-amz-algorithm") || fields.has("x-amz-signature");
  const claim = isVersion4 ? claimOfVersion4(keys, fields, policy) : claimOfVersion2(fields, policy);
  const credential = await deps.credentials.findByAccessKey(claim.accessKeyId);
  if (credential === null) throw new S3Error("InvalidAccessKeyId");
  const expected = claim.sign(credential.secretAccessKey);
  if (expected.length !== claim.given.length || !timingSafeEqual(expected, claim.given))
    throw new S3Error("SignatureDoesNotMatch");
  return { access: credentialAccess(credential), limits: checkFormPolicy(policy, fields, deps.clock()) };
}

interface FormClaim {
  accessKeyId: string;
  given: Buffer;
  sign(secretAccessKey: string): Buffer;
}

function claimOfVersion2(fields: ReadonlyMap<string, string>, policy: string): FormClaim {
  return {
    accessKeyId: required(fields, "awsaccesskeyid"),
    given: signatureBytes(required(fields, "signature"), "base64"),
    sign: (secret) => createHmac("sha1", secret).update(policy).digest(),
  };
}

function claimOfVersion4(keys: SigningKeys, fields: ReadonlyMap<string, string>, policy: string): FormClaim {
  if (required(fields, "x-amz-algorithm") !== sigV4Algorithm)
    throw new S3Error("InvalidArgument", `x-amz-algorithm must be ${sigV4Algorithm}.`);
  const signature = required(fields, "x-amz-signature");
  const scope = parseCredential(required(fields, "x-amz-credential"), "InvalidArgument");
  return {
    accessKeyId: scope.accessKeyId,
    given: signatureBytes(signature, "hex"),
    sign: (secret) => hmac(keys(scope, secret), policy),
  };
}

function required(fields: ReadonlyMap<string, string>, name: string): string {
  const value = fields.get(name);
  if (value === undefined || value === "")
    throw new S3Error("InvalidArgument", `Bucket POST must contain a field named '${name}'.`);
  return value;
}
