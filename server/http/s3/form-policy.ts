import { S3Error } from "./s3-errors.ts";

/** What a policy allows beyond its fields: the file's size. */
export interface FormLimits {
  minBytes: number;
  maxBytes: number;
}

/** Fields that sign, that say what the file must be, or that S3 never looks at; no condition must name them. */
const uncoveredField =
  /^(x-ignore-.*|x-amz-checksum-[a-z0-9]+|awsaccesskeyid|signature|policy|x-amz-signature|file)$/;

/**
 * Checks the fields of a form against its policy, which its signer wrote: a base64 of JSON with `expiration` and
 * `conditions`. `fields` are by lower case name and hold the bucket too. Throws InvalidPolicyDocument for a policy
 * that is none, AccessDenied for one that has expired, that a field does not keep to, or that leaves one out.
 */
export function checkFormPolicy(
  policy: string,
  fields: ReadonlyMap<string, string>,
  nowMs: number,
): FormLimits {
  const { expiresMs, conditions } = parsePolicy(policy);
  if (nowMs > expiresMs) throw denied("Policy expired.");
  const covered = new Set<string>();
  const limits = { minBytes: 0, maxBytes: Number.POSITIVE_INFINITY };
  for (const condition of conditions) {
    if (condition.kind === "size") {
      limits.minBytes = Math.max(limits.minBytes, condition.minBytes);
      limits.maxBytes = Math.min(limits.maxBytes, condition.maxBytes);
      continue;
    }
    const value = fields.get(condition.field) ?? "";
    const holds = condition.kind === "eq" ? value === condition.value : value.startsWith(condition.value);
    if (!holds || !fields.has(condition.field)) throw denied(`Policy condition failed: ${condition.field}`);
    covered.add(condition.field);
  }
  for (const name of fields.keys()) {
    if (!covered.has(name) && !uncoveredField.test(name)) throw denied(`Extra input fields: ${name}`);
  }
  return limits;
}

type Condition =
  | { kind: "eq" | "starts-with"; field: string; value: string }
  | { kind: "size"; minBytes: number; maxBytes: number };

function parsePolicy(policy: string): { expiresMs: number; conditions: Condition[] } {
  let document: unknown;
  try {
    document = JSON.parse(Buffer.from(policy, "base64").toString("utf8"));
  } catch {
    throw invalid("The policy is not the base64 of JSON.");
  }
  if (typeof document !== "object" || document === null) throw invalid("The policy is not an object.");
  const expiration = "expiration" in document ? document.expiration : undefined;
  const isDate =
    typeof expiration === "string" && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(expiration);
  const expiresMs = isDate ? Date.parse(expiration) : Number.NaN;
  if (Number.isNaN(expiresMs)) throw invalid("expiration must be a time like 2030-01-31T12:00:00Z.");
  const conditions = "conditions" in document ? document.conditions : undefined;
  if (!Array.isArray(conditions)) throw invalid("conditions must be a list.");
  return { expiresMs, conditions: conditions.map(parseCondition) };
}

function parseCondition(condition: unknown): Condition {
  if (Array.isArray(condition)) {
    const [kind, first, second]: unknown[] = condition;
    const operator = typeof kind === "string" ? kind.toLowerCase() : "";
    if (condition.length !== 3) throw invalid("A condition in a list has three members.");
    if (operator === "content-length-range")
      return { kind: "size", minBytes: sizeOf(first), maxBytes: sizeOf(second) };
    if (
      (operator === "eq" || operator === "starts-with") &&
      typeof first === "string" &&
      first.startsWith("$") &&
      typeof second === "string"
    )
      return { kind: operator, field: first.slice(1).toLowerCase(), value: second };
  } else if (typeof condition === "object" && condition !== null) {
    const [entry, ...others] = Object.entries(condition);
    if (entry !== undefined && others.length === 0 && typeof entry[1] === "string")
      return { kind: "eq", field: entry[0].toLowerCase(), value: entry[1] };
  }
  throw invalid("A condition is not one that S3 understands.");
}

function sizeOf(value: unknown): number {
  const size = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0)
    throw invalid("content-length-range needs two numbers of bytes.");
  return size;
}

function invalid(message: string): S3Error {
  return new S3Error("InvalidPolicyDocument", message);
}

function denied(message: string): S3Error {
  return new S3Error("AccessDenied", `Invalid according to Policy: ${message}`);
}
