import { createHash, createHmac } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { listening, type SeenRequest, sendJson } from "./listening.ts";

/** A secret: text, bytes, or one that somebody deletes. */
type Stored = { text: string } | { binary: Buffer } | { isScheduledForDeletion: true };

/** AWS Secrets Manager's `GetSecretValue`, which verifies signatures of version 4 and does what it is told to do wrong. */
export async function startAwsEmulator() {
  const account = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };
  const secrets = new Map<string, Stored>();
  /** Errors that are answered next, `cut` for a connection that ends. */
  const faults: (string | "cut")[] = [];
  const seen: string[] = [];
  const { url, close } = await listening((request, response) => {
    seen.push(String(request.message.headers["x-amz-target"]));
    const fault = faults.shift();
    if (fault === "cut") return void request.message.socket.destroy();
    if (fault !== undefined) return refuse(response, fault);
    if (!isSigned(request, account)) return refuse(response, "InvalidSignatureException");
    const { SecretId: id = "" } = JSON.parse(request.body) as { SecretId?: string };
    answer(response, id, secrets.get(id));
  });
  return { url, close, account, secrets, faults, seen };
}
/** See {@link startAwsEmulator}. */
export type AwsEmulator = Awaited<ReturnType<typeof startAwsEmulator>>;

function refuse(response: ServerResponse, type: string): void {
  const status = type === "InternalServiceError" ? 500 : 400;
  sendJson(response, status, { __type: type, Message: `${type} in the service's own words` });
}

function answer(response: ServerResponse, id: string, stored: Stored | undefined): void {
  if (!stored) return refuse(response, "ResourceNotFoundException");
  if ("isScheduledForDeletion" in stored) return refuse(response, "InvalidRequestException");
  const value =
    "text" in stored ? { SecretString: stored.text } : { SecretBinary: stored.binary.toString("base64") };
  sendJson(response, 200, {
    ARN: `arn:aws:secretsmanager:us-east-1:123456789012:secret:${id}-AbCdEf`,
    Name: id,
    ...value,
  });
}

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
const hmac = (key: string | Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();

/** True when the Authorization header is the signature of this very request. */
function isSigned({ message, path, body }: SeenRequest, account: AwsEmulator["account"]): boolean {
  const header = message.headers.authorization ?? "";
  const [, accessKeyId, scope = "", names = "", signature] =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\S+), SignedHeaders=(\S+), Signature=([0-9a-f]{64})$/.exec(
      header,
    ) ?? [];
  if (accessKeyId !== account.accessKeyId || !names.split(";").includes("host")) return false;
  const [day = "", region = "", service = ""] = scope.split("/");
  const canonical = [
    message.method,
    path,
    "",
    ...names.split(";").map((name) => `${name}:${headerOf(message, name)}`),
    "",
    names,
    sha256(body),
  ].join("\n");
  const dateTime = headerOf(message, "x-amz-date");
  const toSign = ["AWS4-HMAC-SHA256", dateTime, scope, sha256(canonical)].join("\n");
  const key = [region, service, "aws4_request"].reduce(hmac, hmac(`AWS4${account.secretAccessKey}`, day));
  return service === "secretsmanager" && hmac(key, toSign).toString("hex") === signature;
}

function headerOf(message: IncomingMessage, name: string): string {
  return String(message.headers[name] ?? "").trim();
}
