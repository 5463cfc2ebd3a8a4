import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from "node:crypto";

/** What a delivery carries beside its body, as it came. */
export interface WebhookHeaders {
  id: string | null;
  /** Seconds since 1970. */
  timestamp: string | null;
  /** Signatures separated by blanks, each `v1,<base64>`. */
  signature: string | null;
}

/** Deliveries whose time is further away than this are refused (CONTRACT 1.6). */
export const webhookToleranceMs = 300_000;

/** Why a delivery is not believed. */
export type SignatureProblem =
  | "it is not signed"
  | "its time is too far from this server's"
  | "its signature is wrong";

/** The key in a secret of the form `whsec_<base64>`. */
export function webhookKey(secret: string): KeyObject {
  return createSecretKey(Buffer.from(secret.replace(/^whsec_/, ""), "base64"));
}

/** The signature of a delivery: `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`. */
export function signWebhook(key: KeyObject, id: string, timestamp: string, body: Uint8Array): string {
  return `v1,${createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest("base64")}`;
}

/** Null when one of the signatures is that of a key; compares in a time that tells nothing. */
export function signatureProblem(
  keys: readonly KeyObject[],
  { id, timestamp, signature }: WebhookHeaders,
  body: Uint8Array,
  nowMs: number,
): SignatureProblem | null {
  if (!id || !timestamp || !signature) return "it is not signed";
  const atMs = /^\d{1,12}$/.test(timestamp) ? Number(timestamp) * 1_000 : Number.NaN;
  if (!(Math.abs(nowMs - atMs) <= webhookToleranceMs)) return "its time is too far from this server's";
  const given = signature
    .split(" ")
    .slice(0, 10)
    .map((each) => Buffer.from(each));
  let right = false;
  for (const key of keys) {
    const expected = Buffer.from(signWebhook(key, id, timestamp, body));
    for (const each of given)
      if (each.length === expected.length && timingSafeEqual(each, expected)) right = true;
  }
  return right ? null : "its signature is wrong";
}
